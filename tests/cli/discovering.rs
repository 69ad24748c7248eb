//! `check --discover`: what it refuses, and that it leaves a config that is there as it is. What it finds is shown in a
//! booted machine.

use super::{WEB, fast};
use crate::support::host::Host;
use crate::support::real;

#[test]
fn a_present_config_comes_first_and_unchanged() {
    let host = Host::with(&fast(&[WEB]));
    let present = host.read("config.toml");
    let ran = host.run(&["-q", "check", "--discover", "--merge"]);
    let shown = present.replace(&host.path("").display().to_string(), "$DIR/");
    assert!(ran.stdout.starts_with(&shown), "{}", ran.stdout);
    assert_eq!(host.read("config.toml"), present, "it went to standard output only");
    assert!(!host.path("state").exists(), "nothing is remembered");
}

#[test]
fn a_broken_config_is_refused_with_its_problems_and_nothing_is_written() {
    let host = Host::with(&fast(&[WEB]).replace("restart", "restrat"));
    let present = host.read("config.toml");
    host.run(&["check", "--discover", "--merge", "--output", "$DIR/config.toml"]).is(
        78,
        "",
        "miraclemax: error: the configuration is wrong\n\
         $DIR/config.toml:11:1: service has no key `restrat`\n\
         \u{20} hint: did you mean `restart`?\n",
    );
    assert_eq!(host.read("config.toml"), present);
}

#[test]
fn a_json_config_is_refused_with_a_way_out() {
    let host = Host::new();
    host.write("config.json", "{\"service\": [{\"name\": \"web\"}]}");
    let words = [
        real::miraclemax().into_os_string(),
        "--config".into(),
        host.path("config.json").into_os_string(),
        "check".into(),
        "--discover".into(),
        "--merge".into(),
    ];
    host.finish(host.bare(words.to_vec()), "check --discover --merge", "").is(
        64,
        "",
        "miraclemax: error: cannot merge into `$DIR/config.json`: it is JSON\n\
         hint: print what runs with `--discover` alone, or put it into a `.toml` file in `conf.d` beside it\n",
    );
}
