//! Reads what a monitoring plugin prints as strictly as the Monitoring Plugins Development Guidelines write it ("Plugin Output
//! for Nagios", "Performance data"): whatever is not in their grammar is an error here, even where Nagios would take it.

/// What a plugin said.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Said {
    /// `OK`, `WARNING`, `CRITICAL` or `UNKNOWN`.
    pub(crate) word: String,
    /// The rest of the status line, before its `|`.
    pub(crate) text: String,
    /// What was measured, in order.
    pub(crate) measures: Vec<Measure>,
    /// The lines after the first.
    pub(crate) long: Vec<String>,
}

/// `'label'=value[UOM];[warn];[crit];[min];[max]`
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Measure {
    /// Without its quotes.
    pub(crate) label: String,
    /// None of a `U`.
    pub(crate) value: Option<f64>,
    /// `s`, `%`, `B` …; empty for a plain number.
    pub(crate) unit: String,
    /// A range, as written; empty where there is none.
    pub(crate) warn: String,
    /// The same.
    pub(crate) crit: String,
}

/// Reads the whole output of `name`, whose status line is `NAME WORD - text | data`.
pub(crate) fn read(name: &str, output: &str) -> Result<Said, String> {
    let body = output.strip_suffix('\n').ok_or("no newline at its end")?;
    if body.chars().any(|c| c.is_control() && c != '\n') {
        return Err("a control character".into());
    }
    let mut lines = body.split('\n');
    let first = lines.next().unwrap_or_default();
    let long: Vec<String> = lines.map(str::to_owned).collect();
    let (head, data) = match first.split_once('|') {
        Some((head, data)) => (head.trim_end(), data.trim_start()),
        None => (first, ""),
    };
    if data.contains('|') || long.iter().any(|line| line.contains('|')) {
        return Err("performance data begins twice".into());
    }
    if first.contains('|') && data.is_empty() {
        return Err("no performance data after the `|`".into());
    }
    let words = head.strip_prefix(name).and_then(|rest| rest.strip_prefix(' '));
    let (word, text) = words.and_then(|rest| rest.split_once(" - ")).ok_or("no status line")?;
    if !["OK", "WARNING", "CRITICAL", "UNKNOWN"].contains(&word) {
        return Err(format!("`{word}` is no status"));
    }
    if text.trim().is_empty() {
        return Err("it says nothing".into());
    }
    let measures = measures(data)?;
    Ok(Said { word: word.to_owned(), text: text.to_owned(), measures, long })
}

fn measures(data: &str) -> Result<Vec<Measure>, String> {
    let (mut found, mut rest) = (Vec::<Measure>::new(), data);
    while !rest.is_empty() {
        let (label, after) = label(rest)?;
        let (fields, after) = after.split_once(' ').unwrap_or((after, ""));
        let measure = measure(label, fields)?;
        if found.iter().any(|other| other.label == measure.label) {
            return Err(format!("`{}` is there twice", measure.label));
        }
        found.push(measure);
        rest = after;
    }
    Ok(found)
}

/// The label, and what comes after its `=`; one without quotes has neither a blank nor a quote in it.
fn label(data: &str) -> Result<(String, &str), String> {
    let Some(mut rest) = data.strip_prefix('\'') else {
        let (label, rest) = data.split_once('=').ok_or("no `=` behind a label")?;
        let plain = !label.is_empty() && !label.contains([' ', '\'']);
        return plain.then(|| (label.to_owned(), rest)).ok_or(format!("a label `{label}`"));
    };
    let mut label = String::new();
    loop {
        let (part, after) = rest.split_once('\'').ok_or("a label is not closed")?;
        label.push_str(part);
        match after.strip_prefix('\'') {
            Some(more) => {
                label.push('\'');
                rest = more;
            }
            None if label.is_empty() || label.contains('=') => {
                return Err(format!("a label `{label}`"));
            }
            None => return Ok((label, after.strip_prefix('=').ok_or("no `=` behind a label")?)),
        }
    }
}

