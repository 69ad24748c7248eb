//! What would leave over each channel, shown: for people, or for programs. Sends nothing, and is given no secret.

use serde_json::{Value, json};
use url::form_urlencoded;

use crate::model::leaving::{Leaving, Preview};
use crate::model::text::one_line;

/// One channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// Its name.
    pub channel: String,
    /// Why it would not be told; none when it would.
    pub why_not: Option<String>,
    /// For what it would wait.
    pub waits: Option<String>,
    /// The letters that would leave.
    pub letters: Vec<Preview>,
}

/// For people: channel by channel, and at the end those that would not be told.
pub fn text(all: &[Shown]) -> String {
    let mut out = String::new();
    for shown in all.iter().filter(|shown| shown.why_not.is_none()) {
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&format!("== {}\n", one_line(&shown.channel, 120)));
        if let Some(waits) = &shown.waits {
            out.push_str(&format!("it would wait: {waits}\n"));
        }
        for (index, letter) in shown.letters.iter().enumerate() {
            if index > 0 {
                out.push_str("--\n");
            }
            for trouble in &letter.troubles {
                out.push_str(&format!("not like this: {}\n", one_line(trouble, 400)));
            }
            let parts = letter.leaving.iter().map(part).collect::<Vec<_>>();
            out.push_str(&parts.join("--\n"));
        }
    }
    let not = all.iter().filter_map(|shown| Some((&shown.channel, shown.why_not.as_ref()?)));
    for (index, (channel, why)) in not.enumerate() {
        if index == 0 && !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&format!("not told: {}: {why}\n", one_line(channel, 120)));
    }
    out
}

fn part(leaving: &Leaving) -> String {
    match leaving {
        Leaving::Mail { by, headers, text, .. } => {
            format!("by {}\n{}\n{}", one_line(by, 400), head(headers), safe(text))
        }
        Leaving::Request { method, url, headers, body } => {
            let form = "application/x-www-form-urlencoded";
            let is_form = headers.iter().any(|(_, value)| value == form);
            let body = match serde_json::from_str::<Value>(body) {
                Ok(json) => format!("{json:#}"),
                Err(_) if is_form => form_urlencoded::parse(body.as_bytes())
                    .map(|(key, value)| format!("{key} = {value}"))
                    .collect::<Vec<_>>()
                    .join("\n"),
                Err(_) => body.clone(),
            };
            format!("{method} {}\n{}\n{}", one_line(url, 1000), head(headers), safe(&body))
        }
        Leaving::Run { argv, stdin } => {
            let words: Vec<String> = argv.iter().map(|word| format!("{word:?}")).collect();
            let told = match serde_json::from_str::<Value>(stdin) {
                Ok(json) => format!("{json:#}"),
                Err(_) => stdin.clone(),
            };
            format!("runs [{}], which reads\n\n{}", words.join(", "), safe(&told))
        }
    }
}

fn head(headers: &[(String, String)]) -> String {
    let line = |(name, value): &(String, String)| format!("{name}: {}\n", one_line(value, 1000));
    headers.iter().map(line).collect()
}

/// Line by line, without what drives a terminal.
fn safe(text: &str) -> String {
    text.trim_end().lines().map(|line| one_line(line, usize::MAX) + "\n").collect()
}

/// For programs: everything as it would leave.
pub fn json(of: &str, all: &[Shown]) -> String {
    let channels = all.iter().map(|shown| {
        json!({
            "name": shown.channel,
            "told": shown.why_not.is_none(),
            "why_not": shown.why_not,
            "waits": shown.waits,
            "letters": shown.letters.iter().map(letter).collect::<Vec<_>>(),
        })
    });
    let all = json!({ "preview": of, "channels": channels.collect::<Vec<_>>() });
    format!("{all:#}\n")
}

fn letter(preview: &Preview) -> Value {
    json!({
        "troubles": preview.troubles,
        "leaving": preview.leaving.iter().map(leaves).collect::<Vec<_>>(),
    })
}

fn leaves(leaving: &Leaving) -> Value {
    let pairs = |headers: &[(String, String)]| json!(headers);
    match leaving {
        Leaving::Mail { by, headers, text, raw } => {
            json!({ "mail": { "by": by, "headers": pairs(headers), "text": text, "raw": raw } })
        }
        Leaving::Request { method, url, headers, body } => json!({
            "request": { "method": method, "url": url, "headers": pairs(headers), "body": body },
        }),
        Leaving::Run { argv, stdin } => json!({ "run": { "argv": argv, "stdin": stdin } }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_is_shown_whole_and_drives_no_terminal() {
        let leaving = vec![
            Leaving::Request {
                method: "POST".into(),
                url: "https://h/***".into(),
                headers: vec![("Content-Type".into(), "application/json".into())],
                body: "{\"a\":\"b\"}".into(),
            },
            Leaving::Run { argv: vec!["tell".into(), "a b".into()], stdin: "x\u{1b}[2J\ny".into() },
        ];
        let told = Shown {
            channel: "all".into(),
            letters: vec![Preview { leaving, troubles: vec!["cannot read".into()] }],
            ..Shown::default()
        };
        let not =
            Shown { channel: "boss".into(), why_not: Some("`on`".into()), ..Shown::default() };
        let want = "== all\nnot like this: cannot read\nPOST https://h/***\nContent-Type: application/json\n\n\
                    {\n  \"a\": \"b\"\n}\n--\nruns [\"tell\", \"a b\"], which reads\n\nx\\u{1b}[2J\ny\n\n\
                    not told: boss: `on`\n";
        assert_eq!(text(&[told.clone(), not.clone()]), want);
        let json: Value = serde_json::from_str(&json("failed", &[told, not])).unwrap();
        assert_eq!(
            json["channels"][0]["letters"][0]["leaving"][0]["request"]["body"],
            "{\"a\":\"b\"}"
        );
        assert_eq!(json["channels"][1]["told"], false);
    }
}
