//! DataSift: one JSON object a text frame, many streams over one connection ("multistreaming").
//!
//! Sources: DataSift, Streaming API: Multiple Streams; Error Messages; Twitter Deletes; and what its official clients
//! do where the pages are silent. Not spoken here: HTTP streaming, the single-stream endpoint, `{"action":"stop"}`.

mod fields;
mod messages;

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::value::RawValue;

use self::fields::{Data, Dates, Frame, Inner, Scalar};
use super::{Address, Protocol};
use crate::limits::{ID_BYTES_MAX, KIND_BYTES_MAX};
use crate::signal::{Class, Delete, Interaction, Signal, Status};
use crate::time::Time;

/// The DataSift protocol with one account's identity.
#[derive(Debug)]
pub struct DataSift {
    url: String,
    username: String,
    key: SecretString,
    dates: Dates,
}

/// A stream's hash has this many characters (DataSift, Streaming API: Multiple Streams).
const HASH: usize = 32;

/// What every client of DataSift puts before a message of a stream; anything else takes the longer way.
const HEAD: &str = r#"{"hash":""#;
const NECK: &str = r#"","data":"#;

/// What may stand unescaped in the value of a query parameter (RFC 3986, 2.3).
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl DataSift {
    pub fn new(url: &str, username: &str, key: SecretString) -> Self {
        Self { url: url.to_owned(), username: username.to_owned(), key, dates: Dates::default() }
    }

    /// The short way for a message of a stream in its usual spelling: one pass, and the payload is where it is.
    fn usual<'f>(&mut self, frame: &'f str) -> Option<Signal<'f>> {
        let (hash, rest) = frame.strip_prefix(HEAD)?.split_at_checked(HASH)?;
        if hash.bytes().any(|byte| !byte.is_ascii_alphanumeric()) {
            return None;
        }
        let payload = rest.strip_prefix(NECK)?.strip_suffix('}')?;
        if !payload.starts_with('{') {
            return None;
        }
        let data: Data<'f> = serde_json::from_str(payload).ok()?;
        Some(self.message(lower(Cow::Borrowed(hash)), &data, payload.trim_end()))
    }

    /// The readable way: any number of objects, in an array or one after the other, their keys in any order.
    fn unusual(&mut self, frame: &str, say: &mut dyn FnMut(Signal<'_>)) {
        let text = frame.trim_start_matches('\u{feff}').trim();
        if text.is_empty() {
            return say(Signal::Unreadable("empty frame".to_owned(), frame));
        }
        if text.starts_with('[') {
            return match serde_json::from_str::<Vec<&RawValue>>(text) {
                Ok(items) if items.is_empty() => say(Signal::Unreadable("empty array".to_owned(), frame)),
                Ok(items) => items.iter().for_each(|item| self.object(item.get(), say)),
                Err(error) => say(Signal::Unreadable(error.to_string(), frame)),
            };
        }
        let mut objects = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
        loop {
            let read = objects.byte_offset();
            match objects.next() {
                None => return,
                Some(Ok(object)) => self.object(object.get(), say),
                Some(Err(error)) => {
                    let rest = text.get(read..).unwrap_or(text).trim_start();
                    say(Signal::Unreadable(error.to_string(), rest));
                    return;
                }
            }
        }
    }

    /// One object of a frame. The order of the questions is the one that fits every shape that was ever seen; a
    /// message that carries more than its stream and its data is not lost for it.
    fn object<'f>(&mut self, text: &'f str, say: &mut dyn FnMut(Signal<'_>)) {
        let frame: Frame<'f> = match serde_json::from_str(text) {
            Ok(frame) => frame,
            Err(error) => return say(Signal::Unreadable(error.to_string(), text)),
        };
        let mut understood = false;
        let hash = frame.hash.into_text().map(lower);
        let data = frame.data.map(RawValue::get).filter(|data| data.starts_with('{'));
        match (data, &hash) {
            (Some(payload), Some(hash)) => match serde_json::from_str::<Data<'f>>(payload) {
                Ok(data) => {
                    understood = true;
                    say(self.message(hash.clone(), &data, payload));
                }
                Err(error) => return say(Signal::Unreadable(error.to_string(), text)),
            },
            (_, _) if frame.deleted.is_true() => {
                understood = true;
                let stream = hash.clone().unwrap_or_default();
                say(Signal::Delete(Delete { stream, id: frame.interaction.and_then(known_id) }));
            }
            (_, _) => {}
        }
        if frame.reconnect.is_some() {
            understood = true;
            say(Signal::Status(Status { class: Class::Maintenance, streams: Vec::new(), text: "reconnect".into() }));
        }
        if frame.tick.is_there() {
            understood = true;
            say(Signal::Tick(frame.tick.whole().map(Time::from_seconds)));
        } else if let Some(word) = frame.status.into_text() {
            understood = true;
            let text = frame.message.into_text().unwrap_or_default();
            let hashes = frame.hashes.unwrap_or_default().into_iter().filter_map(Scalar::into_text);
            let named = hash.into_iter().chain(hashes).map(|name| lower(name).into_owned()).collect();
            say(Signal::Status(messages::status(&word, text, named)));
        }
        if !understood {
            say(Signal::Unreadable("an object of no known shape".to_owned(), text));
        }
    }

    /// A message of a stream, or the order to delete one.
    fn message<'f>(&mut self, stream: Cow<'f, str>, data: &Data<'f>, payload: &'f str) -> Signal<'f> {
        let inner = data.interaction.clone().unwrap_or_default();
        if data.deleted.is_true() {
            return Signal::Delete(Delete { stream, id: known_id(inner) });
        }
        let created = inner.created_at.clone().into_text().and_then(|text| self.dates.read(&text));
        let taken = inner.received_at.seconds().map(Time::from_micros);
        let kind = cut(inner.kind.clone().into_text().unwrap_or_default());
        let id = known_id(inner).unwrap_or_else(|| Cow::Owned(digest(payload)));
        Signal::Interaction(Interaction { stream, id, kind, created, produced: created.max(taken), payload })
    }
}

