//! DataSift: one JSON object a text frame, many streams over one connection ("multistreaming").
//!
//! Sources: DataSift, Streaming API: Multiple Streams; Error Messages; Twitter Deletes; and what its official clients
//! do where the pages are silent. Not spoken here: HTTP streaming, the single-stream endpoint, `{"action":"stop"}`.

mod combined;
mod fields;
mod historics;
mod messages;

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::value::RawValue;

use self::fields::{Data, Dates, Fields, Frame, List, Scalar};
use super::{Address, Protocol};
use crate::limits::{FRAME_OBJECTS_MAX, ID_BYTES_MAX, KIND_BYTES_MAX};
use crate::peer_text::Mask;
use crate::signal::{Class, Delete, Interaction, Signal, Status};
use crate::time::Time;

/// The DataSift protocol with one account's identity.
#[derive(Debug)]
pub struct DataSift {
    url: String,
    username: String,
    key: SecretString,
    mask: Mask,
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
        let encoded = utf8_percent_encode(key.expose_secret(), VALUE).to_string();
        let mask = Mask::of([key.expose_secret(), &encoded]);
        Self { url: url.to_owned(), username: username.to_owned(), key, mask, dates: Dates::default() }
    }

    /// Whether an interaction's id begins with the time of the post, as the service made them: 32 lower-case digits, the first
    /// 15 of them the time in ticks of 100 ns since 1582. Those of December 2010, when the service began, to June 2039 begin
    /// with `1e` or `1f`; of ids without order one in 128 does. Archives hang on this: it must stay as it is, and migrations
    /// have it in SQL.
    pub fn begins_with_time(id: &str) -> bool {
        let digits = id.as_bytes();
        matches!(digits, [b'1', b'e' | b'f', ..])
            && digits.len() == 32
            && digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    }

    /// The short way for a message of a stream in its usual spelling: one pass, and the payload is where it is.
    fn usual<'f>(&mut self, frame: &'f str) -> Option<Signal<'f>> {
        let (hash, rest) = frame.strip_prefix(HEAD)?.split_at_checked(HASH)?;
        if hash.bytes().any(|byte| !byte.is_ascii_alphanumeric()) || self.mask.is(hash) {
            return None;
        }
        let payload = rest.strip_prefix(NECK)?.strip_suffix('}')?;
        if !payload.starts_with('{') {
            return None;
        }
        let data: Data<'f> = serde_json::from_str(payload).ok()?;
        Some(self.told(lower(Cow::Borrowed(hash)), data, payload.trim_end()))
    }

    /// The readable way: any number of objects, in an array or one after the other, their keys in any order. A blank
    /// frame says nothing, and nothing is lost by it.
    fn unusual(&mut self, frame: &str, say: &mut dyn FnMut(Signal<'_>)) {
        let text = frame.trim_start_matches('\u{feff}').trim();
        if text.starts_with('[') {
            return match serde_json::from_str::<List<'_, &RawValue>>(text) {
                Ok(List { items, .. }) if items.is_empty() => say(Signal::Unreadable("empty array".to_owned(), text)),
                Ok(List { is_whole: false, .. }) => say(Signal::Unreadable(too_many(), text)),
                Ok(List { items, .. }) => items.iter().for_each(|item| self.object(item.get(), say)),
                Err(error) => say(Signal::Unreadable(error.to_string(), text)),
            };
        }
        let mut objects = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
        let mut rest = text;
        for _ in 0..FRAME_OBJECTS_MAX {
            match objects.next() {
                None => return,
                Some(Ok(object)) => self.object(object.get(), say),
                Some(Err(error)) => return say(Signal::Unreadable(error.to_string(), rest)),
            }
            rest = text.get(objects.byte_offset()..).unwrap_or(text).trim_start();
        }
        if !rest.is_empty() {
            say(Signal::Unreadable(too_many(), rest));
        }
    }

    /// One object of a frame. Each thing that it says is heard, whatever else it says; what it holds beside them and
    /// cannot be placed is unreadable.
    fn object<'f>(&mut self, text: &'f str, say: &mut dyn FnMut(Signal<'_>)) {
        let frame: Frame<'f> = match read(text) {
            Ok(frame) => frame,
            Err(error) => return say(Signal::Unreadable(error.to_string(), text)),
        };
        let Some(names) = frame.names() else { return say(Signal::Unreadable(too_many(), text)) };
        let (mut heard, mut left) = (false, None);
        if let Some(data) = frame.data {
            match self.message(&frame, data.get()) {
                Ok(signal) => {
                    heard = true;
                    say(signal);
                }
                Err(reason) => left = Some(reason),
            }
        } else if frame.deleted.is_true() {
            heard = true;
            let stream = Cow::Owned(names.first().cloned().unwrap_or_default());
            say(Signal::Delete(Delete { stream, id: known(frame.interaction.0.id) }));
        }
        if frame.reconnect.is_some() {
            heard = true;
            say(Signal::Status(Status { class: Class::Maintenance, streams: Vec::new(), text: "reconnect".into() }));
        }
        let ticks = frame.tick.is_there();
        if ticks {
            heard = true;
            say(Signal::Tick(frame.tick.whole().map(Time::from_seconds)));
        }
        if let Some(word) = frame.status.into_text() {
            heard = true;
            let status = messages::status(&word, frame.message.into_text().unwrap_or_default(), names);
            if !ticks || !matches!(status.class, Class::Alive | Class::UnknownSuccess) {
                say(Signal::Status(status));
            }
        }
        if let Some(reason) = left {
            say(Signal::Unreadable(reason, text));
        } else if !heard {
            say(Signal::Unreadable("an object of no known shape".to_owned(), text));
        }
    }

    /// What a frame with data says, or why it cannot be understood.
    fn message<'f>(&mut self, frame: &Frame<'f>, payload: &'f str) -> Result<Signal<'f>, String> {
        let mut data: Data<'f> = read(payload).map_err(|error| format!("data: {error}"))?;
        let name = frame.hash.clone().into_text().filter(|name| !name.trim().is_empty()).map(lower);
        if frame.deleted.is_true() {
            data.deleted = Scalar::Truth(true);
        }
        match name {
            Some(name) => Ok(self.told(name, data, payload)),
            // An order to delete concerns every stream, so it needs to name none.
            None if data.deleted.is_true() => Ok(self.told(Cow::Borrowed(""), data, payload)),
            None => Err("data of no stream".to_owned()),
        }
    }

    /// A message of a stream, or the order to delete one.
    fn told<'f>(&mut self, stream: Cow<'f, str>, data: Data<'f>, payload: &'f str) -> Signal<'f> {
        let Fields { id, kind, created_at, received_at } = data.interaction.0;
        let id = known(id);
        if data.deleted.is_true() {
            return Signal::Delete(Delete { stream, id });
        }
        let id = id.unwrap_or_else(|| Cow::Owned(digest(payload)));
        let kind = cut(kind.into_text().unwrap_or_default());
        let created = self.dates.read(&created_at);
        let produced = created.max(received_at.seconds().map(Time::from_micros));
        Signal::Interaction(Interaction { stream, id, kind, created, produced, payload })
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
            mask: self.mask.clone(),
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
        if let Some(signal) = self.usual(frame) {
            return say(signal);
        }
        // What is told of a frame in words or names may echo the key; what is kept of it is kept as it came.
        let mask = std::mem::take(&mut self.mask);
        self.unusual(frame, &mut |signal| say(masked(&mask, signal)));
        self.mask = mask;
    }
}

