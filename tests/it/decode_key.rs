//! A server that repeats our key: it is told to nobody, in whichever words or names it comes back.

use std::fmt::Write as _;

use secrecy::SecretString;
use siftd::protocol::{DataSift, Protocol};
use siftd::signal::Signal;

/// Percent-encoded it is another text; a server may repeat either.
const KEY: &str = "c4n4ry key/of+the%server";
const ENCODED: &str = "c4n4ry%20key%2Fof%2Bthe%25server";

/// What is told of a frame: all of a signal but the frame itself, which is kept as it came.
fn told(key: &str, frame: &str) -> String {
    let mut protocol = DataSift::new("wss://stream.example/multi", "acme", SecretString::from(key));
    let mut told = String::new();
    protocol.decode(frame, &mut |signal| {
        match signal {
            Signal::Status(status) => write!(told, "{} {:?}", status.text, status.streams),
            Signal::Interaction(item) => write!(told, "{}", item.stream),
            Signal::Delete(delete) => write!(told, "{}", delete.stream),
            Signal::Unreadable(reason, _) => write!(told, "{reason}"),
            Signal::Tick(_) => Ok(()),
        }
        .unwrap();
    });
    told
}

#[test]
fn a_key_that_is_echoed_is_not_told() {
    for key in [KEY, ENCODED, &KEY.to_uppercase()] {
        let frames = [
            format!(r#"{{"status":"failure","message":"Invalid API key given: {key}."}}"#),
            format!(r#"{{"status":"warning","message":"no such stream","hash":"{key}"}}"#),
            format!(r#"{{"status":"success","message":"ok","hashes":["{key}"]}}"#),
            format!(r#"{{"hash":"{key}","data":{{"interaction":{{"id":"1"}}}}}}"#),
            format!(r#"{{"hash":"{key}","data":{{"deleted":true,"interaction":{{"id":"1"}}}}}}"#),
        ];
        for frame in frames {
            let told = told(KEY, &frame);
            assert!(told.contains("***"), "{frame}: {told}");
            assert!(!told.to_lowercase().contains("c4n4ry"), "{frame}: {told}");
        }
    }
}

#[test]
fn a_key_in_the_form_of_a_hash_is_no_name_of_a_stream() {
    let key = "c4n4ry0123456789abcdef0123456789";
    for name in [key, &key.to_uppercase()] {
        for data in [r#"{"interaction":{"id":"1"}}"#, r#"{"deleted":true,"interaction":{"id":"1"}}"#] {
            assert_eq!(told(key, &format!(r#"{{"hash":"{name}","data":{data}}}"#)), "***");
        }
    }
    let other = "a".repeat(32);
    assert_eq!(told(key, &format!(r#"{{"hash":"{other}","data":{{"interaction":{{"id":"1"}}}}}}"#)), other);
}
