//! Findings in the form of a monitoring plugin, for Nagios, Icinga and their like: a status line with
//! performance data, then the rest on long lines (the Monitoring Plugins Development Guidelines, "Plugin Output
//! for Nagios" and "Performance data"). Judges nothing: the word is given.

use crate::model::measure::{Measure, short};
use crate::model::text::{one_line, plural};
use crate::model::verdict::Look;
use crate::report::screen::Paint;
use crate::report::text::Row;

/// Nagios reads this many bytes of a plugin's output (`MAX_PLUGIN_OUTPUT_LENGTH` of Nagios Core 4) and cuts what
/// comes after, in the middle of an entry.
const MOST: usize = 8 * 1024;
/// Of them for the text of the status line; views show one line of it.
const TEXT: usize = 1024;
/// And for text and performance data together, so that something is left for the long lines.
const FIRST: usize = 6 * 1024;
/// Room for the line that says how much was left out.
const ROOM: usize = 64;
/// So many are named in the status line.
const NAMED: usize = 3;

/// What was found, worst first.
#[derive(Debug)]
pub struct Found<'a> {
    /// `OK`, `WARNING`, `CRITICAL` or `UNKNOWN`.
    pub word: &'static str,
    /// What the rows are: `service`, `probe`.
    pub noun: &'static str,
    /// What those are called that are as they should be: `up`.
    pub well: &'static str,
    /// What concerns the run itself, and comes before all else.
    pub said: &'a [String],
    /// One for each that was looked at.
    pub rows: &'a [Row],
    /// What was measured, under labels of their own.
    pub measures: &'a [(String, &'a Measure)],
}

impl Found<'_> {
    /// The whole output, at most 8 KiB: performance data and long lines are left out entry by entry.
    pub fn text(&self) -> String {
        let head = format!("MIRACLEMAX {} - {}", self.word, self.head());
        let mut out = cut(head, TEXT);
        let (mut sign, mut left_out) = (" | ", 0);
        for entry in self.measures.iter().map(|(label, measure)| performance(label, measure)) {
            if out.len() + sign.len() + entry.len() < FIRST {
                out.push_str(sign);
                out.push_str(&entry);
                sign = " ";
            } else {
                left_out += 1;
            }
        }
        out.push('\n');
        let missing = (left_out > 0).then(|| format!("({} left out)", plural(left_out, "measure")));
        // One row that fits into the status line is all there already.
        let more = self.rows.len() > 1 || self.rows.iter().any(|row| row.details.len() > 1);
        let rows = self.rows.iter().filter(|_| more).map(long);
        let said = self.said.iter().skip(1).map(|said| plain(said));
        append(out, missing.into_iter().chain(said).chain(rows))
    }

    fn head(&self) -> String {
        let good = |row: &&Row| row.paint == Paint::Good;
        let bad: Vec<&Row> = self.rows.iter().filter(|row| !good(row)).collect();
        let mut parts: Vec<String> = self.said.iter().take(1).map(|said| plain(said)).collect();
        parts.extend(bad.iter().take(NAMED).map(|row| brief(row)));
        if bad.len() > NAMED {
            parts.push(format!("{} more", bad.len() - NAMED));
        }
        let up = self.rows.iter().filter(good).count();
        parts.push(match self.rows {
            [] => format!("no {}s are there to look at", self.noun),
            [row] if bad.is_empty() => brief(row),
            [_] => return parts.join("; "),
            rows if bad.is_empty() => {
                format!("all {} {}", plural(rows.len(), self.noun), self.well)
            }
            rows => format!("{up} of {} {}", plural(rows.len(), self.noun), self.well),
        });
        parts.join("; ")
    }
}

/// For a run that found nothing out: the first line of why, then the others.
pub fn refusal(why: &str) -> String {
    let mut lines = why.lines().filter(|line| !line.trim().is_empty()).map(plain);
    let first = lines.next().unwrap_or_default();
    let first = cut(format!("MIRACLEMAX UNKNOWN - {first}"), TEXT);
    append(format!("{first}\n"), lines)
}

