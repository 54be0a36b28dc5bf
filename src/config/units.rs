//! Durations and sizes as people write them: a whole number and its unit, `65s`, `20MiB`.

/// A unit's name and how many of the smallest unit it holds; the smallest comes first.
pub(super) type Unit = (&'static str, u64);

/// Units of a duration, in milliseconds.
pub(super) const SPANS: &[Unit] = &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// Units of a size, in bytes.
pub(super) const SIZES: &[Unit] = &[("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// Reads `65s` as an amount of the smallest unit; nothing if the form is wrong or the amount too
/// large to count.
pub(super) fn parse(text: &str, units: &[Unit]) -> Option<u64> {
    let (number, name) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let (_, worth) = units.iter().find(|(unit, _)| *unit == name)?;
    number.parse::<u64>().ok()?.checked_mul(*worth)
}

/// Writes an amount in the largest unit that leaves no remainder; [`parse`] reads it back.
pub(super) fn show(amount: u64, units: &[Unit]) -> String {
    let fits = |(_, worth): &&Unit| amount >= *worth && amount.is_multiple_of(*worth);
    let (name, worth) = units.iter().rev().find(fits).or(units.first()).copied().unwrap_or(("", 1));
    format!("{}{name}", amount / worth)
}

/// How a `Duration` stands in a settings struct when it is read or printed.
pub(super) mod span {
    use std::time::Duration;

    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    pub(in crate::config) fn serialize<S: Serializer>(span: &Duration, out: S) -> Result<S::Ok, S::Error> {
        let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        out.serialize_str(&super::show(millis, super::SPANS))
    }

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(input)?;
        let millis = super::parse(&text, super::SPANS);
        millis.map(Duration::from_millis).ok_or_else(|| D::Error::custom("not a duration"))
    }
}

/// How a size in bytes stands in a settings struct when it is read or printed.
pub(super) mod size {
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands every field by reference")]
    pub(in crate::config) fn serialize<S: Serializer>(size: &usize, out: S) -> Result<S::Ok, S::Error> {
        let bytes = u64::try_from(*size).unwrap_or(u64::MAX);
        out.serialize_str(&super::show(bytes, super::SIZES))
    }

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<usize, D::Error> {
        let text = String::deserialize(input)?;
        let bytes = super::parse(&text, super::SIZES).and_then(|bytes| usize::try_from(bytes).ok());
        bytes.ok_or_else(|| D::Error::custom("not a size"))
    }
}

/// [`span`] of what may be absent.
pub(super) mod maybe_span {
    use std::time::Duration;

    use serde::de::Deserializer;
    use serde::ser::Serializer;

    #[expect(clippy::ref_option, reason = "serde hands every field by reference")]
    pub(in crate::config) fn serialize<S: Serializer>(span: &Option<Duration>, out: S) -> Result<S::Ok, S::Error> {
        match span {
            Some(span) => super::span::serialize(span, out),
            None => out.serialize_none(),
        }
    }

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Duration>, D::Error> {
        super::span::deserialize(input).map(Some)
    }
}

/// [`size`] of what may be absent.
pub(super) mod maybe_size {
    use serde::de::Deserializer;
    use serde::ser::Serializer;

    #[expect(clippy::ref_option, reason = "serde hands every field by reference")]
    pub(in crate::config) fn serialize<S: Serializer>(size: &Option<usize>, out: S) -> Result<S::Ok, S::Error> {
        match size {
            Some(size) => super::size::serialize(size, out),
            None => out.serialize_none(),
        }
    }

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Option<usize>, D::Error> {
        super::size::deserialize(input).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_are_written_in_the_largest_unit_that_fits() {
        assert_eq!(show(65_000, SPANS), "65s");
        assert_eq!(show(60_000, SPANS), "1m");
        assert_eq!(show(1_500, SPANS), "1500ms");
        assert_eq!(show(0, SPANS), "0ms");
        assert_eq!(show(20 << 20, SIZES), "20MiB");
    }

    #[test]
    fn a_number_needs_one_known_unit() {
        for text in ["", "65", "s", "65 s", "6.5s", "-6s", "65S", "65secs", "1m30s", "65s "] {
            assert_eq!(parse(text, SPANS), None, "{text}");
        }
        assert_eq!(parse("999999999999999999d", SPANS), None, "too large to count");
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(amount: u64) {
            prop_assert_eq!(parse(&show(amount, SPANS), SPANS), Some(amount));
            prop_assert_eq!(parse(&show(amount, SIZES), SIZES), Some(amount));
        }
    }
}
