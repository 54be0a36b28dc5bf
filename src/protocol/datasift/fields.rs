//! The fields of a frame that are read; everything else is passed over, and stays in the payload as it came.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::limits::FRAME_OBJECTS_MAX;
use crate::time::Time;

/// The top level of a frame.
#[derive(Deserialize)]
pub(super) struct Frame<'f> {
    #[serde(borrow, default)]
    pub(super) hash: Scalar<'f>,
    #[serde(borrow, default)]
    pub(super) hashes: Option<&'f RawValue>,
    #[serde(borrow, default)]
    pub(super) data: Option<&'f RawValue>,
    #[serde(borrow, default)]
    pub(super) interaction: Inner<'f>,
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
    pub(super) interaction: Inner<'f>,
    #[serde(borrow, default)]
    pub(super) deleted: Scalar<'f>,
}

/// What is read out of the part that every message has. Nothing, if that part is anything but an object: a message is
/// not lost for it.
#[derive(Default)]
pub(super) struct Inner<'f>(pub(super) Fields<'f>);

#[derive(Default, Deserialize)]
pub(super) struct Fields<'f> {
    #[serde(borrow, default)]
    pub(super) id: Scalar<'f>,
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Scalar<'f>,
    #[serde(borrow, default)]
    pub(super) created_at: Scalar<'f>,
    #[serde(borrow, default)]
    pub(super) received_at: Scalar<'f>,
}

impl Frame<'_> {
    /// The streams that a status names, in whichever way: one by one, or as a list. Nothing, if it names too many.
    pub(super) fn names(&self) -> Option<Vec<String>> {
        let list = self.hashes.map_or("null", RawValue::get);
        let List { items, is_whole, .. } = serde_json::from_str::<List<'_, Scalar<'_>>>(list)
            .or_else(|_| serde_json::from_str(list).map(List::of))
            .unwrap_or_else(|_| List::of(Scalar::Absent));
        let names = std::iter::once(self.hash.clone()).chain(items).filter_map(Scalar::into_text);
        let names = names.map(|name| name.trim().to_ascii_lowercase()).filter(|name| !name.is_empty());
        is_whole.then(|| names.collect())
    }
}

/// The items of a list up to a bound: a list of a million numbers would take sixteen times its own room.
pub(super) struct List<'f, T> {
    pub(super) items: Vec<T>,
    /// Whether there are no more than these.
    pub(super) is_whole: bool,
    frame: PhantomData<&'f str>,
}

impl<T> List<'_, T> {
    fn of(item: T) -> Self {
        Self { items: vec![item], is_whole: true, frame: PhantomData }
    }
}

impl<'de: 'f, 'f, T: Deserialize<'de>> Deserialize<'de> for List<'f, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Items(PhantomData))
    }
}

struct Items<'f, T>(PhantomData<(&'f str, T)>);

impl<'de: 'f, 'f, T: Deserialize<'de>> Visitor<'de> for Items<'f, T> {
    type Value = List<'f, T>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let (mut items, mut is_whole) = (Vec::new(), true);
        while items.len() < FRAME_OBJECTS_MAX {
            match list.next_element()? {
                Some(item) => items.push(item),
                None => return Ok(List { items, is_whole, frame: PhantomData }),
            }
        }
        while list.next_element::<IgnoredAny>()?.is_some() {
            is_whole = false;
        }
        Ok(List { items, is_whole, frame: PhantomData })
    }
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

    /// A number that is not negative, in thousandths.
    pub(super) fn thousandths(&self) -> Option<u64> {
        let number = match self {
            Self::Fraction(number) => *number,
            Self::Whole(number) => return u64::try_from(*number).ok()?.checked_mul(1_000),
            Self::Text(text) => text.parse().ok()?,
            Self::Absent | Self::Truth(_) | Self::Other => return None,
        };
        let span = std::time::Duration::try_from_secs_f64(number).ok()?;
        u64::try_from(span.as_millis()).ok()
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

impl<'de: 'f, 'f> Deserialize<'de> for Inner<'f> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Part)
    }
}

struct Part;

impl<'de> Visitor<'de> for Part {
    type Value = Inner<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("any value")
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Inner::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Inner::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Inner::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Inner::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Inner::default())
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Inner::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Inner::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Self::Value, A::Error> {
        Fields::deserialize(MapAccessDeserializer::new(entries)).map(Inner)
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

/// A text longer than this is no date.
const DATE_MAX: usize = 64;

impl Dates {
    /// RFC 2822 as DataSift writes it; ISO 8601 and seconds since 1970 are understood as well.
    pub(super) fn read(&mut self, value: &Scalar<'_>) -> Option<Time> {
        let text = match value {
            Scalar::Text(text) if text.len() <= DATE_MAX => text,
            Scalar::Text(_) => return None,
            Scalar::Absent | Scalar::Whole(_) | Scalar::Fraction(_) | Scalar::Truth(_) | Scalar::Other => {
                return value.seconds().map(Time::from_micros);
            }
        };
        if self.text != **text {
            self.text.clear();
            self.text.push_str(text);
            self.time = parse(text).or_else(|| value.seconds()).map(Time::from_micros);
        }
        self.time
    }
}

fn parse(text: &str) -> Option<i64> {
    let stamp = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text);
    stamp.or_else(|_| text.parse()).map(jiff::Timestamp::as_microsecond).ok()
}
