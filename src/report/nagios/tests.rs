use std::sync::LazyLock;

use proptest::prelude::*;
use regex_lite::Regex;

use super::*;
use crate::model::measure::Unit;
use crate::model::verdict::Verdict;

/// Value, warn, crit, min and max as the guidelines have them.
static SHAPES: LazyLock<[Regex; 5]> = LazyLock::new(|| {
    let number = r"-?\d+(\.\d+)?";
    let value = format!(r"^(U|{number}(s|us|ms|%|B|KB|MB|TB|c)?)$");
    let range = format!(r"^(@?(({number}|~)?:({number})?|{number}))?$");
    let bound = format!(r"^({number})?$");
    [&value, &range, &range, &bound, &bound].map(|shape| Regex::new(shape).unwrap())
});

/// What a strict reader of the guidelines finds: the texts and the entries, or what is wrong.
#[derive(Debug, PartialEq, Eq)]
struct Read {
    text: String,
    entries: Vec<(String, String)>,
    long: Vec<String>,
}

/// Reads an output by the guidelines' grammar, all performance data being on the first line.
fn read(output: &str) -> Result<Read, String> {
    if output.len() > MOST || !output.ends_with('\n') {
        return Err(format!("{} bytes, or no end", output.len()));
    }
    if output.chars().any(|c| c.is_control() && c != '\n') {
        return Err("a control character".into());
    }
    let mut lines = output.lines();
    let first = lines.next().unwrap_or_default();
    let (text, data) = first.split_once(" | ").unwrap_or((first, ""));
    let words: Vec<&str> = text.splitn(4, ' ').collect();
    let known = ["OK", "WARNING", "CRITICAL", "UNKNOWN"];
    if words.len() < 4 || words[0] != "MIRACLEMAX" || !known.contains(&words[1]) || words[2] != "-"
    {
        return Err(format!("no status line: {text}"));
    }
    let long: Vec<String> = lines.map(str::to_owned).collect();
    if text.contains('|') || long.iter().any(|line| line.is_empty() || line.contains('|')) {
        return Err("a second beginning of performance data".into());
    }
    let (mut entries, mut rest) = (Vec::new(), data);
    while !rest.is_empty() {
        let (label, value, after) = entry(rest)?;
        entries.push((label, value));
        rest = after;
    }
    Ok(Read { text: text.to_owned(), entries, long })
}

/// `'label'=value[UOM];[warn];[crit];[min];[max]`: the label, the rest, and what follows the space.
fn entry(data: &str) -> Result<(String, String, &str), String> {
    let mut rest = data.strip_prefix('\'').ok_or("no quote before the label")?;
    let mut label = String::new();
    loop {
        let at = rest.find('\'').ok_or("the label is not closed")?;
        label.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(after) = rest.strip_prefix('\'') else { break };
        label.push('\'');
        rest = after;
    }
    if label.is_empty() || label.contains('=') {
        return Err(format!("no label: {label:?}"));
    }
    let rest = rest.strip_prefix('=').ok_or("no `=` behind the label")?;
    let (value, after) = rest.split_once(' ').unwrap_or((rest, ""));
    let fields: Vec<&str> = value.split(';').collect();
    for (field, shape) in fields.iter().zip(SHAPES.iter()) {
        if !shape.is_match(field) {
            return Err(format!("`{field}` of `{value}` is not {shape}"));
        }
    }
    if fields.len() > 5 || value.ends_with(';') {
        return Err(format!("`{value}` has too many fields"));
    }
    Ok((label, value.to_owned(), after))
}

fn row(word: &str, paint: Paint, name: &str, details: &[&str]) -> Row {
    let details = details.iter().map(ToString::to_string).collect();
    Row { word: word.into(), paint, name: name.into(), details }
}

fn found(word: &'static str, said: &[&str], rows: &[Row]) -> String {
    let said: Vec<String> = said.iter().map(ToString::to_string).collect();
    Found { word, noun: "service", well: "up", said: &said, rows, measures: &[] }.text()
}

