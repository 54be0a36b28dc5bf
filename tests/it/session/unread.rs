//! When the connection is left unread.

use expect_test::expect;

use super::script::check;

#[test]
fn what_is_told_twice_is_said_once() {
    check(
        "only say closed
         fields queue-full queue-relieved drain-entered
         0.1 open
         0.2 ack a b
         10 read
         20 queue 1700
         21 unread
         22 unread
         25 read
         26 read
         27 eof
         28 end",
        &expect![[r#"
            0.1 < open
            0.1 > say info connected
            0.2 < ack a b
            0.2 > say info subscribed: all streams answered: 2 active, 0 out, after 0.100 s
            10 < read
            20 < queue 1700
            21 < unread
            21 > say error queue-full {"queue_bytes":1700,"max_bytes":1600}
            21 > say warn drain-entered {"reason":"the queue is full","queue_bytes":1700}
            22 < unread
            25 < read
            25 > say info queue-relieved {"seconds":4.0}
            26 < read
            27 < eof
            27 > say warn gap-opened
            27 > closed slow_consumer: the connection broke: end of stream (the disk stalled: left unread for 4.0 s)
            27 > say warn disconnected
            27 > say info reconnecting: attempt 1 to connect in 0.0 s (slow_consumer)
        "#]],
    );
}

/// It may have failed for as long as the connection was left unread.
#[test]
fn a_disk_that_takes_something_again_in_the_moment_in_which_reading_ends_had_failed() {
    check(
        "only gap
         0.1 open
         0.2 ack a b
         30 storage
         40 unread
         40 stored
         41 read
         42 eof
         43 end",
        &expect![[r#"
            0.1 < open
            0.2 < ack a b
            30 < storage
            40 < unread
            40 < stored
            41 < read
            42 < eof
            42 > gap a from 0.2 local_storage
            42 > gap b from 0.2 local_storage
        "#]],
    );
}

/// The disk fails all the while, and takes something again only when the connection is read again.
#[test]
fn a_disk_that_fails_beyond_the_time_unread_gives_its_cause() {
    check(
        r#"only gap closed
         0.1 open
         0.2 ack a b
         30 storage
         40 unread
         41 read
         41.5 stored
         42 eof
         43.1 open
         43.2 ack a b
         50 storage
         51 unread
         52 frame {"status":"failure","message":"You are consuming data too slowly and have been disconnected"}
         53 end"#,
        &expect![[r#"
            0.1 < open
            0.2 < ack a b
            30 < storage
            40 < unread
            41 < read
            41.5 < stored
            42 < eof
            42 > gap a from 0.2 local_storage
            42 > gap b from 0.2 local_storage
            42 > closed local_storage: the connection broke: end of stream
            43.1 < open
            43.2 < ack a b
            50 < storage
            51 < unread
            52 < frame {"status":"failure","message":"You are consuming data too slowly and have been disconnected"}
            52 > gap a from 43.2 slow_consumer
            52 > gap b from 43.2 slow_consumer
            52 > closed slow_consumer: You are consuming data too slowly and have been disconnected
        "#]],
    );
}
