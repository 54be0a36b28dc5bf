//! Frames prepared once, with the places that change from one interaction to the next.

use super::super::wire;
use super::identity::{Id, date, seconds};
use serde_json::Value;
use tokio_tungstenite::tungstenite::Bytes;
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

// Marks as long as what takes their place; none of them needs an escape.
pub(super) const ID: &str = "@id@@@@@@@@@@@@@@@@@@@@@@@@@@@@@";
pub(super) const CREATED: &str = "@created@@@@@@@@@@@@@@@@@@@@@@@";
/// A number in JSON: seconds and six decimals.
pub(super) const RECEIVED: &str = "1111111111.111111";
/// The source's own id, as text or as a number: 18 digits.
pub(super) const SOURCE: &str = "555555555555555555";
pub(super) const SOURCE_NUMBER: u64 = 555_555_555_555_555_555;
const HASH: &str = "@hash@@@@@@@@@@@@@@@@@@@@@@@@@@@";

const _: () =
    assert!(ID.len() == 32 && CREATED.len() == 31 && RECEIVED.len() == 17 && SOURCE.len() == 18 && HASH.len() == 32);

/// The sources' own ids count from here, so that they have 18 digits as numbers too.
pub(super) const FIRST_SOURCE: u64 = 170_000_000_000_000_000;

/// What is written into a template for one interaction.
pub(super) struct Particulars {
    pub(super) id: Id,
    pub(super) created: [u8; 31],
    pub(super) received: String,
    pub(super) source: String,
}

impl Particulars {
    pub(super) fn new(id: Id, created_us: i64, received_us: i64, source: u64) -> Self {
        Self {
            id,
            created: date(created_us.div_euclid(1_000_000)),
            received: seconds(received_us),
            source: format!("{source:018}"),
        }
    }
}

/// A frame for one stream: the bytes on the wire, and which of them are the interaction's JSON.
#[derive(Clone, Debug)]
pub(in crate::simulator) struct Framed {
    pub(in crate::simulator) frame: Bytes,
    pub(in crate::simulator) data: Bytes,
}

impl Framed {
    /// Any text under `data`, in the frame that every client of the service knows.
    pub(super) fn usual(hash: &str, data: Bytes) -> Self {
        let (before, after) = (format!(r#"{{"hash":"{hash}","data":"#), b"}".as_slice());
        Self { frame: wire::text(&[before.as_bytes(), &data, after].concat()), data }
    }
}

/// A whole WebSocket frame around an interaction.
#[derive(Debug)]
pub(super) struct Template {
    frame: Vec<u8>,
    data: std::ops::Range<usize>,
    hash: Vec<usize>,
    id: Vec<usize>,
    created: Vec<usize>,
    received: Vec<usize>,
    source: Vec<usize>,
}

impl Template {
    /// `ascii` writes everything beyond ASCII as `\uXXXX`, as PHP does by default; slashes are always `\/`.
    pub(super) fn new(data: &Value, ascii: bool, data_first: bool) -> Self {
        Self::of_text(&php(&data.to_string(), ascii), data_first)
    }

    pub(super) fn of_text(data: &str, data_first: bool) -> Self {
        let (before, after) = if data_first {
            (r#"{"data":"#.to_owned(), format!(r#","hash":"{HASH}"}}"#))
        } else {
            (format!(r#"{{"hash":"{HASH}","data":"#), "}".to_owned())
        };
        let body = format!("{before}{data}{after}");
        let mut frame = Vec::with_capacity(body.len() + 14);
        let text = FrameHeader { opcode: OpCode::Data(Data::Text), ..FrameHeader::default() };
        wire::header(&text, u64::try_from(body.len()).unwrap_or(u64::MAX), &mut frame);
        let start = frame.len();
        let find = |mark: &str| body.match_indices(mark).map(|(at, _)| at + start).collect();
        let first = start + before.len();
        let template = Self {
            data: first..first + data.len(),
            hash: find(HASH),
            id: find(ID),
            created: find(CREATED),
            received: find(RECEIVED),
            source: find(SOURCE),
            frame: Vec::new(),
        };
        frame.extend_from_slice(body.as_bytes());
        Self { frame, ..template }
    }

    /// The frame of one interaction for one stream.
    pub(super) fn fill(&self, hash: &[u8; 32], particulars: &Particulars) -> Framed {
        let mut frame = self.frame.clone();
        let patches: [(&[usize], &[u8]); 5] = [
            (&self.hash, hash),
            (&self.id, particulars.id.as_bytes()),
            (&self.created, &particulars.created),
            (&self.received, particulars.received.as_bytes()),
            (&self.source, particulars.source.as_bytes()),
        ];
        for (places, with) in patches {
            for place in places {
                if let Some(target) = frame.get_mut(*place..place + with.len()) {
                    target.copy_from_slice(with);
                }
            }
        }
        let frame = Bytes::from(frame);
        Framed { data: frame.slice(self.data.clone()), frame }
    }
}

/// JSON as PHP's `json_encode` writes it.
fn php(json: &str, ascii: bool) -> String {
    let mut out = String::with_capacity(json.len() + json.len() / 8);
    let mut units = [0; 2];
    for c in json.chars() {
        match c {
            '/' => out.push_str("\\/"),
            c if ascii && !c.is_ascii() => {
                for unit in c.encode_utf16(&mut units) {
                    let digit = |shift: u32| char::from_digit(u32::from(*unit >> shift) & 0xf, 16);
                    out.push_str("\\u");
                    out.extend([12, 8, 4, 0].into_iter().filter_map(digit));
                }
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn php_escapes_slashes_and_sometimes_everything_beyond_ascii() {
        assert_eq!(php(r#"{"a":"b/ü😀"}"#, false), r#"{"a":"b\/ü😀"}"#);
        assert_eq!(php(r#"{"a":"b/ü😀"}"#, true), r#"{"a":"b\/\u00fc\ud83d\ude00"}"#);
    }

    #[test]
    fn every_mark_is_replaced_and_the_json_stays_json() {
        let data = json!({"id": ID, "at": CREATED, "received": RECEIVED.parse::<f64>().unwrap(), "n": SOURCE_NUMBER, "s": SOURCE});
        for data_first in [false, true] {
            let template = Template::new(&data, true, data_first);
            let id = Id::new(0, 1, &mut fastrand::Rng::with_seed(1));
            let particulars = Particulars::new(id, 1_350_753_020_000_000, 1_350_753_021_500_000, FIRST_SOURCE);
            let framed = template.fill(b"0123456789abcdef0123456789abcdef", &particulars);
            let read: Value = serde_json::from_slice(&wire::payload(&framed.frame)).unwrap();
            assert_eq!(
                read,
                json!({"hash": "0123456789abcdef0123456789abcdef", "data": {
                    "id": id.as_str(), "at": "Sat, 20 Oct 2012 17:10:20 +0000", "received": 1_350_753_021.5,
                    "n": FIRST_SOURCE, "s": "170000000000000000"}})
            );
        }
    }
}
