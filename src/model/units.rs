//! Durations, sizes and percentages as people write them. Reads no clock.

use std::time::Duration;

/// `90s`, `20m`, `1h 30m`; ten years at most, so that adding it to a clock cannot overflow.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text.trim())
        .map_err(|err| format!("`{text}` is no duration ({err})"))?;
    if duration > Duration::from_secs(3653 * 86_400) {
        return Err(format!("`{text}` is longer than ten years"));
    }
    Ok(duration)
}

/// How often: a duration of a minute or more, or `never`.
pub fn parse_every(text: &str) -> Result<Option<Duration>, String> {
    if matches!(text, "never" | "off") {
        return Ok(None);
    }
    let every = parse_duration(text)?;
    if every < Duration::from_secs(60) {
        return Err(format!("`{text}` is less than a minute"));
    }
    Ok(Some(every))
}

/// A size in bytes: digits, a fraction if wanted, and `k`, `M`, `G` or `T` (powers of 1024).
pub fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let scale: u64 =
        match unit.trim().to_ascii_lowercase().trim_end_matches("ib").trim_end_matches('b') {
            "" => 1,
            "k" => 1 << 10,
            "m" => 1 << 20,
            "g" => 1 << 30,
            "t" => 1 << 40,
            _ => return None,
        };
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(scale);
    }
    let fraction: f64 = number.parse().ok()?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "checked to be in range"
    )]
    (0.0..1e6).contains(&fraction).then_some((fraction * scale as f64) as u64)
}

/// `10%` as 10.0.
pub fn parse_percent(text: &str) -> Option<f64> {
    let number: f64 = text.trim().strip_suffix('%')?.trim().parse().ok()?;
    (0.0..=100.0).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_percentages() {
        for (text, want) in [
            ("1M", Some(1 << 20)),
            ("1.5k", Some(1536)),
            ("12", Some(12)),
            ("2 GiB", Some(2 << 30)),
            ("x", None),
            ("-1k", None),
        ] {
            assert_eq!(parse_size(text), want, "{text}");
        }
        for (text, want) in [("10%", Some(10.0)), ("101%", None), ("10", None)] {
            assert_eq!(parse_percent(text), want, "{text}");
        }
    }

    #[test]
    fn a_duration_cannot_overflow_a_clock() {
        assert!(parse_duration("18446744073709551615s").is_err());
        assert!(parse_duration("9years").is_ok());
    }
}
