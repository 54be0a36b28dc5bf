//! Every message that the documentation or a client knows, word for word, and what it makes us do.
//!
//! The state in which it comes: stream `a` is active, `b` has been asked for and not answered, the connection stands
//! for longer than 10 s.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use expect_test::{Expect, expect};

use crate::session::script::run;

/// Messages with their status word; `<HASH>` as the documentation writes it.
const DOCUMENTED: &[(&str, &str)] = &[
    ("success", "Successfully subscribed to hash <HASH>"),
    ("connected", "Waiting for data"),
    ("failure", "There was a problem keeping the connection alive"),
    ("warning", "The JSON received from the message was invalid"),
    ("failure", "<HASH> is an invalid hash"),
    ("warning", "An invalid action was received"),
    ("warning", "You did not send a valid hash to subscribe to"),
    ("warning", "You did not send a valid hash to unsubscribe to"),
    ("warning", "You aren't currently subscribed to the hash "),
    ("failure", "You have too many subscriptions"),
    ("failure", "None of the supplied hashes were valid"),
    ("failure", "There was a problem starting your connection. Please reconnect."),
    ("failure", "There was a problem starting your stream"),
    ("failure", "There was an error getting the stream information"),
    ("failure", "The stream <HASH> has been disabled"),
    ("failure", "The stream you are trying to use is currently disabled"),
    ("failure", "You have insufficient credits available to consume the stream"),
    ("failure", "There was a problem getting the available credit balance"),
    ("failure", "There was an error verifying the username"),
    ("failure", "There was an error authenticating your account"),
    ("failure", "A username and API key are both required"),
    ("failure", "Invalid API key given"),
    ("failure", "The username or API key is not correct or you have been banned"),
    ("failure", "Your account has been denied access"),
    ("failure", "The streaming API is currently at full capacity"),
    ("failure", "This streaming API service node is closing for maintenance, please reconnect immediately"),
    ("warning", "You are consuming data too slowly. If you do not consume data faster you will be disconnected."),
    ("failure", "You are consuming data too slowly and have been disconnected"),
];

/// Messages that are in no list, but that servers sent.
const OBSERVED: &[(&str, &str)] = &[
    ("failure", "A stop message was received. You will now be disconnected"),
    ("failure", "This streaming API service node is currently unavailable, please reconnect immediately."),
    ("warning", "The hash <HASH> doesn't exist"),
    ("failure", "Hash not found"),
    ("success", ""),
    ("success", "All is well"),
    ("warning", "Something odd"),
    ("failure", "Something bad"),
    ("success", "Successfully unsubscribed from hash <HASH>"),
];

/// How a message may name the stream that it means.
#[derive(Clone, Copy, Debug)]
enum Naming {
    Nowhere,
    Text,
    Hash,
    Hashes,
}

