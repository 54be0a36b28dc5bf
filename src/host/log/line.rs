//! One event as one line: text for eyes, or JSON for programs.

use std::fmt;

use serde::Serializer;
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::event::PREFIX;

/// How a line looks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Form {
    /// `TIME LEVEL NOTICE field=value … | sentence`, with colours or without.
    Text { colours: bool },
    /// One object: `at`, `level`, `notice`, the fields, `message`.
    Json,
}

impl<S, N> FormatEvent<S, N> for Form
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut parts = Parts::default();
        event.record(&mut parts);
        match self {
            Self::Text { colours } => parts.text(*event.metadata().level(), *colours, &mut out),
            Self::Json => parts.json(*event.metadata().level(), &mut out),
        }
    }
}

/// The parts of a line, read back from an event.
#[derive(Default)]
struct Parts {
    at: String,
    notice: String,
    message: String,
    fields: Vec<(&'static str, Value)>,
}

impl Parts {
    fn text(&self, level: Level, colours: bool, out: &mut Writer<'_>) -> fmt::Result {
        let (colour, plain) = if colours { (colour(level), "\u{1b}[0m") } else { ("", "") };
        write!(out, "{} {colour}{level:<5}{plain} {}", self.at, self.notice)?;
        for (name, value) in &self.fields {
            if let Value::String(word) = value
                && is_bare(word)
            {
                write!(out, " {name}={word}")?;
            } else {
                write!(out, " {name}={value}")?;
            }
        }
        writeln!(out, " | {}", self.message)
    }

    fn json(&self, level: Level, out: &mut Writer<'_>) -> fmt::Result {
        let word = level.as_str().to_ascii_lowercase();
        let head =
            [("at", Value::from(self.at.as_str())), ("level", word.into()), ("notice", self.notice.as_str().into())];
        let tail = ("message", Value::from(self.message.as_str()));
        let rows = head.iter().chain(&self.fields).chain([&tail]);
        let mut line = Vec::with_capacity(256);
        match serde_json::Serializer::new(&mut line).collect_map(rows.map(|(name, value)| (name, value))) {
            Ok(()) => writeln!(out, "{}", String::from_utf8_lossy(&line)),
            Err(_) => Err(fmt::Error),
        }
    }

    fn take(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            ("siftd_notice", Value::String(text)) => self.notice = text,
            ("siftd_at", Value::String(text)) => self.at = text,
            (name, value) => {
                if let Some(name) = name.strip_prefix(PREFIX) {
                    self.fields.push((name, value));
                }
            }
        }
    }
}

impl Visit for Parts {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.take(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.take(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.take(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.take(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value.into());
    }

    /// Lists and tables come as their JSON.
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let json = format!("{value:?}");
        self.take(field, serde_json::from_str(&json).unwrap_or(Value::String(json)));
    }
}

/// Whether a word needs no quotes: nothing in it can end it.
fn is_bare(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:/".contains(c))
}

const fn colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\u{1b}[31m",
        Level::WARN => "\u{1b}[33m",
        Level::INFO => "\u{1b}[32m",
        _ => "\u{1b}[2m",
    }
}
