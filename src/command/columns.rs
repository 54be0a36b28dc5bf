//! A row of a view under the names of its columns, and the JSON that is made of such rows.

use std::fmt::Write as _;
use std::io::{self, Write};

use rusqlite::Row;
use rusqlite::types::ValueRef;
use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::ser::{CompactFormatter, Formatter};

use crate::peer_text::is_harmful;
use crate::time::Time;

/// One row of a view: names and values, in the order of the view.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns(Vec<(String, Value)>);

impl Columns {
    /// Takes over every column of a row. Bytes become hexadecimal digits.
    pub fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        let names = row.as_ref().column_names();
        let mut columns = Vec::with_capacity(names.len());
        for (place, name) in names.into_iter().enumerate() {
            let value = match row.get_ref(place)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(number) => number.into(),
                ValueRef::Real(number) => number.into(),
                ValueRef::Text(bytes) => String::from_utf8_lossy(bytes).into(),
                ValueRef::Blob(bytes) => digits(bytes).into(),
            };
            columns.push((name.to_owned(), value));
        }
        Ok(Self(columns))
    }

    /// Adds what the view does not have.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.push((name.to_owned(), value.into()));
        self
    }

    fn value(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(column, _)| column == name).map(|(_, value)| value)
    }

    /// The text of a column; empty where it is NULL.
    pub fn text(&self, name: &str) -> &str {
        self.value(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// The number of a column, if it is not NULL.
    pub fn number(&self, name: &str) -> Option<i64> {
        self.value(name).and_then(Value::as_i64)
    }

    /// The moment in a column of microseconds, if it is not NULL.
    pub fn moment(&self, name: &str) -> Option<Time> {
        self.number(name).map(Time::from_micros)
    }

    /// Whether the row has such a column at all.
    pub fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }
}

impl Serialize for Columns {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len().saturating_mul(2)), |mut text, byte| {
        // Writing to a String cannot fail.
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    })
}

/// Writes one JSON value. Characters that could steer a terminal are written as JSON escapes: nothing is lost by it.
pub fn write_json(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    value.serialize(&mut serde_json::Serializer::with_formatter(out, Harmless(CompactFormatter)))?;
    Ok(())
}

/// A document `{"name":[…]}` with one row a line, written as the rows come.
pub struct Document<'out> {
    out: &'out mut dyn Write,
    rows: usize,
}

impl<'out> Document<'out> {
    pub fn begin(out: &'out mut dyn Write, name: &str) -> io::Result<Self> {
        write!(out, "{{\"{name}\":[")?;
        Ok(Self { out, rows: 0 })
    }

    pub fn row(&mut self, columns: &Columns) -> io::Result<()> {
        self.out.write_all(if self.rows == 0 { b"\n" } else { b",\n" })?;
        self.rows = self.rows.saturating_add(1);
        write_json(self.out, columns)
    }

    pub fn end(self) -> io::Result<()> {
        writeln!(self.out, "]}}")
    }
}

struct Harmless(CompactFormatter);

impl Formatter for Harmless {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((place, harmful)) = rest.char_indices().find(|(_, character)| is_harmful(*character)) {
            let (safe, tail) = rest.split_at(place);
            self.0.write_string_fragment(writer, safe)?;
            for unit in harmful.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = tail.get(harmful.len_utf8()..).unwrap_or_default();
        }
        self.0.write_string_fragment(writer, rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(value: &impl Serialize) -> String {
        let mut out = Vec::new();
        write_json(&mut out, value).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_could_steer_a_terminal_is_escaped_and_comes_back() {
        let hostile = "\u{1b}]52;c;x\u{7}\u{9b}31m\u{7f}\u{202e}\u{e0041}é\"\\";
        let text = json(&hostile);
        assert_eq!(text, r#""\u001b]52;c;x\u0007\u009b31m\u007f\u202e\udb40\udc41é\"\\""#);
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), hostile);
    }

    proptest::proptest! {
        #[test]
        fn any_text_survives_and_harms_nothing(raw in "\\PC*|.*|[\\x00-\\x9f]*") {
            let text = json(&raw);
            proptest::prop_assert!(!text.chars().any(is_harmful));
            proptest::prop_assert_eq!(serde_json::from_str::<String>(&text).unwrap(), raw);
        }
    }

    #[test]
    fn a_row_keeps_names_and_order() {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        let columns =
            connection.query_row("SELECT 'x' AS b, 2 AS a, NULL AS n, 1.5 AS r, x'00ff' AS f", [], Columns::of);
        assert_eq!(json(&columns.unwrap()), r#"{"b":"x","a":2,"n":null,"r":1.5,"f":"00ff"}"#);
    }
}