impl Protocol for DataSift {
    /// Identity goes into the query: the WebSocket endpoint knows no other way. `statuses` asks for status messages,
    /// which some servers keep to themselves otherwise.
    fn address(&self) -> Address {
        let (name, key) =
            (utf8_percent_encode(&self.username, VALUE), utf8_percent_encode(self.key.expose_secret(), VALUE));
        let mark = if self.url.contains('?') { '&' } else { '?' };
        Address {
            secret: format!("{}{mark}username={name}&api_key={key}&statuses=true", self.url).into(),
            shown: self.url.clone(),
        }
    }

    fn subscribe(&self, stream: &str) -> String {
        serde_json::json!({ "action": "subscribe", "hash": stream }).to_string()
    }

    fn unsubscribe(&self, stream: &str) -> String {
        serde_json::json!({ "action": "unsubscribe", "hash": stream }).to_string()
    }

    fn class_of(&self, body: &str) -> Option<Class> {
        messages::class_of(body)
    }

    fn decode(&mut self, frame: &str, say: &mut dyn FnMut(Signal<'_>)) {
        match self.usual(frame) {
            Some(signal) => say(signal),
            None => self.unusual(frame, say),
        }
    }
}

/// Hashes are lower case in every sample, and compared without regard to case.
fn lower(name: Cow<'_, str>) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) { Cow::Owned(name.to_ascii_lowercase()) } else { name }
}

/// The id by which the store can know an interaction: any short text without control characters.
fn known_id(inner: Inner<'_>) -> Option<Cow<'_, str>> {
    inner.id.into_text().filter(|id| !id.is_empty() && id.len() <= ID_BYTES_MAX && !id.chars().any(char::is_control))
}

/// An interaction without an id that the store can know is known by its own bytes.
fn digest(payload: &str) -> String {
    format!("blake3:{}", blake3::hash(payload.as_bytes()).to_hex())
}

/// A kind of source, cut to its bound.
fn cut(kind: Cow<'_, str>) -> Cow<'_, str> {
    if kind.len() <= KIND_BYTES_MAX && !kind.chars().any(char::is_control) {
        return kind;
    }
    Cow::Owned(kind.chars().filter(|c| !c.is_control()).take(KIND_BYTES_MAX / 4).collect())
}
