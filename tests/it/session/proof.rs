//! What shows that the server serves us: waits begin anew, and a pause for credits is over.

use super::script::run;

/// What a server says, whether it heals the waits, and whether it ends a pause: an empty account has no streams.
const WORDS: [(&str, bool, bool); 9] = [
    ("ping", false, false),
    (r#"frame {"what":"ever"}"#, false, false),
    ("item z", false, false),
    ("tick", true, false),
    (r#"frame {"status":"connected","message":"Waiting for data"}"#, true, false),
    (r#"frame {"data":{"deleted":true,"interaction":{"id":"x"}}}"#, true, false),
    (r#"frame {"hash":"<a>","data":{"deleted":true,"interaction":{"id":"x"}}}"#, true, true),
    ("ack a", true, true),
    ("item a", true, true),
];

#[test]
fn what_the_server_says_shows_that_it_serves_us() {
    for (word, heals, _) in WORDS {
        let timeline = run(&format!("only dial\n0 failed network\n1 failed network\n3 open\n4 {word}\n5 eof\n10 end"));
        let dial = if heals { "6 > dial" } else { "8 > dial" };
        assert_eq!(timeline.lines().last(), Some(dial), "{word}");
    }
}

#[test]
fn what_the_server_says_of_a_stream_shows_that_there_are_credits() {
    const EMPTY: &str =
        r#"{"status":"failure","message":"You have insufficient credits available to consume the stream"}"#;
    for (word, _, resumes) in WORDS {
        let timeline = run(&format!("only say\n0 failed 402 {EMPTY}\n3601 open\n3602 {word}\n3603 end"));
        assert_eq!(timeline.contains("3602 > say info billing-resumed"), resumes, "{word}: {timeline}");
    }
}
