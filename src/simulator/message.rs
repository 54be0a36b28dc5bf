//! Every message of the service's error page, and the ones that its clients knew besides, by name.

use serde::Serialize;

/// A message that the service sends: a name for cues, and the frame's text, where `<HASH>` stands for a stream's.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    pub name: &'static str,
    pub text: &'static str,
}

macro_rules! status {
    ($name:literal, $status:literal, $message:literal) => {
        Message { name: $name, text: concat!(r#"{"status":""#, $status, r#"","message":""#, $message, r#""}"#) }
    };
}

/// The table. Sources: DataSift, Streaming API, Error Messages (up to `slow-disconnected`); then what the service's
/// own clients handled without its page naming it.
pub const MESSAGES: &[Message] = &[
    status!("subscribed", "success", "Successfully subscribed to hash <HASH>"),
    Message { name: "tick", text: r#"{"tick":1311694603,"status":"connected","message":"Waiting for data"}"# },
    status!("keep-alive-trouble", "failure", "There was a problem keeping the connection alive"),
    status!("invalid-json", "warning", "The JSON received from the message was invalid"),
    status!("invalid-hash", "failure", "<HASH> is an invalid hash"),
    status!("invalid-action", "warning", "An invalid action was received"),
    status!("no-hash-to-subscribe", "warning", "You did not send a valid hash to subscribe to"),
    status!("no-hash-to-unsubscribe", "warning", "You did not send a valid hash to unsubscribe to"),
    status!("not-subscribed", "warning", "You aren't currently subscribed to the hash "),
    status!("too-many-subscriptions", "failure", "You have too many subscriptions"),
    status!("no-valid-hashes", "failure", "None of the supplied hashes were valid"),
    status!("connection-trouble", "failure", "There was a problem starting your connection. Please reconnect."),
    status!("stream-trouble", "failure", "There was a problem starting your stream"),
    status!("stream-information-error", "failure", "There was an error getting the stream information"),
    status!("stream-disabled", "failure", "The stream <HASH> has been disabled"),
    status!("stream-currently-disabled", "failure", "The stream you are trying to use is currently disabled"),
    status!("insufficient-credits", "failure", "You have insufficient credits available to consume the stream"),
    status!("credit-balance-trouble", "failure", "There was a problem getting the available credit balance"),
    status!("username-error", "failure", "There was an error verifying the username"),
    status!("account-error", "failure", "There was an error authenticating your account"),
    status!("identity-missing", "failure", "A username and API key are both required"),
    status!("invalid-api-key", "failure", "Invalid API key given"),
    status!("identity-incorrect", "failure", "The username or API key is not correct or you have been banned"),
    status!("access-denied", "failure", "Your account has been denied access"),
    status!("full-capacity", "failure", "The streaming API is currently at full capacity"),
    status!(
        "maintenance",
        "failure",
        "This streaming API service node is closing for maintenance, please reconnect immediately"
    ),
    status!(
        "slow-warning",
        "warning",
        "You are consuming data too slowly. If you do not consume data faster you will be disconnected."
    ),
    status!("slow-disconnected", "failure", "You are consuming data too slowly and have been disconnected"),
    status!("stopped", "failure", "A stop message was received. You will now be disconnected"),
    status!(
        "node-unavailable",
        "failure",
        "This streaming API service node is currently unavailable, please reconnect immediately."
    ),
    status!("no-such-hash", "warning", "The hash <HASH> doesn't exist"),
    status!("error-status", "error", "There was a problem starting your connection. Please reconnect."),
    Message { name: "reconnect", text: r#"{"reconnect":true}"# },
    Message { name: "success-without-message", text: r#"{"status":"success","hash":"<HASH>"}"# },
    Message { name: "unknown-warning", text: r#"{"status":"warning","message":"The weather is turning"}"# },
    Message { name: "unknown-failure", text: r#"{"status":"failure","message":"The weather has turned"}"# },
];

/// The text of the message of this name.
pub fn named(name: &str) -> Option<&'static str> {
    MESSAGES.iter().find(|message| message.name == name).map(|message| message.text)
}

/// All names, for an error's sake.
pub(super) fn names() -> String {
    MESSAGES.iter().map(|message| message.name).collect::<Vec<_>>().join(", ")
}

/// A status as the service words it, with the fields that name its stream.
#[derive(Default, Serialize)]
struct Status<'a> {
    #[serde(rename = "status")]
    word: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hashes: Option<[&'a str; 1]>,
}

/// The fields in which a status may name its stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Naming {
    Text,
    Hash,
    Hashes,
    /// In `hash`, and no message at all.
    Bare,
}

/// A message of the table about one stream.
pub(super) fn about(name: &str, hash: &str, naming: Naming) -> String {
    let text = named(name).unwrap_or("{}");
    let parsed: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let field = |field: &str| parsed.get(field).and_then(serde_json::Value::as_str).unwrap_or_default();
    let frame = Status {
        word: field("status"),
        message: (naming != Naming::Bare).then(|| field("message").replace("<HASH>", hash)),
        hash: matches!(naming, Naming::Hash | Naming::Bare).then_some(hash),
        hashes: (naming == Naming::Hashes).then_some([hash]),
    };
    serde_json::to_string(&frame).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// The page, copied a second time, as it stands.
    fn page() -> Vec<Value> {
        vec![
            json!({"status": "success", "message": "Successfully subscribed to hash <HASH>"}),
            json!({"tick": 1_311_694_603, "status": "connected", "message": "Waiting for data"}),
            json!({"status": "failure", "message": "There was a problem keeping the connection alive"}),
            json!({"status": "warning", "message": "The JSON received from the message was invalid"}),
            json!({"status": "failure", "message": "<HASH> is an invalid hash"}),
            json!({"status": "warning", "message": "An invalid action was received"}),
            json!({"status": "warning", "message": "You did not send a valid hash to subscribe to"}),
            json!({"status": "warning", "message": "You did not send a valid hash to unsubscribe to"}),
            json!({"status": "warning", "message": "You aren't currently subscribed to the hash "}),
            json!({"status": "failure", "message": "You have too many subscriptions"}),
            json!({"status": "failure", "message": "None of the supplied hashes were valid"}),
            json!({"status": "failure", "message": "There was a problem starting your connection. Please reconnect."}),
            json!({"status": "failure", "message": "There was a problem starting your stream"}),
            json!({"status": "failure", "message": "There was an error getting the stream information"}),
            json!({"status": "failure", "message": "The stream <HASH> has been disabled"}),
            json!({"status": "failure", "message": "The stream you are trying to use is currently disabled"}),
            json!({"status": "failure", "message": "You have insufficient credits available to consume the stream"}),
            json!({"status": "failure", "message": "There was a problem getting the available credit balance"}),
            json!({"status": "failure", "message": "There was an error verifying the username"}),
            json!({"status": "failure", "message": "There was an error authenticating your account"}),
            json!({"status": "failure", "message": "A username and API key are both required"}),
            json!({"status": "failure", "message": "Invalid API key given"}),
            json!({"status": "failure", "message": "The username or API key is not correct or you have been banned"}),
            json!({"status": "failure", "message": "Your account has been denied access"}),
            json!({"status": "failure", "message": "The streaming API is currently at full capacity"}),
            json!({"status": "failure", "message": "This streaming API service node is closing for maintenance, please reconnect immediately"}),
            json!({"status": "warning", "message": "You are consuming data too slowly. If you do not consume data faster you will be disconnected."}),
            json!({"status": "failure", "message": "You are consuming data too slowly and have been disconnected"}),
        ]
    }

    #[test]
    fn every_message_of_the_page_is_there_word_for_word() {
        let table: Vec<Value> =
            MESSAGES.iter().map(|message| serde_json::from_str(message.text).expect(message.name)).collect();
        for (place, expected) in page().iter().enumerate() {
            assert_eq!(table.get(place), Some(expected), "row {place} of the page");
        }
    }

    #[test]
    fn names_are_told_apart() {
        let names: std::collections::BTreeSet<_> = MESSAGES.iter().map(|message| message.name).collect();
        assert_eq!(names.len(), MESSAGES.len());
    }

    #[test]
    fn a_status_names_its_stream_in_each_of_four_ways() {
        let said = |naming| about("subscribed", "abc", naming);
        assert_eq!(said(Naming::Text), r#"{"status":"success","message":"Successfully subscribed to hash abc"}"#);
        assert_eq!(
            said(Naming::Hash),
            r#"{"status":"success","message":"Successfully subscribed to hash abc","hash":"abc"}"#
        );
        assert_eq!(
            said(Naming::Hashes),
            r#"{"status":"success","message":"Successfully subscribed to hash abc","hashes":["abc"]}"#
        );
        assert_eq!(said(Naming::Bare), r#"{"status":"success","hash":"abc"}"#);
    }
}
