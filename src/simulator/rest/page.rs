//! A page of a delivery: rows, and what does not belong there but came all the same.

use super::delivery::Format;
use crate::simulator::world::Name;
use serde_json::json;
use tokio_tungstenite::tungstenite::Bytes;

/// One row.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) id: Option<Name>,
    pub(super) data: Bytes,
}

impl Row {
    /// A row that differs from what was sent live.
    #[must_use]
    pub(super) fn reworded(self) -> Self {
        let data = self
            .data
            .strip_prefix(b"{")
            .map_or_else(|| self.data.clone(), |rest| Bytes::from([br#"{"reworded":true,"#.as_slice(), rest].concat()));
        Self { data, ..self }
    }

    /// A row that is said to be of another stream.
    #[must_use]
    pub(super) fn foreign(self) -> Self {
        let before = br#"{"hash":"ffffffffffffffffffffffffffffffff","data":"#.as_slice();
        Self { data: Bytes::from([before, &self.data, b"}"].concat()), ..self }
    }

    /// A row cut in its midst; as a member of an array, what is no interaction.
    pub(super) fn garbled(&self, format: Format) -> Bytes {
        match format {
            Format::NewLine => self.data.slice(..self.data.len() / 2),
            Format::Array | Format::Meta => Bytes::from_static(br#"{"interaction":17}"#),
        }
    }

    /// The order to delete it.
    pub(super) fn delete(&self) -> Bytes {
        let id = self.id.as_ref().map(Name::as_str);
        let document = json!({"deleted": true, "interaction": {"id": id, "type": "twitter"}, "twitter": {"id": "1"}});
        Bytes::from(document.to_string())
    }
}

/// A post that the world never made, of a second.
pub(super) fn invented(number: usize, second: i64) -> Bytes {
    let posted = crate::simulator::world::date(second);
    let posted = String::from_utf8_lossy(&posted);
    let interaction = json!({"id": format!("{number:032x}"), "type": "wordpress", "created_at": posted,
                             "content": "a post that nobody asked for"});
    Bytes::from(json!({"interaction": interaction, "wordpress": {"id": number.to_string()}}).to_string())
}

/// What stands around the rows.
#[derive(Debug)]
pub(super) struct Envelope<'e> {
    pub(super) delivery: &'e str,
    pub(super) hash: &'e str,
    /// As HTTP writes dates.
    pub(super) date: &'e str,
}

/// The body of a page.
pub(super) fn body(format: Format, rows: &[Bytes], envelope: &Envelope<'_>) -> Vec<u8> {
    match format {
        Format::NewLine => {
            let mut lines = rows.join(b"\n".as_slice());
            lines.push(b'\n');
            lines
        }
        Format::Array => array(rows),
        Format::Meta => {
            let Envelope { delivery, hash, date } = envelope;
            let date = date.replace("GMT", "+0000");
            let head = format!(
                r#"{{"id":"{delivery}","hash":"{hash}","hash_type":"historic","count":{},"delivered_at":"{date}","interactions":"#,
                rows.len()
            );
            [head.as_bytes(), &array(rows), b"}"].concat()
        }
    }
}

fn array(rows: &[Bytes]) -> Vec<u8> {
    [b"[".as_slice(), &rows.join(b",".as_slice()), b"]"].concat()
}
