//! Numbers, sizes, spans and moments as people read them.

use std::time::Duration;

use crate::time::Time;

/// `1234567` as `1,234,567`.
pub fn count(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { "-" } else { "" });
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count with its noun: `1 gap`, `2 gaps`.
pub fn counted(number: i64, noun: &str) -> String {
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

/// Bytes in the largest unit that leaves a number above 1: `4.0 MiB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 4] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match UNITS.into_iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} bytes"),
    }
}

/// A span in its two largest units: `3 d 4 h`, `2 min 5 s`; below ten seconds with a tenth.
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match seconds {
        0..10 => format!("{}.{} s", seconds, span.subsec_millis() / 100),
        10..60 => format!("{seconds} s"),
        60..3_600 => format!("{minutes} min {} s", seconds % 60),
        3_600..86_400 => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// Whether a moment lies ahead (clocks differ). What came while the answer was put together does not.
pub fn is_ahead(moment: Time, now: Time) -> bool {
    moment.since(now) >= Duration::from_secs(1)
}

/// How long ago a moment was, or how far ahead it lies.
pub fn age(moment: Time, now: Time) -> String {
    if is_ahead(moment, now) {
        return format!("{} ahead", span(moment.since(now)));
    }
    format!("{} ago", span(now.since(moment)))
}

/// The server's clock less ours, given in microseconds, in words.
pub fn clocks(offset: i64) -> String {
    let way = if offset < 0 { "behind" } else { "ahead of" };
    format!("the server's clock is {} {way} ours", span(Duration::from_micros(offset.unsigned_abs())))
}

/// A moment to the second; the JSON has the microseconds.
pub fn moment(moment: Time) -> String {
    match jiff::Timestamp::from_microsecond(moment.micros()) {
        Ok(stamp) => stamp.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        Err(_) => moment.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_their_thousands() {
        let shown = [0, 999, 1_000, -1_234_567, i64::MIN].map(count);
        assert_eq!(shown, ["0", "999", "1,000", "-1,234,567", "-9,223,372,036,854,775,808"]);
        assert_eq!([counted(1, "gap"), counted(0, "gap")], ["1 gap", "0 gaps"]);
    }

    #[test]
    fn sizes_have_their_unit() {
        assert_eq!(
            [0, 1_023, 1_024, 4 << 20, u64::MAX].map(size),
            ["0 bytes", "1023 bytes", "1.0 KiB", "4.0 MiB", "16777215.9 TiB"]
        );
    }

    #[test]
    fn spans_have_two_units() {
        let spans =
            [0, 250, 59_999, 125_000, 11_580_000, 360_000_000].map(|millis| span(Duration::from_millis(millis)));
        assert_eq!(spans, ["0.0 s", "0.2 s", "59 s", "2 min 5 s", "3 h 13 min", "4 d 4 h"]);
    }

    #[test]
    fn clocks_differ_both_ways() {
        assert_eq!(clocks(-350_000), "the server's clock is 0.3 s behind ours");
        assert_eq!(clocks(90_000_000), "the server's clock is 1 min 30 s ahead of ours");
    }

    #[test]
    fn moments_are_told_to_the_second() {
        assert_eq!(moment(Time::from_micros(1_311_694_603_999_999)), "2011-07-26T15:36:43Z");
        let now = Time::from_micros(40_000_000);
        let ages =
            [37_500_000, 40_000_000, 40_999_999, 41_000_000, 100_000_000].map(|at| age(Time::from_micros(at), now));
        assert_eq!(ages, ["2.5 s ago", "0.0 s ago", "0.0 s ago", "1.0 s ahead", "1 min 0 s ahead"]);
    }
}