#[test]
fn the_status_line_names_the_worst_and_counts_the_rest() {
    let up = |name| row("up", Paint::Good, name, &["fine"]);
    let down = |name| row("DOWN", Paint::Bad, name, &["nobody listens on port 80", "for 5s"]);
    for (word, said, rows, want) in [
        ("OK", &[][..], vec![up("web")], "OK - web: fine\n"),
        ("OK", &[], vec![row("up", Paint::Good, "web", &[])], "OK - web\n"),
        ("OK", &[], vec![up("a"), up("b")], "OK - all 2 services up\nup a: fine\nup b: fine\n"),
        ("OK", &[], vec![], "OK - no services are there to look at\n"),
        (
            "CRITICAL",
            &[],
            vec![down("web")],
            "CRITICAL - web: nobody listens on port 80\nDOWN web: nobody listens on port 80; for 5s\n",
        ),
        (
            "CRITICAL",
            &[],
            vec![down("web"), up("db")],
            "CRITICAL - web: nobody listens on port 80; 1 of 2 services up\n\
             DOWN web: nobody listens on port 80; for 5s\nup db: fine\n",
        ),
        (
            "WARNING",
            &["the state could not be saved", "mail did not accept"],
            vec![row("DEGRADED", Paint::Warn, "disk", &["full | nearly\nso"])],
            "WARNING - the state could not be saved; disk: full ¦ nearly so\nmail did not accept\n",
        ),
    ] {
        let got = found(word, said, &rows);
        assert_eq!(got, format!("MIRACLEMAX {want}"));
        read(&got).unwrap();
    }
    let many: Vec<Row> = ["a", "b", "c", "d", "e"].map(down).into_iter().chain([up("f")]).collect();
    let first = found("CRITICAL", &[], &many).lines().next().unwrap().to_owned();
    assert!(first.ends_with("c: nobody listens on port 80; 2 more; 1 of 6 services up"), "{first}");
}

#[test]
fn performance_data_is_written_as_the_guidelines_have_it() {
    let measure = |value: f64, unit| Measure::new("x", value, unit);
    let held = |warn: &str, crit: &str| Measure {
        warn: Some(warn.into()),
        crit: Some(crit.into()),
        ..measure(0.2, Unit::Seconds).between(Some(0.0), None)
    };
    for (label, measure, want) in [
        ("web.time", held("1", "2"), "'web.time'=0.2s;1;2;0"),
        ("a=b's | c", measure(1.0, Unit::Counter), "'a:b''s ¦ c'=1c"),
        ("free", measure(f64::NAN, Unit::Bytes), "'free'=U"),
        ("free", measure(1e300, Unit::Bytes), "'free'=U"),
        ("left", measure(-13.5, Unit::Days).between(None, Some(90.0)), "'left'=-13.5;;;;90"),
        ("time", held("@10:20", "~:0.8"), "'time'=0.2s;@10:20;~:0.8;0"),
        ("time", held("1;2 'x'=3", "1e9"), "'time'=0.2s;;;0"),
        ("time", measure(0.000_25, Unit::Seconds), "'time'=0.00025s"),
        ("time", measure(1.0 / 3.0, Unit::Percent), "'time'=0.333333%"),
        ("time", measure(-1e-9, Unit::Percent), "'time'=0%"),
        ("", measure(3.0, Unit::Plain), "'value'=3"),
    ] {
        let got = performance(label, &measure);
        assert_eq!(got, want);
        entry(&got).unwrap();
    }
}

#[test]
fn labels_do_not_change_with_what_is_measured() {
    let look = |probe: &str, labels: &[&str]| {
        let measures = labels.iter().map(|label| Measure::new(*label, 1.0, Unit::Plain)).collect();
        Look { measures, ..Look::new(probe, Verdict::Up, "", std::time::Duration::ZERO) }
    };
    for (prefix, looks, want) in [
        ("web", vec![look("http://a/", &["time", "size"])], &["web.time", "web.size"][..]),
        ("", vec![look("load:", &["load1"])], &["load1"]),
        ("web", vec![look("systemd:web", &[]), look("http://a/", &["time"])], &["web.http.time"]),
        (
            "",
            vec![
                look("disk:/", &["used"]),
                look("disk:/var", &["used"]),
                look("load:", &["load1"]),
            ],
            &["disk:/.used", "disk:/var.used", "load.load1"],
        ),
        ("", vec![look("disk:/", &[]), look("disk:/var", &["used"])], &["disk:/var.used"]),
    ] {
        let got: Vec<String> = labelled(prefix, &looks).into_iter().map(|(l, _)| l).collect();
        assert_eq!(got, want);
    }
}

