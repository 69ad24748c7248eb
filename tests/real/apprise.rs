//! Apprise, as contrib/examples has it told: by its own command, and by the script of contrib/apprise. It passes letters
//! on to a receiver here, whole, or does not, and then they wait.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::place::Place;
use crate::support::real;
use crate::support::sink::Sink;
use crate::support::supervisor::Who;

/// The `[[notify]]` of that name in the example, with its programs and files where they are here.
fn example(name: &str, apprise: &Path, python: &Path, config: &Path) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib");
    let text = std::fs::read_to_string(root.join("examples/chat-and-pagers.toml"))
        .expect("the example is there");
    let begins = format!("[[notify]]\nname = \"{name}\"\n");
    let table = text.split_once(&begins).expect("the example has it").1;
    let table = table.split("\n\n").next().expect("there is always a first part");
    let script = root.join("apprise/miraclemax-apprise").display().to_string();
    let told = table
        .replace("[\"apprise\"", &format!("[\"{}\"", apprise.display()))
        .replace(
            "\"/usr/local/lib/miraclemax-apprise\"",
            &format!("\"{}\", \"{script}\"", python.display()),
        )
        .replace("/etc/miraclemax/apprise.yml", &config.display().to_string());
    assert!(!told.contains("/etc/") && !told.contains("/usr/local/"), "{told}");
    format!("{begins}{told}\n")
}

/// Where Apprise is: its command, and the Python that has it.
fn apprise() -> Option<(PathBuf, PathBuf)> {
    let found = real::which("apprise").zip(real::python());
    real::or_skip("apprise", found.is_some()).then_some(found).flatten()
}

#[test]
fn each_way_that_is_shown_hands_over_the_whole_letter() {
    let Some((program, python)) = apprise() else { return };
    for (name, meanings) in
        [("apprise", ["info", "info"]), ("apprise-colours", ["failure", "success"])]
    {
        let sink = Sink::start();
        let place = Place::new(Who::Same);
        let config = place.write(
            "apprise.yml",
            &format!("urls:\n  - json://127.0.0.1:{}/letters\n", sink.port()),
        );
        let up = place.write("up", "");
        place.config(&format!(
            "name = \"Box\"\n[defaults]\ntries = 1\nheal = \"off\"\n\
             [[service]]\nname = 'käse; \"$(true)\"'\nchecks = [\"file:{}\"]\n{}",
            up.display(),
            example(name, &program, &python, &config)
        ));
        assert_eq!(place.run(&["check", "--notify", "-q"]).code(), 0);
        std::fs::remove_file(&up).expect("it was written");
        let ran = place.run(&["check", "--notify"]);
        assert!(ran.text().ends_with("1 notification sent"), "{ran}");
        place.write("up", "");
        let ran = place.run(&["check", "--notify"]);
        assert!(ran.text().ends_with("1 notification sent"), "{ran}");

        let heard = sink.heard();
        assert_eq!(heard.len(), 2, "{name}: {heard:#?}");
        for ((one, meaning), (subject, says)) in
            heard.iter().zip(meanings).zip([("DOWN", "is missing"), ("RESOLVED", "UP AGAIN")])
        {
            assert_eq!(one.asked, "POST /letters");
            let letter = one.json();
            real::saw(name, format_args!("{letter:#}"));
            let text = |key: &str| letter[key].as_str().unwrap_or_default().to_owned();
            assert!(text("title").ends_with(&format!("käse; \"$(true)\" - {subject}")), "{letter}");
            assert!(text("message").contains(says), "{letter}");
            assert!(text("message").lines().count() > 3, "{letter}");
            assert_eq!(letter["type"], Value::from(meaning), "{name}");
        }
    }
}

#[test]
fn what_no_service_took_waits() {
    let Some((program, python)) = apprise() else { return };
    for (name, urls, why) in [
        (
            "apprise",
            format!("urls:\n  - json://127.0.0.1:{}\n", real::free_port()),
            "exit status 1",
        ),
        (
            "apprise-colours",
            format!("urls:\n  - json://127.0.0.1:{}\n", real::free_port()),
            "not every service took it",
        ),
        ("apprise-colours", "urls: []\n".to_owned(), "names a service"),
    ] {
        let place = Place::new(Who::Same);
        let config = place.write("apprise.yml", &urls);
        place.config(&format!(
            "[defaults]\ntries = 1\nheal = \"off\"\n\
             [[service]]\nname = \"web\"\nchecks = [\"file:/no/such/file\"]\n{}",
            example(name, &program, &python, &config)
        ));
        let ran = place.run(&["check", "--notify"]);
        assert_eq!(ran.code(), 2, "{ran}");
        assert!(ran.text().contains(&format!("{name} did not accept a notification")), "{ran}");
        assert!(ran.text().contains(why), "{name}: {ran}");
        let status = place.run(&["status"]);
        assert!(status.text().contains("UNSENT"), "{status}");
    }
}
