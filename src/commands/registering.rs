//! `ping --register`, `--verify`, `--pause`: the check of a heartbeat, there where it is pinged. Prints neither its URL
//! nor the key; writes the URL to `url_file` and nowhere else.

use anyhow::Result;
use serde_json::{Value, json};

use crate::cli::{Format, Ping};
use crate::commands::setup::Setup;
use crate::commands::switches::{LIMIT, pick};
use crate::heartbeat::Heartbeat;
use crate::heartbeat::healthchecks_api::{Check, Failed, Failure, Registered, Standing};
use crate::model::secret::SecretSource;
use crate::model::text::{human_duration, plural};
use crate::outcome::{Outcome, Refusal};
use crate::sys::clock::Deadline;
use crate::sys::secret;

/// What is to be said of one heartbeat.
struct Said {
    /// Follows its name: `created at healthchecks.io`.
    head: String,
    /// How it is or was done, each a line.
    lines: Vec<String>,
    /// What is not as it should be, each a line.
    warnings: Vec<String>,
    outcome: Outcome,
    /// For programs.
    more: Value,
}

/// Does what was asked to each of them that has an API key; the others are named and not counted.
pub(super) fn run(setup: &Setup, args: &Ping) -> Result<Outcome> {
    let configured = setup.config()?;
    setup.warn_broken(&configured);
    let heartbeats = pick(&configured, args.name.as_deref())?;
    if heartbeats.iter().all(|heartbeat| !heartbeat.has_api()) {
        let names: Vec<_> = heartbeats.iter().map(|one| format!("`{}`", one.name)).collect();
        let message = format!("there is no API key for {}", names.join(", "));
        let hint = "make one in the project's settings there, write it to a file of mode 0600, and name that:\n        \
            api_key_file = \"/etc/miraclemax/api-key\"";
        return Err(Refusal::new(Outcome::Config, message).hint(hint).into());
    }
    let deadline = setup.deadline(None).within(LIMIT);
    let (mut text, mut all, mut outcome) = (String::new(), Vec::new(), Outcome::Ok);
    for heartbeat in &heartbeats {
        let name = &heartbeat.name;
        if !heartbeat.has_api() {
            text.push_str(&format!("{name}: left out: it has no `api_key_file`\n"));
            continue;
        }
        let said = ask(setup, heartbeat, args, deadline);
        text.push_str(&format!("{name}: {}\n", said.head));
        for line in &said.lines {
            text.push_str(&format!("  {line}\n"));
        }
        for warning in &said.warnings {
            text.push_str(&format!("  warning: {warning}\n"));
        }
        outcome = outcome.worst(said.outcome);
        all.push(json!({
            "name": name,
            "at": heartbeat.api_host(),
            "exit": said.outcome.code(),
            "result": said.head,
            "details": said.lines,
            "warnings": said.warnings,
            "check": said.more,
        }));
    }
    if args.format == Format::Json {
        text = format!("{:#}\n", json!({"heartbeats": all}));
    } else if setup.screen.quiet && outcome == Outcome::Ok {
        return Ok(outcome);
    }
    setup.screen.data(&text)?;
    Ok(outcome)
}

fn ask(setup: &Setup, heartbeat: &Heartbeat, args: &Ping, deadline: Deadline) -> Said {
    let said = if args.register {
        heartbeat
            .register(args.force, deadline)
            .map(|done| registered(heartbeat, &done, args.force))
    } else if args.verify {
        heartbeat.read_back(deadline).map(|check| verified(setup, heartbeat, &check))
    } else {
        heartbeat.pause_there(deadline).map(|check| paused(heartbeat, &check))
    };
    said.unwrap_or_else(|failed| refused(heartbeat, &failed))
}

fn refused(heartbeat: &Heartbeat, failed: &Failed) -> Said {
    let outcome = match failed.what {
        Failure::Config => Outcome::Config,
        Failure::Gone => Outcome::Critical,
        Failure::Refused | Failure::Unanswered => Outcome::Unknown,
    };
    let head = match failed.what {
        Failure::Config => format!("not asked: {}", failed.why),
        _ => format!("{}: {}", heartbeat.api_host(), failed.why),
    };
    let lines = failed.hint.iter().map(|hint| format!("hint: {hint}")).collect();
    Said { head, lines, warnings: Vec::new(), outcome, more: Value::Null }
}