#[test]
fn a_refusal_is_unknown_and_says_the_rest_below() {
    assert_eq!(
        refusal(
            "the configuration is wrong\n/etc/x:3:1: no key `prot`\n\n  hint: did you mean `port`?\n"
        ),
        "MIRACLEMAX UNKNOWN - the configuration is wrong\n/etc/x:3:1: no key `prot`\nhint: did you mean `port`?\n"
    );
}

#[test]
fn a_thousand_services_are_cut_between_entries_and_between_lines() {
    let measures: Vec<(String, Measure)> = (0..1000)
        .map(|n| (format!("service{n}.time"), Measure::new("time", 0.25, Unit::Seconds)))
        .collect();
    let measures: Vec<(String, &Measure)> = measures.iter().map(|(l, m)| (l.clone(), m)).collect();
    let rows: Vec<Row> =
        (0..1000).map(|n| row("up", Paint::Good, &format!("service{n}"), &["fine"])).collect();
    let output = Found {
        word: "OK",
        noun: "service",
        well: "up",
        said: &[],
        rows: &rows,
        measures: &measures,
    }
    .text();
    let read = read(&output).unwrap();
    assert_eq!(read.text, "MIRACLEMAX OK - all 1000 services up");
    let (entries, lines) = (read.entries.len(), read.long.len() - 2);
    assert!(entries > 200 && lines > 50, "{entries} entries, {lines} lines");
    assert_eq!(read.long[0], format!("({} measures left out)", 1000 - entries));
    assert_eq!(read.long[lines + 1], format!("({} lines left out)", 1000 - lines));
}

fn measures() -> impl Strategy<Value = (String, Measure)> {
    let texts = || proptest::option::of(prop_oneof!["\\PC{0,12}", "@?-?[0-9.~]{0,4}:?[0-9.]{0,4}"]);
    let unit = prop_oneof![Just(Unit::Plain), Just(Unit::Seconds), Just(Unit::Bytes)];
    let numbers = (any::<f64>(), proptest::option::of(any::<f64>()), any::<Option<u8>>());
    (any::<String>(), numbers, unit, texts(), texts()).prop_map(
        |(label, (value, min, max), unit, warn, crit)| {
            let max = max.map(f64::from);
            let measure = Measure::new("x", value, unit).between(min, max);
            (label, Measure { warn, crit, ..measure })
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_was_found_is_read_back_by_the_guidelines(
        said in proptest::collection::vec(any::<String>(), 0..3),
        rows in proptest::collection::vec(("\\PC{1,30}", any::<bool>(), proptest::collection::vec(any::<String>(), 0..3)), 0..40),
        measures in proptest::collection::vec(measures(), 0..50),
    ) {
        let rows: Vec<Row> = rows
            .into_iter()
            .map(|(name, good, details)| {
                let paint = if good { Paint::Good } else { Paint::Bad };
                Row { word: "word".into(), paint, name, details }
            })
            .collect();
        let refs: Vec<(String, &Measure)> = measures.iter().map(|(l, m)| (l.clone(), m)).collect();
        let output = Found { word: "OK", noun: "probe", well: "up", said: &said, rows: &rows, measures: &refs }.text();
        let read = read(&output).map_err(|why| TestCaseError::fail(format!("{why}\n{output}")))?;
        prop_assert!(read.entries.len() <= measures.len());
        let cut = read.long.iter().any(|line| line.contains("left out"));
        prop_assert!(read.entries.len() == measures.len() || cut);
    }

    #[test]
    fn whatever_is_refused_is_read_back(why in any::<String>()) {
        let output = refusal(&why);
        read(&output).map_err(|why| TestCaseError::fail(format!("{why}\n{output}")))?;
    }
}
