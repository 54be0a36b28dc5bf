//! The fields of a frame that are read; everything else is passed over, and stays in the payload as it came.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::time::Time;

/// The top level of a frame.
#[derive(Deserialize)]
pub(super) struct Frame<'f> {
    #[serde(borrow, default)]
    pub(super) hash: Scalar<'f>,
    #[serde(borrow, default)]
    pub(super) hashes: Option<Vec<Scalar<'f>>>,
    #[serde(borrow, default)]
    pub(super) data: Option<&'f RawValue>,
    #[serde(borrow, default)]
    pub(super) interaction: Option<Inner<'f>>,
    #[serde(borrow, default)]
    pub(super) deleted: Scalar<'f>,
    #[serde(borrow, default)]
    pub(super) tick: Scalar<'f>,
    #[serde(borrow, default)]
    pub(super) status: Scalar<'f>,
    #[serde(borrow, default)]
    pub(super) message: Scalar<'f>,
    #[serde(default, deserialize_with = "present")]
    pub(super) reconnect: Option<()>,
}

/// What is read out of a message of a stream.
#[derive(Deserialize)]
pub(super) struct Data<'f> {
    #[serde(borrow, default)]
    pub(super) interaction: Option<Inner<'f>>,
    #[serde(borrow, default)]
    pub(super) deleted: Scalar<'f>,
}

/// What is read out of the part that every message has.
#[derive(Clone, Default, Deserialize)]
pub(super) struct Inner<'f> {
    #[serde(borrow, default)]
    pub(super) id: Scalar<'f>,
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Scalar<'f>,
    #[serde(borrow, default)]
    pub(super) created_at: Scalar<'f>,
    #[serde(borrow, default)]
    pub(super) received_at: Scalar<'f>,
}

/// A value that ought to be a text or a number. Servers differ in which; whatever else it is counts as not there.
#[derive(Clone, Debug, Default)]
pub(super) enum Scalar<'f> {
    #[default]
    Absent,
    Text(Cow<'f, str>),
    Whole(i64),
    Fraction(f64),
    Truth(bool),
    /// There, and of no use.
    Other,
}

impl<'f> Scalar<'f> {
    pub(super) fn into_text(self) -> Option<Cow<'f, str>> {
        match self {
            Self::Text(text) => Some(text),
            Self::Whole(number) => Some(Cow::Owned(number.to_string())),
            Self::Absent | Self::Fraction(_) | Self::Truth(_) | Self::Other => None,
        }
    }

    pub(super) fn is_there(&self) -> bool {
        !matches!(self, Self::Absent)
    }

    /// Whether this says yes: a server may write `true`, `1` or `"true"`.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Truth(truth) => *truth,
            Self::Whole(number) => *number == 1,
            Self::Text(text) => text.eq_ignore_ascii_case("true") || text == "1",
            Self::Absent | Self::Fraction(_) | Self::Other => false,
        }
    }

    /// A whole number, also in quotes.
    pub(super) fn whole(&self) -> Option<i64> {
        match self {
            Self::Whole(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
            Self::Absent | Self::Fraction(_) | Self::Truth(_) | Self::Other => None,
        }
    }

    /// Seconds since 1970 with a fraction, in microseconds; nothing that is not a date of our age.
    pub(super) fn seconds(&self) -> Option<i64> {
        let seconds = match self {
            Self::Fraction(number) => *number,
            Self::Whole(number) => {
                return (*number > AGE.0 && *number < AGE.1).then(|| number.saturating_mul(1_000_000));
            }
            Self::Text(text) => text.parse().ok()?,
            Self::Absent | Self::Truth(_) | Self::Other => return None,
        };
        let span = std::time::Duration::try_from_secs_f64(seconds).ok()?;
        let whole = i64::try_from(span.as_secs()).ok()?;
        (whole > AGE.0 && whole < AGE.1).then(|| i64::try_from(span.as_micros()).ok())?
    }
}

/// Seconds since 1970 that can be a date of a message: 2001 to 2286.
const AGE: (i64, i64) = (1_000_000_000, 10_000_000_000);

impl<'de: 'f, 'f> Deserialize<'de> for Scalar<'f> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Scalar<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("any value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Scalar::Whole(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(number).map_or(Scalar::Text(Cow::Owned(number.to_string())), Scalar::Whole))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Scalar::Fraction(number))
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Self::Value, E> {
        Ok(Scalar::Truth(truth))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Scalar::Absent)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }
}

/// A key that matters by being there, whatever its value.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<()>, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| Some(()))
}

/// Reads dates. Neighbouring messages bear the same second, so the last one read is kept.
#[derive(Debug, Default)]
pub(super) struct Dates {
    text: String,
    time: Option<Time>,
}

impl Dates {
    /// RFC 2822 as DataSift writes it; ISO 8601 and seconds since 1970 are understood as well.
    pub(super) fn read(&mut self, text: &str) -> Option<Time> {
        if self.text != text {
            text.clone_into(&mut self.text);
            self.time = parse(text);
        }
        self.time
    }
}

fn parse(text: &str) -> Option<Time> {
    let stamp = jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(text)
        .or_else(|_| text.parse::<jiff::Timestamp>())
        .map(jiff::Timestamp::as_microsecond);
    stamp.ok().or_else(|| Scalar::Text(Cow::Borrowed(text)).seconds()).map(Time::from_micros)
}
