//! A page of a delivery: rows, and what does not belong there but came all the same.

use super::delivery::Format;
use crate::simulator::world::Name;
use serde_json::json;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashMap;
use tokio_tungstenite::tungstenite::Bytes;

/// One row.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) id: Option<Name>,
    pub(super) data: Bytes,
    /// The streams that it is of, where several were asked for: their places.
    pub(super) streams: Vec<usize>,
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

    /// A row that bears these tags beside those that it has.
    #[must_use]
    pub(super) fn tagged(self, tags: &[&str]) -> Self {
        let data = std::str::from_utf8(&self.data).ok().and_then(|text| tagged(text, tags));
        Self { data: data.map_or_else(|| self.data.clone(), Bytes::from), ..self }
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

/// The text of a message with these tags in its interaction; everything else stays byte for byte.
fn tagged(text: &str, tags: &[&str]) -> Option<String> {
    type Fields<'f> = HashMap<Cow<'f, str>, &'f RawValue>;
    let interaction = serde_json::from_str::<Fields<'_>>(text).ok()?.get("interaction")?.get();
    let own = serde_json::from_str::<Fields<'_>>(interaction).ok()?.get("tags").map(|tags| tags.get());
    let list = serde_json::to_string(tags).ok()?;
    let list = list.trim_start_matches('[').trim_end_matches(']');
    let more = match own.and_then(|own| Some((own, own.strip_suffix(']')?))) {
        Some((own, open)) => {
            let comma = if open.trim_end().ends_with('[') { "" } else { "," };
            interaction.replacen(&format!(r#""tags":{own}"#), &format!(r#""tags":{open}{comma}{list}]"#), 1)
        }
        None => format!(r#"{{"tags":[{list}],{}"#, interaction.strip_prefix('{')?),
    };
    Some(text.replacen(interaction, &more, 1))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_come_beside_those_of_the_message_and_change_nothing_else() {
        let tagged = |text: &str| tagged(text, &["a", "b"]).unwrap();
        assert_eq!(
            tagged(r#"{"x":1.50,"interaction":{"id":"1"}}"#),
            r#"{"x":1.50,"interaction":{"tags":["a","b"],"id":"1"}}"#
        );
        let own = r#"{"interaction":{"id":"1","tags":["good"],"content":"\"tags\":[]"}}"#;
        assert_eq!(tagged(own), r#"{"interaction":{"id":"1","tags":["good","a","b"],"content":"\"tags\":[]"}}"#);
        assert_eq!(tagged(r#"{"interaction":{"tags":[]}}"#), r#"{"interaction":{"tags":["a","b"]}}"#);
    }
}