/// The frame of a message that names `b`, in one of the ways.
fn frame(word: &str, text: &str, naming: Naming) -> String {
    let hash = if matches!(naming, Naming::Text) { "<b>" } else { "" };
    let mut text = text.replace("<HASH>", hash);
    if matches!(naming, Naming::Text) && !text.contains("<b>") {
        text.push_str(" <b>");
    }
    let text = serde_json::Value::String(text);
    match naming {
        Naming::Nowhere | Naming::Text => format!(r#"{{"status":"{word}","message":{text}}}"#),
        Naming::Hash => format!(r#"{{"status":"{word}","message":{text},"hash":"<b>"}}"#),
        Naming::Hashes => format!(r#"{{"status":"{word}","message":{text},"hashes":["<b>"]}}"#),
    }
}

/// What a frame makes us do, as one line.
fn reaction(frame: &str) -> String {
    let script = format!(
        "patience 60\nonly hang-up say cover gap stands dial end subscribe\n0.1 open\n0.2 ack a\n11 tick\n12 frame {frame}\n"
    );
    let timeline = run(&script);
    let after = timeline.lines().skip_while(|line| !line.starts_with("12 <")).skip(1);
    let mut done: Vec<_> = after.filter_map(|line| line.strip_prefix("12 > ")).collect();
    done.retain(|action| !action.starts_with("say info subscribed") && !action.starts_with("say warn disconnected"));
    if done.is_empty() { "nothing".to_owned() } else { done.join("; ") }
}

/// A table of messages: each with its reactions by the way in which it names its stream.
fn check(messages: &[(&str, &str)], expected: &Expect) {
    let mut table = String::new();
    for (word, text) in messages {
        writeln!(table, "{word}: {text}").unwrap();
        let mut seen = Vec::<(String, Vec<Naming>)>::new();
        for naming in [Naming::Text, Naming::Hash, Naming::Hashes, Naming::Nowhere] {
            let done = reaction(&frame(word, text, naming));
            match seen.iter_mut().find(|(known, _)| *known == done) {
                Some((_, ways)) => ways.push(naming),
                None => seen.push((done, vec![naming])),
            }
        }
        for (done, ways) in seen {
            writeln!(table, "    {ways:?}: {done}").unwrap();
        }
    }
    expected.assert_eq(&table);
}

#[test]
fn documented_messages() {
    check(
        DOCUMENTED,
        &expect![[r#"
            success: Successfully subscribed to hash <HASH>
                [Text, Hash, Hashes, Nowhere]: stands b active; cover b from 12
            connected: Waiting for data
                [Text, Hash, Hashes, Nowhere]: nothing
            failure: There was a problem keeping the connection alive
                [Text, Hash, Hashes, Nowhere]: say warn connection-trouble; gap a from 9 server_error; say warn gap-opened; hang-up; say info reconnecting: attempt 1 to connect in 10.0 s (server_error)
            warning: The JSON received from the message was invalid
                [Text]: say error request-refused; stands b wanted; say warn stream-trouble: stream b not served, asking again in 10 s: The JSON received from the message was invalid b
                [Hash, Hashes, Nowhere]: say error request-refused; stands b wanted; say warn stream-trouble: stream b not served, asking again in 10 s: The JSON received from the message was invalid
            failure: <HASH> is an invalid hash
                [Text, Hash, Hashes, Nowhere]: stands b rejected; say error stream-rejected; gap b from 0 rejected; say warn gap-opened
            warning: An invalid action was received
                [Text]: say error request-refused; stands b wanted; say warn stream-trouble: stream b not served, asking again in 10 s: An invalid action was received b
                [Hash, Hashes, Nowhere]: say error request-refused; stands b wanted; say warn stream-trouble: stream b not served, asking again in 10 s: An invalid action was received
            warning: You did not send a valid hash to subscribe to
                [Text, Hash, Hashes, Nowhere]: stands b rejected; say error stream-rejected; gap b from 0 rejected; say warn gap-opened
            warning: You did not send a valid hash to unsubscribe to
                [Text, Hash, Hashes, Nowhere]: nothing
            warning: You aren't currently subscribed to the hash 
                [Text, Hash, Hashes, Nowhere]: nothing
            failure: You have too many subscriptions
                [Text]: stands b overflow; gap b from 0 over_limit; say error too-many-subscriptions: the connection is full with 1 streams, 1 are left out: You have too many subscriptions b
                [Hash, Hashes, Nowhere]: stands b overflow; gap b from 0 over_limit; say error too-many-subscriptions: the connection is full with 1 streams, 1 are left out: You have too many subscriptions
            failure: None of the supplied hashes were valid
                [Text, Hash, Hashes, Nowhere]: stands b rejected; say error stream-rejected; gap b from 0 rejected; say warn gap-opened
            failure: There was a problem starting your connection. Please reconnect.
                [Text, Hash, Hashes, Nowhere]: say warn connection-trouble; gap a from 9 server_error; say warn gap-opened; hang-up; say info reconnecting: attempt 1 to connect in 10.0 s (server_error)
            failure: There was a problem starting your stream
                [Text]: stands b wanted; say warn stream-trouble: stream b not served, asking again in 10 s: There was a problem starting your stream b
                [Hash, Hashes]: stands b wanted; say warn stream-trouble: stream b not served, asking again in 10 s: There was a problem starting your stream
                [Nowhere]: subscribe b
            failure: There was an error getting the stream information
                [Text]: stands b wanted; say warn stream-trouble: stream b not served, asking again in 10 s: There was an error getting the stream information b
                [Hash, Hashes]: stands b wanted; say warn stream-trouble: stream b not served, asking again in 10 s: There was an error getting the stream information
                [Nowhere]: subscribe b
            failure: The stream <HASH> has been disabled
                [Text, Hash, Hashes]: stands b disabled; say error stream-disabled; gap b from 0 disabled; say warn gap-opened
                [Nowhere]: subscribe b
            failure: The stream you are trying to use is currently disabled
                [Text, Hash, Hashes]: stands b disabled; say error stream-disabled; gap b from 0 disabled; say warn gap-opened
                [Nowhere]: subscribe b
            failure: You have insufficient credits available to consume the stream
                [Text, Hash, Hashes, Nowhere]: gap a from 9 billing; say warn gap-opened; hang-up; gap b from 0 billing; say warn gap-opened; say error billing-paused
            failure: There was a problem getting the available credit balance
                [Text, Hash, Hashes, Nowhere]: say warn connection-trouble; gap a from 9 server_error; say warn gap-opened; hang-up; say info reconnecting: attempt 1 to connect in 10.0 s (server_error)
            failure: There was an error verifying the username
                [Text, Hash, Hashes, Nowhere]: say warn connection-trouble; gap a from 9 server_error; say warn gap-opened; hang-up; say info reconnecting: attempt 1 to connect in 10.0 s (server_error)
            failure: There was an error authenticating your account
                [Text, Hash, Hashes, Nowhere]: say warn connection-trouble; gap a from 9 server_error; say warn gap-opened; hang-up; say info reconnecting: attempt 1 to connect in 10.0 s (server_error)
            failure: A username and API key are both required
                [Text, Hash, Hashes, Nowhere]: say error identity-refused; gap a from 9 auth; say warn gap-opened; hang-up; gap b from 0 auth; say warn gap-opened; say info reconnecting: attempt 1 to connect in 60.0 s (auth)
            failure: Invalid API key given
                [Text, Hash, Hashes, Nowhere]: say error identity-refused; gap a from 9 auth; say warn gap-opened; hang-up; gap b from 0 auth; say warn gap-opened; say info reconnecting: attempt 1 to connect in 60.0 s (auth)
            failure: The username or API key is not correct or you have been banned
                [Text, Hash, Hashes, Nowhere]: say error identity-refused; gap a from 9 auth; say warn gap-opened; hang-up; gap b from 0 auth; say warn gap-opened; say info reconnecting: attempt 1 to connect in 60.0 s (auth)
            failure: Your account has been denied access
                [Text, Hash, Hashes, Nowhere]: say error identity-refused; gap a from 9 auth; say warn gap-opened; hang-up; gap b from 0 auth; say warn gap-opened; say info reconnecting: attempt 1 to connect in 60.0 s (auth)
            failure: The streaming API is currently at full capacity
                [Text, Hash, Hashes, Nowhere]: say warn capacity; gap a from 9 capacity; say warn gap-opened; hang-up; say info reconnecting: attempt 1 to connect in 10.0 s (capacity)
            failure: This streaming API service node is closing for maintenance, please reconnect immediately
                [Text, Hash, Hashes, Nowhere]: say info maintenance; gap a from 9 maintenance; say warn gap-opened; hang-up; say info reconnecting: attempt 1 to connect in 0.0 s (maintenance); dial
            warning: You are consuming data too slowly. If you do not consume data faster you will be disconnected.
                [Text, Hash, Hashes, Nowhere]: say warn slow-consumer-warning; gap a from 9 slow_consumer; say warn gap-opened; say warn drain-entered
            failure: You are consuming data too slowly and have been disconnected
                [Text, Hash, Hashes, Nowhere]: say error slow-consumer-disconnected; say warn drain-entered; gap a from 9 slow_consumer; say warn gap-opened; hang-up; say info reconnecting: attempt 1 to connect in 0.0 s (slow_consumer); dial
        "#]],
    );
}

#[test]
fn observed_messages() {
    check(
        OBSERVED,
        &expect![[r#"
            failure: A stop message was received. You will now be disconnected
                [Text, Hash, Hashes, Nowhere]: gap a from 9 server_closed; say warn gap-opened; hang-up; say info reconnecting: attempt 1 to connect in 0.0 s (server_closed); dial
            failure: This streaming API service node is currently unavailable, please reconnect immediately.
                [Text, Hash, Hashes, Nowhere]: say info maintenance; gap a from 9 maintenance; say warn gap-opened; hang-up; say info reconnecting: attempt 1 to connect in 0.0 s (maintenance); dial
            warning: The hash <HASH> doesn't exist
                [Text, Hash, Hashes, Nowhere]: stands b rejected; say error stream-rejected; gap b from 0 rejected; say warn gap-opened
            failure: Hash not found
                [Text, Hash, Hashes, Nowhere]: stands b rejected; say error stream-rejected; gap b from 0 rejected; say warn gap-opened
            success: 
                [Text, Hash, Hashes]: stands b active; cover b from 12
                [Nowhere]: say warn unknown-status
            success: All is well
                [Text, Hash, Hashes]: stands b active; cover b from 12
                [Nowhere]: say warn unknown-status
            warning: Something odd
                [Text, Hash, Hashes, Nowhere]: say warn unknown-status
            failure: Something bad
                [Text]: say warn unknown-status; stands b wanted; say warn stream-trouble: stream b not served, asking again in 10 s: Something bad b
                [Hash, Hashes]: say warn unknown-status; stands b wanted; say warn stream-trouble: stream b not served, asking again in 10 s: Something bad
                [Nowhere]: say warn unknown-status; gap a from 9 server_error; say warn gap-opened; hang-up; say info reconnecting: attempt 1 to connect in 10.0 s (server_error)
            success: Successfully unsubscribed from hash <HASH>
                [Text, Hash, Hashes, Nowhere]: nothing
        "#]],
    );
}

#[test]
fn case_space_and_the_word_error_make_no_difference() {
    for (word, text) in DOCUMENTED.iter().chain(OBSERVED) {
        for naming in [Naming::Text, Naming::Hash, Naming::Nowhere] {
            let plain = reaction(&frame(word, text, naming));
            let loud = text.to_uppercase().replace(' ', "  ");
            let odd = format!("\n {}\t", text.replace(' ', "\u{a0}"));
            for other in [loud, odd] {
                assert_eq!(deeds(&reaction(&frame(word, &other, naming))), deeds(&plain), "{other:?}");
            }
            if *word == "failure" {
                assert_eq!(reaction(&frame("error", text, naming)), plain, "{text} as an error");
                assert_eq!(reaction(&frame(" Failure ", text, naming)), plain, "{text} as a Failure");
            }
        }
    }
}

/// The same things done, whatever was quoted while doing them.
fn deeds(done: &str) -> BTreeSet<String> {
    done.split("; ").map(|action| action.split(':').next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn the_tick_of_the_documentation_is_life_and_no_status() {
    expect![["nothing"]]
        .assert_eq(&reaction(r#"{"tick": 1311694603, "status": "connected", "message": "Waiting for data"}"#));
}

#[test]
fn a_request_to_reconnect_is_obeyed_whatever_it_says() {
    for frame in [r#"{"reconnect":true}"#, r#"{"reconnect":{"in":60},"status":"success"}"#, r#"{"reconnect":null}"#] {
        assert!(reaction(frame).contains("0.0 s (maintenance); dial"), "{}", reaction(frame));
    }
}
