//! What a key takes: the form of its value, its bounds, and what to say when it is wrong.

use ::config::ValueKind;
use toml::de::DeValue;

use super::fault::{Complaint, either, near, quoted};
use super::units::{self, SIZES, SPANS, Unit};

/// The form of a value, with its least and its most.
#[derive(Debug)]
pub(super) enum Shape {
    Count(usize, usize),
    Flag,
    Share(f64, f64),
    /// In bytes.
    Size(u64, u64),
    /// In milliseconds.
    Span(u64, u64),
    /// Judged stream by stream, in `streams.rs`.
    Streams,
    Text,
    Word(&'static [&'static str]),
}

/// A value as it was found.
#[derive(Debug)]
pub(super) enum Given<'a> {
    Flag(bool),
    Float(f64),
    /// A whole number; nothing if it is too large to count.
    Integer(Option<i64>),
    /// From the environment, where a number is text as well.
    Loose(&'a str),
    Other(&'static str),
    Text(&'a str),
}

impl<'a> Given<'a> {
    pub(super) fn of(value: &'a DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Self::Text(text),
            DeValue::Integer(number) => Self::Integer(i64::from_str_radix(number.as_str(), number.radix()).ok()),
            DeValue::Float(number) => Self::Float(number.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(flag) => Self::Flag(*flag),
            DeValue::Datetime(_) => Self::Other("a date"),
            DeValue::Array(_) => Self::Other("a list"),
            DeValue::Table(_) => Self::Other("a table"),
        }
    }

    fn describe(&self) -> &'static str {
        match self {
            Self::Flag(_) => "true or false",
            Self::Float(_) => "a fraction",
            Self::Integer(_) => "a number",
            Self::Loose(_) | Self::Text(_) => "text",
            Self::Other(what) => what,
        }
    }

    fn is_not(&self, due: &str) -> Complaint {
        Complaint::new(format!("must be {due}, not {}", self.describe()))
    }
}

impl Shape {
    /// The value as the settings take it, or what is wrong with it.
    pub(super) fn judge(&self, given: &Given<'_>) -> Result<ValueKind, Complaint> {
        match self {
            Self::Count(least, most) => count(given, *least, *most),
            Self::Flag => flag(given),
            Self::Share(least, most) => share(given, *least, *most),
            Self::Size(least, most) => amount(given, SIZES, *least, *most),
            Self::Span(least, most) => amount(given, SPANS, *least, *most),
            Self::Streams => Err(given.is_not("a list of streams")),
            Self::Text => text(given),
            Self::Word(words) => word(given, words),
        }
    }
}

fn text(given: &Given<'_>) -> Result<ValueKind, Complaint> {
    let (Given::Text(text) | Given::Loose(text)) = given else {
        return Err(given.is_not("text in quotes"));
    };
    if text.trim().is_empty() {
        return Err(Complaint::new("is empty"));
    }
    if text.chars().any(char::is_control) {
        return Err(Complaint::new("holds a control character").hint("write it without"));
    }
    Ok(ValueKind::from(*text))
}

fn word(given: &Given<'_>, words: &[&str]) -> Result<ValueKind, Complaint> {
    let due = either(words.iter().copied());
    let (Given::Text(text) | Given::Loose(text)) = given else {
        return Err(given.is_not(&format!("{due}, in quotes")));
    };
    if words.contains(text) {
        return Ok(ValueKind::from(*text));
    }
    let complaint = Complaint::new(format!("must be {due}, not {}", quoted(text)));
    Err(match near(text, words.iter().copied()) {
        Some(meant) => complaint.hint(format!("did you mean `{meant}`?")),
        None => complaint,
    })
}

fn flag(given: &Given<'_>) -> Result<ValueKind, Complaint> {
    match given {
        Given::Flag(flag) => Ok(ValueKind::from(*flag)),
        Given::Loose("true") => Ok(ValueKind::from(true)),
        Given::Loose("false") => Ok(ValueKind::from(false)),
        Given::Text("true" | "false") => Err(given.is_not("true or false").hint("write it without quotes")),
        Given::Text(_) | Given::Loose(_) | Given::Integer(_) | Given::Float(_) | Given::Other(_) => {
            Err(given.is_not("true or false"))
        }
    }
}

fn count(given: &Given<'_>, least: usize, most: usize) -> Result<ValueKind, Complaint> {
    let number = match given {
        Given::Integer(number) => number.and_then(|number| usize::try_from(number).ok()),
        Given::Loose(text) if text.parse::<i128>().is_ok() => text.parse().ok(),
        Given::Text(text) if text.parse::<u64>().is_ok() => {
            return Err(given.is_not("a whole number").hint(format!("write {} without quotes", text.trim())));
        }
        Given::Text(_) | Given::Loose(_) | Given::Flag(_) | Given::Float(_) | Given::Other(_) => {
            return Err(given.is_not("a whole number"));
        }
    };
    let within = number.filter(|number| (least..=most).contains(number));
    within
        .and_then(|number| u64::try_from(number).ok())
        .map(ValueKind::from)
        .ok_or_else(|| Complaint::new(format!("must lie between {least} and {most}")))
}

fn share(given: &Given<'_>, least: f64, most: f64) -> Result<ValueKind, Complaint> {
    let number = match given {
        Given::Float(number) => *number,
        Given::Integer(number) => number.and_then(|n| i32::try_from(n).ok()).map_or(f64::NAN, f64::from),
        Given::Loose(text) if text.parse::<f64>().is_ok() => text.parse().unwrap_or(f64::NAN),
        Given::Text(text) if text.parse::<f64>().is_ok() => {
            return Err(given.is_not("a number").hint("write it without quotes"));
        }
        Given::Text(_) | Given::Loose(_) | Given::Flag(_) | Given::Other(_) => {
            return Err(given.is_not("a number"));
        }
    };
    if (least..=most).contains(&number) {
        return Ok(ValueKind::from(number));
    }
    Err(Complaint::new(format!("must lie between {least} and {most}")))
}

/// A number with its unit.
fn amount(given: &Given<'_>, units: &'static [Unit], least: u64, most: u64) -> Result<ValueKind, Complaint> {
    let example = if units == SPANS { "65s" } else { "64MiB" };
    let due = format!("a whole number with its unit ({})", either(units.iter().map(|unit| unit.0)));
    let text = match given {
        Given::Text(text) | Given::Loose(text) if bare(text) => {
            return Err(no_unit(text, units, &due));
        }
        Given::Text(text) | Given::Loose(text) => text,
        Given::Integer(Some(number)) => return Err(no_unit(&number.to_string(), units, &due)),
        Given::Integer(None) | Given::Float(_) | Given::Flag(_) | Given::Other(_) => {
            return Err(given.is_not(&due).hint(format!("write for example \"{example}\"")));
        }
    };
    let amount = units::parse(text, units).ok_or_else(|| {
        Complaint::new(format!("must be {due}, not {}", quoted(text))).hint(format!("write for example \"{example}\""))
    })?;
    if (least..=most).contains(&amount) {
        return Ok(ValueKind::from(*text));
    }
    let (least, most) = (units::show(least, units), units::show(most, units));
    Err(Complaint::new(format!("must lie between {least} and {most}")))
}

fn bare(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_digit())
}

fn no_unit(number: &str, units: &'static [Unit], due: &str) -> Complaint {
    let unit = if units == SPANS { "s" } else { "MiB" };
    Complaint::new(format!("must be {due}, and {} has none", quoted(number)))
        .hint(format!("write \"{}{unit}\"", number.trim_start_matches('-')))
}
