//! `stale`: is it still being renewed, and if not, why not. Reads metadata only, and never blocks.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use jiff::Timestamp;
use jiff::fmt::rfc2822;

use crate::cli::Stale;
use crate::commands::fresh;
use crate::commands::setup::Setup;
use crate::model::text::{human_duration, one_line};
use crate::outcome::Outcome;
use crate::sys::files::{self, Kind, Missed};
use crate::sys::http::{self, Request};

/// How old a file or URL may be when nothing is said: a check every 15 minutes and 5 of grace.
const MAX_AGE: Duration = Duration::from_secs(20 * 60);
/// How long one file or URL may take to answer.
const LIMIT: Duration = Duration::from_secs(10);
/// Clocks may differ by this much before a time in the future is a finding.
const SKEW: Duration = Duration::from_secs(60);

/// One answer: the outcome and a line.
struct Answer {
    outcome: Outcome,
    text: String,
}

/// Judges each, worst first is the caller's business: they are printed in the order asked.
pub(super) fn run(setup: &Setup, args: &Stale) -> Result<Outcome> {
    let answers = if args.what.is_empty() {
        let own = fresh::remember(setup, None, args.max_age)?;
        let path = setup.state_path()?.join("state.json");
        let text = format!("{}: {}: {}", path.display(), own.word, own.words);
        vec![Answer { outcome: own.outcome, text }]
    } else {
        let limit = setup.deadline(None).left().min(LIMIT);
        let max_age = args.max_age.unwrap_or(MAX_AGE);
        args.what.iter().map(|what| judge(setup, what, max_age, limit)).collect()
    };
    let outcome = answers.iter().map(|answer| answer.outcome).fold(Outcome::Ok, Outcome::worst);
    let shown =
        answers.iter().filter(|answer| !setup.screen.quiet || answer.outcome != Outcome::Ok);
    let text: String = shown.map(|answer| format!("{}\n", answer.text)).collect();
    if !text.is_empty() {
        setup.screen.data(&text)?;
    }
    Ok(outcome)
}

fn judge(setup: &Setup, what: &str, max_age: Duration, limit: Duration) -> Answer {
    let found = if what.starts_with("http://") || what.starts_with("https://") {
        url_age(setup, what, limit)
    } else {
        file_age(setup, Path::new(what), limit)
    };
    let what = one_line(what, 200);
    let (outcome, said) = match found {
        Ok(Age::Past(age)) => aged(age, max_age),
        Ok(Age::Ahead(by)) => (
            Outcome::Unknown,
            format!(
                "CLOCK: changed {} in the future; one of the clocks is wrong",
                human_duration(by)
            ),
        ),
        Err(Missing::NotThere(why)) => (Outcome::Critical, format!("STALE: {why}")),
        Err(Missing::NotToBeJudged(why)) => (Outcome::Unknown, format!("UNKNOWN: {why}")),
    };
    Answer { outcome, text: format!("{what}: {said}") }
}

fn aged(age: Duration, max_age: Duration) -> (Outcome, String) {
    let (age_words, limit) = (human_duration(age), human_duration(max_age));
    if age > max_age {
        (Outcome::Critical, format!("STALE: last changed {age_words} ago, the limit is {limit}"))
    } else {
        (Outcome::Ok, format!("FRESH: changed {age_words} ago, the limit is {limit}"))
    }
}

/// How long ago it changed.
enum Age {
    Past(Duration),
    Ahead(Duration),
}

/// Why there is no age.
enum Missing {
    NotThere(String),
    NotToBeJudged(String),
}

fn file_age(setup: &Setup, path: &Path, limit: Duration) -> Result<Age, Missing> {
    let look = files::look(path, limit).map_err(|trouble| match trouble {
        Missed::Missing => Missing::NotThere("not there".into()),
        other => Missing::NotToBeJudged(other.to_string()),
    })?;
    match look.kind {
        Kind::File => {}
        other => return Err(Missing::NotToBeJudged(format!("it is {}, not a file", other.word()))),
    }
    Ok(since(look.mtime, setup.now.wall))
}

fn since(then: Timestamp, now: Timestamp) -> Age {
    let passed = now.duration_since(then);
    match Duration::try_from(passed) {
        Ok(age) => Age::Past(age),
        Err(_) if passed.unsigned_abs() <= SKEW => Age::Past(Duration::ZERO),
        Err(_) => Age::Ahead(passed.unsigned_abs()),
    }
}

fn url_age(setup: &Setup, url: &str, limit: Duration) -> Result<Age, Missing> {
    let ask = |method: &str| {
        http::send(&Request {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
            limit,
            redirects: 5,
            most: 0,
            unix: None,
            trust: crate::sys::tls::Trust::default(),
        })
    };
    let mut answer = ask("HEAD");
    if matches!(&answer, Ok(response) if matches!(response.status, 405 | 501)) {
        answer = ask("GET");
    }
    let response = answer.map_err(|trouble| Missing::NotToBeJudged(trouble.to_string()))?;
    match response.status {
        200..=299 => {}
        404 | 410 => {
            return Err(Missing::NotThere(format!("not there (status {})", response.status)));
        }
        status => {
            return Err(Missing::NotToBeJudged(format!(
                "the server answered with status {status}"
            )));
        }
    }
    let Some(changed) = response.header("last-modified").and_then(http_date) else {
        return Err(Missing::NotToBeJudged(
            "the server does not say when it was last modified".into(),
        ));
    };
    // By the server's own clock where it tells: then it does not matter whether ours is right.
    let now = response.header("date").and_then(http_date).unwrap_or(setup.now.wall);
    Ok(since(changed, now))
}

/// An HTTP date (RFC 9110 section 5.6.7, the preferred form).
fn http_date(text: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().parse_zoned(text).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_http_date_is_understood() {
        let date = http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        assert_eq!(date.as_second(), 784_111_777);
        assert!(http_date("yesterday").is_none());
    }

    #[test]
    fn the_limit_itself_is_still_fresh_and_a_small_skew_is_no_finding() {
        let limit = Duration::from_secs(60);
        assert_eq!(aged(limit, limit).0, Outcome::Ok);
        assert_eq!(aged(limit + Duration::from_secs(1), limit).0, Outcome::Critical);
        let now = Timestamp::from_second(1000).unwrap();
        assert!(
            matches!(since(now + Duration::from_secs(30), now), Age::Past(age) if age.is_zero())
        );
        assert!(matches!(since(now + Duration::from_secs(90), now), Age::Ahead(_)));
    }
}