/// A signal whose words and names do not echo the key.
fn masked<'f>(mask: &Mask, signal: Signal<'f>) -> Signal<'f> {
    match signal {
        Signal::Status(mut status) => {
            status.text = mask.hide(status.text);
            for name in &mut status.streams {
                *name = mask.hide(name.as_str()).into_owned();
            }
            Signal::Status(status)
        }
        Signal::Interaction(mut interaction) => {
            interaction.stream = mask.hide(interaction.stream);
            Signal::Interaction(interaction)
        }
        Signal::Delete(mut delete) => {
            delete.stream = mask.hide(delete.stream);
            Signal::Delete(delete)
        }
        Signal::Unreadable(reason, part) => Signal::Unreadable(mask.hide(reason).into_owned(), part),
        signal @ Signal::Tick(_) => signal,
    }
}

fn too_many() -> String {
    format!("more than {FRAME_OBJECTS_MAX} objects or names in one frame")
}

/// Hashes are lower case in every sample, and compared without regard to case.
fn lower(name: Cow<'_, str>) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) { Cow::Owned(name.to_ascii_lowercase()) } else { name }
}

/// Reads an object; nothing else will do, least of all a list taken for the object's fields.
fn read<'f, T: serde::Deserialize<'f>>(text: &'f str) -> Result<T, serde_json::Error> {
    if text.starts_with('{') { serde_json::from_str(text) } else { Err(serde::de::Error::custom("not an object")) }
}

/// The id by which the store can know an interaction: a short text without control characters as it is, any other as
/// its digest, so that what names it later finds it.
fn known(id: Scalar<'_>) -> Option<Cow<'_, str>> {
    let id = id.into_text().filter(|id| !id.is_empty())?;
    let fits = id.len() <= ID_BYTES_MAX && !id.chars().any(char::is_control);
    Some(if fits { id } else { Cow::Owned(digest(&id)) })
}

/// What stands for a text that cannot be an id, or for a message that has none.
fn digest(text: &str) -> String {
    format!("blake3:{}", blake3::hash(text.as_bytes()).to_hex())
}

/// A kind of source, cut to its bound.
fn cut(kind: Cow<'_, str>) -> Cow<'_, str> {
    if kind.len() <= KIND_BYTES_MAX && !kind.chars().any(char::is_control) {
        return kind;
    }
    Cow::Owned(kind.chars().filter(|c| !c.is_control()).take(KIND_BYTES_MAX / 4).collect())
}