fn measure(label: String, fields: &str) -> Result<Measure, String> {
    let wrong = |what: &str| Err(format!("`{label}`: {what} in `{fields}`"));
    let parts: Vec<&str> = fields.split(';').collect();
    let part = |at: usize| parts.get(at).copied().unwrap_or_default();
    if parts.len() > 5 {
        return wrong("more than five fields");
    }
    let (value, unit) = if part(0) == "U" {
        (None, "")
    } else {
        let end = part(0).find(|c: char| !is_digit(c)).unwrap_or(part(0).len());
        let (number, unit) = part(0).split_at(end);
        let Some(number) = number_of(number) else { return wrong("no number") };
        (Some(number), unit)
    };
    if !["", "s", "ms", "us", "%", "B", "KB", "MB", "GB", "TB", "c"].contains(&unit) {
        return wrong("no unit");
    }
    if ![part(1), part(2)].into_iter().all(|range| range.is_empty() || is_range(range)) {
        return wrong("no range");
    }
    if ![part(3), part(4)].into_iter().all(|bound| bound.is_empty() || number_of(bound).is_some()) {
        return wrong("no bound");
    }
    let (unit, warn, crit) = (unit.to_owned(), part(1).to_owned(), part(2).to_owned());
    Ok(Measure { label, value, unit, warn, crit })
}

/// `10`, `10:`, `~:10`, `10:20`, `@10:20`, its first number being no larger than its second.
fn is_range(text: &str) -> bool {
    let plain = text.strip_prefix('@').unwrap_or(text);
    let Some((from, to)) = plain.split_once(':') else { return number_of(plain).is_some() };
    let from = if from == "~" { Some(f64::NEG_INFINITY) } else { number_of(from) };
    let to = if to.is_empty() { Some(f64::INFINITY) } else { number_of(to) };
    from.zip(to).is_some_and(|(from, to)| from <= to)
}

/// The characters of numbers: no exponent, no sign but a minus, no comma.
const fn is_digit(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '-' | '.')
}

fn number_of(text: &str) -> Option<f64> {
    let ends = text.trim_start_matches('-').starts_with(|c: char| c.is_ascii_digit())
        && text.ends_with(|c: char| c.is_ascii_digit());
    (ends && text.chars().all(is_digit)).then(|| text.parse().ok())?
}

#[test]
fn only_what_the_guidelines_write_is_read() {
    let said =
        read("X", "X WARNING - slow | 'a b'=0.5s;0.1;~:1;0 c=U '''q'=-3c;@1:2;;-5;5\nmore\n");
    let said = said.unwrap();
    assert_eq!((said.word.as_str(), said.text.as_str()), ("WARNING", "slow"));
    assert_eq!(said.long, ["more"]);
    let labels: Vec<_> = said.measures.iter().map(|one| (one.label.as_str(), one.value)).collect();
    assert_eq!(labels, [("a b", Some(0.5)), ("c", None), ("'q", Some(-3.0))]);
    assert_eq!((said.measures[0].unit.as_str(), said.measures[0].crit.as_str()), ("s", "~:1"));
    for wrong in [
        "X OK - a",
        "X FINE - a\n",
        "OK - a\n",
        "X OK - \n",
        "X OK - a |\n",
        "X OK - a | b=1\nc | d=1\n",
        "X OK - a | b=\n",
        "X OK - a | b=1e3\n",
        "X OK - a | b=1,5\n",
        "X OK - a | b=1parsec\n",
        "X OK - a | b=1;2;3;4;5;6\n",
        "X OK - a | b=1;2:1\n",
        "X OK - a | b=1;;;x\n",
        "X OK - a | b=1 b=2\n",
        "X OK - a | b c=1\n",
        "X OK - a | 'b=1\n",
        "X OK - a | ''=1\n",
        "X OK - a\u{7} b\n",
    ] {
        assert!(read("X", wrong).is_err(), "{wrong:?}");
    }
}