fn registered(heartbeat: &Heartbeat, done: &Registered, force: bool) -> Said {
    let check = &done.check;
    let at = heartbeat.api_host();
    let head = match (done.created, done.changes.is_empty()) {
        (true, _) => format!("created at {at}"),
        (false, true) => format!("found at {at}, as it should be"),
        (false, false) => format!("updated at {at}"),
    };
    let mut lines = vec![check.rhythm()];
    lines.extend(done.changes.clone());
    lines.extend(told_by(check));
    let mut warnings = Vec::new();
    if check.integrations() == Some(0) {
        warnings.push("the project has no integration: it alerts nobody".to_owned());
    }
    match (done.same, url_file(heartbeat, done, force)) {
        (Some(true), _) => lines.push("the configured URL is this check's".to_owned()),
        (_, Ok(line)) => lines.push(line),
        (_, Err(warning)) => warnings.push(warning),
    }
    if check.n_pings == 0 {
        lines.push(format!("next: `miraclemax ping '{}'`, its first ping", heartbeat.name));
    }
    let outcome = if warnings.is_empty() { Outcome::Ok } else { Outcome::Warning };
    Said { head, lines, warnings, outcome, more: more(check) }
}

/// Writes its URL where the config wants to read it; what was done, or why not.
fn url_file(heartbeat: &Heartbeat, done: &Registered, force: bool) -> Result<String, String> {
    let SecretSource::File(path) = &heartbeat.url else {
        return Err("the configured URL is not this check's: copy that from the service".into());
    };
    let shown = path.display();
    if done.same == Some(false) && !force {
        return Err(format!("the URL in `{shown}` is not this check's; `--force` replaces it"));
    }
    let Some(url) = done.check.ping_url() else {
        return Err(
            "the service tells no URL for it: a `slug` is needed where URLs have one".into()
        );
    };
    secret::write(path, &url, force).map_err(|err| format!("{err:#}"))?;
    Ok(format!("its URL was written to `{shown}`"))
}

fn verified(setup: &Setup, heartbeat: &Heartbeat, check: &Check) -> Said {
    let head = format!("{} at {}", check.status(), heartbeat.api_host());
    let mut lines = vec![check.rhythm()];
    if let Some(at) = check.last_ping {
        let ago = std::time::Duration::try_from(setup.now.wall.duration_since(at));
        let ago = human_duration(ago.unwrap_or_default());
        lines.push(format!("last ping {ago} ago, {} in all", check.n_pings));
    }
    if check.started {
        lines.push("a run has begun and not ended".to_owned());
    }
    match told_by(check) {
        Some(line) => lines.push(line),
        None if check.integrations().is_none() => {
            lines.push("its integrations are not told to a read-only key".to_owned());
        }
        None => {}
    }
    let warnings = check.findings(heartbeat);
    let standing = match check.standing() {
        Standing::Up => Outcome::Ok,
        Standing::Silent | Standing::Late => Outcome::Warning,
        Standing::Down => Outcome::Critical,
        Standing::Unknown => Outcome::Unknown,
    };
    let outcome = if warnings.is_empty() { standing } else { standing.worst(Outcome::Warning) };
    Said { head, lines, warnings, outcome, more: more(check) }
}

fn paused(heartbeat: &Heartbeat, check: &Check) -> Said {
    let head = format!("{} at {}", check.status(), heartbeat.api_host());
    let line = if check.manual_resume {
        "it ignores pings until it is resumed there"
    } else {
        "its next ping ends that: keep it from being pinged as long as it is to be quiet"
    };
    let outcome = if check.status() == "paused" { Outcome::Ok } else { Outcome::Unknown };
    Said { head, lines: vec![line.to_owned()], warnings: Vec::new(), outcome, more: more(check) }
}

fn told_by(check: &Check) -> Option<String> {
    let count = check.integrations().filter(|count| *count > 0)?;
    Some(format!("alerts by {}", plural(count, "integration")))
}

/// What programs may know of a check.
fn more(check: &Check) -> Value {
    json!({
        "status": check.status(),
        "started": check.started,
        "expects": check.rhythm(),
        "last_ping": check.last_ping.map(|at| at.to_string()),
        "pings": check.n_pings,
        "integrations": check.integrations(),
    })
}
