//! Durations as text, as Brooklyn reads and writes them (`org.apache.brooklyn.util.time.Time`).

use std::time::Duration;

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Text that is no duration.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "not a duration: use a number with ms, s, m, h or d, as in 20s, 1m 30s or 500ms; a bare number is milliseconds"
)]
pub(crate) struct BadDuration;

/// Reads `20s`, `5 s`, `1m 30s`, `1.5 hours`; a number without a unit is milliseconds.
pub(crate) fn parse(text: &str) -> Result<Duration, BadDuration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().map(Duration::from_millis).map_err(|_| BadDuration);
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    loop {
        let (number, after) = split(rest, |c| c.is_ascii_digit() || c == '.');
        let (unit, after) = split(after.trim_start(), |c| c.is_ascii_alphabetic());
        let number: f64 = number.parse().map_err(|_| BadDuration)?;
        let part = Duration::try_from_secs_f64(number * seconds_in(unit)?).map_err(|_| BadDuration)?;
        total = total.checked_add(part).ok_or(BadDuration)?;
        rest = after.trim_start();
        if rest.is_empty() {
            return Ok(total);
        }
    }
}

/// Writes milliseconds rounded for people: `0ms`, `432ms`, `9.87s`, `33.0s`, `3m 20s`, `5h 2m`, `44d 6h`.
///
/// At most two units; a fraction only where seconds stand alone and are not whole, with one digit above 10 s and two up to it.
pub(crate) fn show(ms: u64) -> String {
    let parts = [
        (ms / DAY, "d"),
        (ms % DAY / HOUR, "h"),
        (ms % HOUR / MINUTE, "m"),
        (ms % MINUTE / SECOND, "s"),
    ];
    let Some(first) = parts.iter().position(|(count, _)| *count > 0) else {
        return format!("{ms}ms");
    };
    let fraction = ms % SECOND;
    if first == 3 && fraction > 0 {
        let places = if ms / SECOND > 10 { 1 } else { 2 };
        return seconds_rounded(ms, places);
    }
    // Brooklyn writes minutes after a day only in the place of hours, and seconds never after a day or an hour and a minute.
    let last = if first == 0 { 2 } else { 3 };
    let shown = parts[first..=last].iter().filter(|(count, _)| *count > 0).take(2);
    shown
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect::<Vec<_>>()
        .join(" ")
}

fn seconds_rounded(ms: u64, places: u32) -> String {
    let unit = 10_u64.pow(3 - places);
    let rounded = (ms + unit / 2) / unit;
    let scale = 10_u64.pow(places);
    format!(
        "{}.{:0width$}s",
        rounded / scale,
        rounded % scale,
        width = places as usize
    )
}

fn split(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}

fn seconds_in(unit: &str) -> Result<f64, BadDuration> {
    match unit.to_ascii_lowercase().as_str() {
        "ms" | "milli" | "millis" | "millisecond" | "milliseconds" => Ok(0.001),
        "s" | "sec" | "secs" | "second" | "seconds" => Ok(1.0),
        "m" | "min" | "mins" | "minute" | "minutes" => Ok(60.0),
        "h" | "hr" | "hrs" | "hour" | "hours" => Ok(3600.0),
        "d" | "day" | "days" => Ok(86_400.0),
        _ => Err(BadDuration),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_brooklyn_writes() {
        let cases = [
            (0, "0ms"),
            (7, "7ms"),
            (999, "999ms"),
            (1_000, "1s"),
            (1_040, "1.04s"),
            (9_996, "10.00s"),
            (10_500, "10.50s"),
            (11_040, "11.0s"),
            (22_400, "22.4s"),
            (33_000, "33s"),
            (33_040, "33.0s"),
            (59_990, "60.0s"),
            (60_000, "1m"),
            (200_900, "3m 20s"),
            (HOUR + 5 * SECOND, "1h 5s"),
            (HOUR + 2 * MINUTE + 5 * SECOND, "1h 2m"),
            (DAY + 5 * SECOND, "1d"),
            (DAY + 3 * MINUTE + 5 * SECOND, "1d 3m"),
            (44 * DAY + 6 * HOUR + MINUTE, "44d 6h"),
        ];
        for (ms, text) in cases {
            assert_eq!(show(ms), text, "{ms} ms");
        }
        assert!(show(u64::MAX).ends_with('h'));
    }

    #[test]
    fn what_is_read() {
        let cases = [
            ("20s", 20_000),
            ("5 s", 5_000),
            (" 5 S ", 5_000),
            ("0", 0),
            ("1500", 1_500),
            ("500ms", 500),
            ("123 millis", 123),
            ("1m 30s", 90_000),
            ("1m30s", 90_000),
            ("1.5 minutes", 90_000),
            ("2 hours", 2 * HOUR),
            ("1 day", DAY),
        ];
        for (text, ms) in cases {
            assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration() {
        for text in [
            "",
            " ",
            "s",
            "-5s",
            "5x",
            "5 5s",
            "1.5",
            "1..5s",
            ".",
            "never",
            "99999999999999999999",
            "1e9s",
            "9999999999999999999999d",
            "５s",
        ] {
            assert_eq!(parse(text), Err(BadDuration), "{text}");
        }
    }
}
