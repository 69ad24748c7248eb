//! A mail server that accepts the connection and says nothing: the service is healed, the state saved, the run over in
//! time; and the mail arrives once, marked late, when the server works again.

use std::time::Duration;

use crate::support::place::Place;
use crate::support::real;
use crate::support::smtp::{Fault, Options, Receiver};
use crate::support::supervisor::{Supervisor, Who};

const SHORT: Duration = Duration::from_secs(20);

#[test]
fn a_silent_mail_server_costs_neither_the_heal_nor_the_mail() {
    let sections = [("program:story", "command=sleep 1000\nstartsecs=0")];
    let Some(supervisor) = Supervisor::start(Who::Same, &sections) else { return };
    let tarpit = Options { fault: Some(Fault::Tarpit), ..Options::default() };
    let Some(receiver) = Receiver::start(&tarpit) else { return };
    let port = receiver.port();
    let place = Place::new(Who::Same);
    place.config(&format!(
        "name = \"MiracleMax\"\ndeadline = \"20s\"\n[supervisord]\nurl = \"unix://{}\"\n\
         [defaults]\ntries = 1\nstable_for = \"1s\"\nverify_for = \"5s\"\n\
         [[service]]\nname = \"story\"\nsupervisord = \"story\"\n\
         [[notify]]\nvia = \"email\"\nto = [\"me@example.org\"]\nfrom = \"max@example.org\"\n\
         smtp = \"smtp+plain://127.0.0.1:{port}\"\ntimeout = \"4s\"\n",
        supervisor.socket().display()
    ));
    supervisor.wait_for("story", "RUNNING", SHORT);
    assert_eq!(place.run(&["heal", "-q"]).code(), 0);
    supervisor.ctl(&["stop", "story"]).ok();

    let ran = place.run(&["heal", "-q"]);
    assert_eq!(supervisor.state("story"), "RUNNING");
    assert_eq!(
        ran.code(),
        0,
        "it was down and has been healed, whatever became of the mail: {ran}"
    );
    assert!(ran.took < Duration::from_secs(20), "inside its deadline: {:?}", ran.took);
    assert_eq!(place.state()["services"]["story"]["status"], "up");
    assert!(ran.text().contains("did not accept"), "quiet is for what is well: {ran}");
    let status = place.run(&["status"]);
    assert!(status.text().contains("UNSENT"), "says that a mail waits: {status}");
    assert!(receiver.mails().is_empty());

    drop(receiver);
    let Some(receiver) = Receiver::start(&Options { port, ..Options::default() }) else { return };
    for _ in 0..2 {
        assert_eq!(place.run(&["heal", "-q"]).code(), 0);
    }
    let mails = receiver.mails();
    let [mail] = mails.as_slice() else { panic!("once: {mails:#?}") };
    real::saw(&mail.subject, &mail.text);
    assert_eq!(mail.subject, "✅ MiracleMax: story - RESOLVED");
    assert!(mail.text.starts_with("LATE: "), "{}", mail.text);
    assert!(!place.run(&["status"]).text().contains("UNSENT"));
}

#[test]
fn the_deadline_of_the_run_holds_where_the_channel_would_wait_longer() {
    let sections = [("program:story", "command=sleep 1000\nstartsecs=0")];
    let Some(supervisor) = Supervisor::start(Who::Same, &sections) else { return };
    let tarpit = Options { fault: Some(Fault::Tarpit), ..Options::default() };
    let Some(receiver) = Receiver::start(&tarpit) else { return };
    let place = Place::new(Who::Same);
    place.config(&format!(
        "deadline = \"12s\"\n[supervisord]\nurl = \"unix://{}\"\n\
         [defaults]\ntries = 1\nstable_for = \"1s\"\nverify_for = \"5s\"\n\
         [[service]]\nname = \"story\"\nsupervisord = \"story\"\n\
         [[notify]]\nvia = \"email\"\nto = [\"me@example.org\"]\nfrom = \"max@example.org\"\n\
         smtp = \"smtp+plain://127.0.0.1:{}\"\n",
        supervisor.socket().display(),
        receiver.port()
    ));
    supervisor.wait_for("story", "RUNNING", SHORT);
    assert_eq!(place.run(&["check", "-q"]).code(), 0);
    supervisor.ctl(&["stop", "story"]).ok();
    let ran = place.run(&["heal"]);
    assert_eq!(ran.code(), 0, "{ran}");
    assert!(ran.took < Duration::from_secs(13), "{:?}", ran.took);
    assert!(ran.text().contains("did not accept"), "{ran}");
}
