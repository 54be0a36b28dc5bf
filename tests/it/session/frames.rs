//! What is kept, what is dropped, and what is lost.

use expect_test::expect;

use super::script::{check, run};

#[test]
fn a_message_too_large_is_a_gap() {
    check(
        "only gap say dial
         serves
         30 tick
         31 oversize
         33 end",
        &expect![[r#"
            0 > dial
            0.1 > say info connected
            0.11 > say info subscribed: all streams answered: 2 active, 0 out, after 0.010 s
            30 < tick
            31 < oversize
            31 > say error oversize-frame
            31 > gap a from 27 oversize_frame
            31 > gap b from 27 oversize_frame
            31 > say warn gap-opened
            31 > say warn disconnected
            31 > say info reconnecting: attempt 1 to connect in 1.0 s (oversize_frame)
            32 > dial
            32.1 > say info connected
            32.11 > say info gap-closed
            32.11 > say info subscribed: all streams answered: 2 active, 0 out, after 0.010 s
        "#]],
    );
}

#[test]
fn an_unreadable_frame_is_kept_or_else_a_gap() {
    check(
        r#"only gap say dial quarantine closed
         serves
         30 tick
         31 frame {"what":"ever"}
         32 frame {"hash":"<a>","data":{"interaction":{"id":"x"}}} and more
         33 frame {xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
         34 end"#,
        &expect![[r#"
            0 > dial
            0.1 > say info connected
            0.11 > say info subscribed: all streams answered: 2 active, 0 out, after 0.010 s
            30 < tick
            31 < frame {"what":"ever"}
            31 > quarantine
            31 > say warn frame-quarantined
            32 < frame {"hash":"<a>","data":{"interaction":{"id":"x"}}} and more
            32 > quarantine
            32 > say warn frame-quarantined
            33 < frame {xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
            33 > say error quarantine-full
            33 > gap a from 29 server_error
            33 > gap b from 29 server_error
            33 > say warn gap-opened
            33 > closed server_error: an unreadable frame that could not be kept
            33 > say warn disconnected
            33 > say info reconnecting: attempt 1 to connect in 1.0 s (server_error)
            34 > dial
        "#]],
    );
}

#[test]
fn a_message_of_nobody_is_dropped_without_an_error() {
    check(
        "only gap say keep quarantine
         serves
         10 item z
         11 reload -a
         11.1 item a
         12 end",
        &expect![[r#"
            0.1 > say info connected
            0.11 > say info subscribed: all streams answered: 2 active, 0 out, after 0.010 s
            10 < item z
            10 > say debug foreign-interaction
            11 < reload -a
            11 > say info reloaded
            11.1 < item a
            11.1 > say debug foreign-interaction
        "#]],
    );
}

#[test]
fn a_deletion_erases_in_every_stream_whoever_it_came_with() {
    check(
        r#"only erase say keep
         serves
         10 frame {"hash":"<a>","data":{"deleted":true,"interaction":{"id":"x","type":"twitter"},"twitter":{"id":"1"}}}
         11 frame {"data":{"deleted":true,"interaction":{"id":"x"}}}
         12 frame {"hash":"<a>","data":{"deleted":true,"twitter":{"id":"1","user":{"id":5}}}}
         13 end"#,
        &expect![[r#"
            0.1 > say info connected
            0.11 > say info subscribed: all streams answered: 2 active, 0 out, after 0.010 s
            10 < frame {"hash":"<a>","data":{"deleted":true,"interaction":{"id":"x","type":"twitter"},"twitter":{"id"
            10 > erase
            11 < frame {"data":{"deleted":true,"interaction":{"id":"x"}}}
            11 > erase
            12 < frame {"hash":"<a>","data":{"deleted":true,"twitter":{"id":"1","user":{"id":5}}}}
            12 > say warn delete-unmatched
        "#]],
    );
}

#[test]
fn what_was_said_after_the_connection_was_given_up_is_not_heard() {
    check(
        r#"only keep dial gap
         serves
         30 tick
         31 frame {"reconnect":1}{"hash":"<a>","data":{"interaction":{"id":"x"}}}
         31.05 frame {"hash":"<a>","data":{"interaction":{"id":"x"}}}
         32 end"#,
        &expect![[r#"
            0 > dial
            30 < tick
            31 < frame {"reconnect":1}{"hash":"<a>","data":{"interaction":{"id":"x"}}}
            31 > gap a from 28 maintenance
            31 > gap b from 28 maintenance
            31 > dial
            31.05 < frame {"hash":"<a>","data":{"interaction":{"id":"x"}}}
        "#]],
    );
}

#[test]
fn what_cannot_be_read_after_the_connection_was_given_up_is_of_no_account() {
    let long = "x".repeat(1100);
    for rest in [r#"{"what":"ever"}"#.to_owned(), format!("{{{long}")] {
        let timeline =
            run(&format!("only dial quarantine say\nserves\n30 tick\n31 frame {{\"reconnect\":1}}{rest}\n31.05 end"));
        let done: Vec<_> = timeline.lines().filter_map(|line| line.strip_prefix("31 > ")).collect();
        assert_eq!(
            done,
            [
                "say info maintenance",
                "say warn gap-opened",
                "say warn disconnected",
                "say info reconnecting: attempt 1 to connect in 0.0 s (maintenance)",
                "dial"
            ]
        );
    }
}
