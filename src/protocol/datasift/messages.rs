//! The table of DataSift's messages: which words mean what.
//!
//! Source: DataSift, Streaming API, Error Messages; the last rows are known from official and third-party clients.
//! Words change in case, space and ends over the years, so each row is a fragment that is stable, and the first row
//! that fits wins.

use std::borrow::Cow;

use crate::limits::FRAME_OBJECTS_MAX;
use crate::signal::{Class, Status};

/// A fragment in lower case with single spaces, and what a message that contains it means.
const TABLE: &[(&str, Class)] = &[
    ("successfully subscribed", Class::Acknowledged),
    ("successfully unsubscribed", Class::NotSubscribed),
    ("waiting for data", Class::Alive),
    ("problem keeping the connection alive", Class::ConnectionTrouble),
    ("json received from the message was invalid", Class::RequestRefused),
    ("invalid action was received", Class::RequestRefused),
    ("is an invalid hash", Class::StreamRejected),
    ("a valid hash to unsubscribe", Class::NotSubscribed),
    ("a valid hash to subscribe", Class::StreamRejected),
    ("currently subscribed to the hash", Class::NotSubscribed),
    ("too many subscriptions", Class::TooManySubscriptions),
    ("none of the supplied hashes", Class::StreamRejected),
    ("problem starting your connection", Class::ConnectionTrouble),
    ("problem starting your stream", Class::StreamTrouble),
    ("error getting the stream information", Class::StreamTrouble),
    ("has been disabled", Class::StreamDisabled),
    ("is currently disabled", Class::StreamDisabled),
    ("insufficient credits", Class::CreditsUsedUp),
    ("problem getting the available credit balance", Class::BalanceUnknown),
    ("error verifying the username", Class::ConnectionTrouble),
    ("error authenticating your account", Class::ConnectionTrouble),
    ("username and api key are both required", Class::IdentityRefused),
    ("invalid api key", Class::IdentityRefused),
    ("api key is not correct", Class::IdentityRefused),
    ("you have been banned", Class::IdentityRefused),
    ("has been denied access", Class::IdentityRefused),
    ("at full capacity", Class::Capacity),
    ("closing for maintenance", Class::Maintenance),
    ("too slowly and have been disconnected", Class::SlowDisconnected),
    ("consuming data too slowly", Class::SlowWarning),
    // Not in the list of messages, but sent.
    ("please reconnect immediately", Class::Maintenance),
    ("a stop message was received", Class::StopHeard),
    ("hash not found", Class::StreamRejected),
    ("doesn't exist", Class::StreamRejected),
];

/// What a text means, whatever its status word; `None` if no row fits.
pub(super) fn class_of(text: &str) -> Option<Class> {
    let folded = fold(text);
    TABLE.iter().find(|(fragment, _)| folded.contains(fragment)).map(|(_, class)| *class)
}

/// A status with its class. Streams are those the frame named; failing that, those that its text names.
pub(super) fn status<'f>(word: &str, text: Cow<'f, str>, mut streams: Vec<String>) -> Status<'f> {
    if streams.is_empty() {
        streams = named_in(&text);
    }
    let known = class_of(&text);
    let class = match (fold(word).as_str(), known) {
        ("success", Some(class @ (Class::Acknowledged | Class::Alive | Class::NotSubscribed))) => class,
        // Some servers acknowledge by the name alone. The end of a subscription is not its beginning.
        ("success", None) if !streams.is_empty() && !fold(&text).contains("unsubscribe") => Class::Acknowledged,
        ("success", _) => Class::UnknownSuccess,
        ("failure" | "error", None | Some(Class::Acknowledged)) => Class::UnknownFailure,
        ("warning", None | Some(Class::Acknowledged)) => Class::UnknownWarning,
        (_, Some(class)) => class,
        (_, None) => Class::UnknownSuccess,
    };
    Status { class, streams, text }
}

/// Lower case, single spaces, straight apostrophes: what makes two spellings of a message one.
fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !folded.is_empty() {
            folded.push(' ');
        }
        folded.extend(word.chars().flat_map(char::to_lowercase).map(|c| if c == '\u{2019}' { '\'' } else { c }));
    }
    folded
}

/// The words of a text that have the form of a hash.
fn named_in(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| word.len() == super::HASH)
        .take(FRAME_OBJECTS_MAX)
        .map(str::to_ascii_lowercase)
        .collect()
}
