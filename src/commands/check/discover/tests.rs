//! What discovery writes is read back as the config that it is.

use super::*;
use crate::manager::Choice;
use crate::model::discovery::{Finding, Findings, Runner};
use proptest::prelude::*;

fn read(text: &str) -> Config {
    loads(Path::new("c.toml"), text, &[]).unwrap_or_else(|why| panic!("{why:#}\nin\n{text}"))
}

fn of(runner: Runner) -> Finding {
    let (marks, ports, needs, remarks) = (vec![], vec![], vec![], vec![]);
    Finding { name: "web".into(), runner, marks, ports, needs, remarks }
}

#[test]
fn nothing_found_is_a_skeleton_that_loads_and_so_does_its_example() {
    let text = discovered::config(&Findings::default());
    assert_eq!(read(&text).services.len(), 1);
    let (written, example) = text.split_once("\n# [[service]]\n").expect("it has an example");
    let example = example.replace("\n# ", "\n").replacen("# ", "", 1);
    let text = format!("{written}\n[[service]]\n{example}");
    assert_eq!(read(&text).services.len(), 2, "{text}");
}

#[test]
fn an_inline_list_of_services_cannot_be_added_to_and_is_refused() {
    let present = "service = [{ name = \"db\" }]\n";
    let more = of(Runner::Unit { unit: "web.service".into(), user: false });
    let text = discovered::merged(present, &[more]);
    let why = format!("{:#}", loads(Path::new("c.toml"), &text, &[]).unwrap_err());
    assert!(why.starts_with("what runs here cannot be written as a config\n"), "{why}");
}

proptest! {
    #[test]
    fn any_unit_that_systemd_would_take_loads_back(
        unit in r"[a-zA-Z0-9_][a-zA-Z0-9:_.\\-]{0,60}(@[a-z0-9\\-]{1,9})?\.service"
    ) {
        let found = of(Runner::Unit { unit: unit.clone(), user: false });
        let config = read(&discovered::merged("", &[found]));
        prop_assert_eq!(&config.services[0].manager, &Choice::Systemd { unit, scope: None });
    }
}