/// The measures of `looks` under labels that stay the same from run to run, whatever is measured this time:
/// `time` of a single probe, `http.time` beside probes of other kinds, `http://a/.time` beside others of its
/// kind; behind `prefix` and a dot, if there is one.
pub fn labelled<'a>(prefix: &str, looks: &'a [Look]) -> Vec<(String, &'a Measure)> {
    let kind = |look: &'a Look| look.probe.split(':').next().unwrap_or_default();
    let mut found = Vec::new();
    for look in looks {
        let same = looks.iter().filter(|other| kind(other) == kind(look)).count();
        let middle = match (looks.len(), same) {
            (1, _) => "",
            (_, 1) => kind(look),
            _ => &look.probe,
        };
        for measure in &look.measures {
            let parts = [prefix, middle, &measure.label];
            let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            found.push((parts.join("."), measure));
        }
    }
    found
}

/// `'label'=value[unit];[warn];[crit];[min];[max]`, without the semicolons at its end.
fn performance(label: &str, measure: &Measure) -> String {
    let label = one_line(label, 200).replace('\'', "''").replace('=', ":").replace('|', "¦");
    let label = if label.is_empty() { "value".to_owned() } else { label };
    let value = measure.value.and_then(number).map(|number| number + measure.unit.symbol());
    let range = |text: &Option<String>| text.clone().filter(|text| is_range(text));
    let bound = |bound: Option<f64>| bound.and_then(number).unwrap_or_default();
    let fields = [
        format!("'{label}'={}", value.unwrap_or_else(|| "U".to_owned())),
        range(&measure.warn).unwrap_or_default(),
        range(&measure.crit).unwrap_or_default(),
        bound(measure.min),
        bound(measure.max),
    ];
    fields.join(";").trim_end_matches(';').to_owned()
}

/// Digits, a sign and a point are all that the guidelines know; what does not fit in there is not known.
fn number(value: f64) -> Option<String> {
    if !value.is_finite() || value.abs() >= 1e21 {
        return None;
    }
    let text = short(value);
    if text.parse() == Ok(value) {
        return Some(text);
    }
    let text = format!("{value:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    Some(if text == "-0" { "0".to_owned() } else { text.to_owned() })
}

/// Whether it is a range of the guidelines: `10`, `10:`, `~:10`, `10:20`, `@10:20`. A foreign plugin may have
/// written anything.
fn is_range(text: &str) -> bool {
    let number = |part: &str| {
        let plain = part.strip_prefix('-').unwrap_or(part);
        plain.starts_with(|c: char| c.is_ascii_digit())
            && plain.ends_with(|c: char| c.is_ascii_digit())
            && plain.chars().all(|c| c.is_ascii_digit() || c == '.')
            && plain.parse::<f64>().is_ok()
    };
    let plain = text.strip_prefix('@').unwrap_or(text);
    match plain.split_once(':') {
        None => number(plain),
        Some((from, to)) => {
            (from.is_empty() || from == "~" || number(from)) && (to.is_empty() || number(to))
        }
    }
}

fn brief(row: &Row) -> String {
    let said = row.details.first().map(String::as_str).unwrap_or_default();
    plain(&if said.is_empty() { row.name.clone() } else { format!("{}: {said}", row.name) })
}

fn long(row: &Row) -> String {
    let said = row.details.join("; ");
    let sign = if said.is_empty() { "" } else { ": " };
    plain(&format!("{} {}{sign}{said}", row.word, row.name))
}

/// On one line, and without the sign that begins performance data.
fn plain(text: &str) -> String {
    one_line(text.trim(), 1000).replace('|', "¦")
}

/// At most `most` bytes.
fn cut(mut text: String, most: usize) -> String {
    if text.len() > most {
        let end = text.floor_char_boundary(most - '…'.len_utf8());
        text.truncate(end);
        text.push('…');
    }
    text
}

/// The lines after what is there, as many as fit, and how many did not.
fn append(mut out: String, lines: impl Iterator<Item = String>) -> String {
    let mut left_out = 0;
    for line in lines.filter(|line| !line.is_empty()) {
        if left_out == 0 && out.len() + line.len() + ROOM < MOST {
            out.push_str(&line);
            out.push('\n');
        } else {
            left_out += 1;
        }
    }
    if left_out > 0 {
        out.push_str(&format!("({} left out)\n", plural(left_out, "line")));
    }
    out
}

#[cfg(test)]
mod tests;
