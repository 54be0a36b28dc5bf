//! When we, or our disk, are too slow.

use expect_test::expect;

use super::script::check;

#[test]
#[expect(clippy::too_many_lines, reason = "a transcript is as long as what happens")]
fn a_slow_warning_ends_all_coverage_until_the_connection_is_renewed() {
    check(
        r#"only gap cover say drain dial state
         0.1 open
         0.2 ack a
         1 queue 1200
         30 tick
         31 item a
         33 frame {"status":"warning","message":"You are consuming data too slowly. If you do not consume data faster you will be disconnected."}
         34 ack b
         35 item a
         36 item b
         40 queue 900
         50 queue 10
         80 tick
         100 queue 200
         105 queue 0
         130 tick
         165.1 open
         165.2 ack a b
         166 end"#,
        &expect![[r#"
            0 > dial
            0 > state connecting
            0.1 < open
            0.1 > say info connected
            0.1 > state subscribing
            0.2 < ack a
            0.2 > cover a from 0.2
            1 < queue 1200
            10.1 > say warn acknowledgement-missing
            20.1 > say warn acknowledgement-missing
            30 < tick
            30.1 > say warn acknowledgement-missing
            30.1 > say info subscribed: all streams answered: 1 active, 1 out, after 30.000 s
            30.1 > state live
            31 < item a
            33 < frame {"status":"warning","message":"You are consuming data too slowly. If you do not consume data f
            33 > say warn slow-consumer-warning
            33 > gap a from 30 slow_consumer
            33 > say warn gap-opened
            33 > drain on
            33 > say warn drain-entered
            33 > state draining
            34 < ack b
            35 < item a
            36 < item b
            40 < queue 900
            50 < queue 10
            60 > gap b from 0 slow_consumer
            60 > say warn gap-opened
            80 < tick
            100 < queue 200
            105 < queue 0
            130 < tick
            165 > drain off
            165 > say info drain-left
            165 > say warn disconnected
            165 > say info reconnecting: attempt 1 to connect in 0.0 s (slow_consumer)
            165 > dial
            165 > state connecting
            165.1 < open
            165.1 > say info connected
            165.1 > state subscribing
            165.2 < ack a b
            165.2 > cover a from 165.2
            165.2 > cover b from 165.2
            165.2 > say info gap-closed
            165.2 > say info subscribed: all streams answered: 2 active, 0 out, after 0.100 s
            165.2 > state live
        "#]],
    );
}

#[test]
fn warned_and_then_cut_off() {
    check(
        r#"only gap cover say drain dial
         0.1 open
         0.2 ack a b
         30 tick
         33 frame {"status":"warning","message":"You are consuming data too slowly. If you do not consume data faster you will be disconnected."}
         35 item a
         36 frame {"status":"failure","message":"You are consuming data too slowly and have been disconnected"}
         36.1 open
         36.2 ack a b
         60 tick
         95 tick
         97 end"#,
        &expect![[r#"
            0 > dial
            0.1 < open
            0.1 > say info connected
            0.2 < ack a b
            0.2 > cover a from 0.2
            0.2 > cover b from 0.2
            0.2 > say info subscribed: all streams answered: 2 active, 0 out, after 0.100 s
            30 < tick
            33 < frame {"status":"warning","message":"You are consuming data too slowly. If you do not consume data f
            33 > say warn slow-consumer-warning
            33 > gap a from 27 slow_consumer
            33 > gap b from 27 slow_consumer
            33 > say warn gap-opened
            33 > drain on
            33 > say warn drain-entered
            35 < item a
            36 < frame {"status":"failure","message":"You are consuming data too slowly and have been disconnected"}
            36 > say error slow-consumer-disconnected
            36 > say warn disconnected
            36 > say info reconnecting: attempt 1 to connect in 0.0 s (slow_consumer)
            36 > dial
            36.1 < open
            36.1 > say info connected
            36.2 < ack a b
            36.2 > cover a from 36.2
            36.2 > cover b from 36.2
            36.2 > say info gap-closed
            36.2 > say info subscribed: all streams answered: 2 active, 0 out, after 0.100 s
            60 < tick
            95 < tick
            96 > drain off
            96 > say info drain-left
        "#]],
    );
}

#[test]
fn an_unread_connection_is_not_silent_and_its_loss_is_ours() {
    check(
        "only gap say dial closed
         0.1 open
         0.2 ack a b
         30 tick
         40 queue 1600
         40 unread
         200 queue 1000
         200 read
         204 eof
         206 end",
        &expect![[r#"
            0 > dial
            0.1 < open
            0.1 > say info connected
            0.2 < ack a b
            0.2 > say info subscribed: all streams answered: 2 active, 0 out, after 0.100 s
            30 < tick
            40 < queue 1600
            40 < unread
            40 > say error queue-full
            40 > say warn drain-entered
            200 < queue 1000
            200 < read
            200 > say info queue-relieved
            204 < eof
            204 > gap a from 27 slow_consumer (the disk stalled: left unread for 160.0 s)
            204 > gap b from 27 slow_consumer (the disk stalled: left unread for 160.0 s)
            204 > say warn gap-opened
            204 > closed slow_consumer: the connection broke: end of stream (the disk stalled: left unread for 160.0 s)
            204 > say warn disconnected
            204 > say info reconnecting: attempt 1 to connect in 0.0 s (slow_consumer)
            204 > dial
        "#]],
    );
}

/// It was left unread for 5 s, read for 4, left unread for 10; what is read in the end is that the server cut us off.
#[test]
fn times_unread_that_follow_one_another_are_told_as_one() {
    check(
        r#"only gap closed say
         0.1 open
         0.2 ack a b
         20 unread
         30 read
         50 unread
         55 read
         59 unread
         69 read
         69.5 frame {"status":"failure","message":"You are consuming data too slowly and have been disconnected"}
         70 end"#,
        &expect![[r#"
            0.1 < open
            0.1 > say info connected
            0.2 < ack a b
            0.2 > say info subscribed: all streams answered: 2 active, 0 out, after 0.100 s
            20 < unread
            20 > say error queue-full
            20 > say warn drain-entered
            30 < read
            30 > say info queue-relieved
            50 < unread
            50 > say error queue-full
            55 < read
            55 > say info queue-relieved
            59 < unread
            59 > say error queue-full
            69 < read
            69 > say info queue-relieved
            69.5 < frame {"status":"failure","message":"You are consuming data too slowly and have been disconnected"}
            69.5 > say error slow-consumer-disconnected
            69.5 > gap a from 0.2 slow_consumer (the disk stalled: left unread for 15.0 s)
            69.5 > gap b from 0.2 slow_consumer (the disk stalled: left unread for 15.0 s)
            69.5 > say warn gap-opened
            69.5 > closed slow_consumer: You are consuming data too slowly and have been disconnected (the disk stalled: left unread for 15.0 s)
            69.5 > say warn disconnected
            69.5 > say info reconnecting: attempt 1 to connect in 0.0 s (slow_consumer)
        "#]],
    );
}

/// Something ends the connection while it is left unread; 9.9 s after that; and 10 s after.
fn ended_by(first: &str, then: &str) -> String {
    format!(
        "only gap closed dial\nopens\n1 ack a b\n10 unread\n15 {first}\n16 read\n17 ack a b\n20 unread\n21 read\n\
         30.9 {then}\n32 ack a b\n40 unread\n41 read\n51 {then}\n53 end"
    )
}

#[test]
fn only_what_happens_soon_after_is_our_slowness() {
    check(
        &ended_by("eof", "closed"),
        &expect![[r#"
            0 > dial
            1 < ack a b
            10 < unread
            15 < eof
            15 > gap a from 1 slow_consumer (the disk stalled: left unread for 5.0 s)
            15 > gap b from 1 slow_consumer (the disk stalled: left unread for 5.0 s)
            15 > closed slow_consumer: the connection broke: end of stream (the disk stalled: left unread for 5.0 s)
            15 > dial
            16 < read
            17 < ack a b
            20 < unread
            21 < read
            30.9 < closed
            30.9 > gap a from 17 slow_consumer (the disk stalled: left unread for 1.0 s)
            30.9 > gap b from 17 slow_consumer (the disk stalled: left unread for 1.0 s)
            30.9 > closed slow_consumer: the server closed with code 1001 (the disk stalled: left unread for 1.0 s)
            30.9 > dial
            32 < ack a b
            40 < unread
            41 < read
            51 < closed
            51 > gap a from 32 server_closed
            51 > gap b from 32 server_closed
            51 > closed server_closed: the server closed with code 1001
            52 > dial
        "#]],
    );
}

#[test]
fn a_message_that_is_too_large_is_so_however_late_it_is_read() {
    check(
        &ended_by("oversize", "oversize"),
        &expect![[r#"
        0 > dial
        1 < ack a b
        10 < unread
        15 < oversize
        15 > gap a from 1 oversize_frame
        15 > gap b from 1 oversize_frame
        15 > closed oversize_frame: a message above 100 bytes
        16 > dial
        16 < read
        17 < ack a b
        20 < unread
        21 < read
        30.9 < oversize
        30.9 > gap a from 17 oversize_frame
        30.9 > gap b from 17 oversize_frame
        30.9 > closed oversize_frame: a message above 100 bytes
        31.9 > dial
        32 < ack a b
        40 < unread
        41 < read
        51 < oversize
        51 > gap a from 32 oversize_frame
        51 > gap b from 32 oversize_frame
        51 > closed oversize_frame: a message above 100 bytes
        52 > dial
    "#]],
    );
}

/// The disk fails while the queue is full, and takes something again before the connection is seen to have ended.
#[test]
fn a_disk_that_failed_until_a_moment_ago_gives_its_cause() {
    check(
        "only gap closed say
         0.1 open
         0.2 ack a b
         30 storage trouble
         40 unread
         50 stored
         51 read
         52 unread
         53 read
         54 eof
         55.1 open
         55.2 ack a b
         80 storage full
         81 stored
         90 unread
         91 read
         92 eof
         93 end",
        &expect![[r#"
            0.1 < open
            0.1 > say info connected
            0.2 < ack a b
            0.2 > say info subscribed: all streams answered: 2 active, 0 out, after 0.100 s
            30 < storage trouble
            30 > say error storage-trouble
            40 < unread
            40 > say error queue-full
            40 > say warn drain-entered
            50 < stored
            50 > say info storage-recovered
            51 < read
            51 > say info queue-relieved
            52 < unread
            52 > say error queue-full
            53 < read
            53 > say info queue-relieved
            54 < eof
            54 > gap a from 0.2 local_storage
            54 > gap b from 0.2 local_storage
            54 > say warn gap-opened
            54 > closed local_storage: the connection broke: end of stream
            54 > say warn disconnected
            54 > say info reconnecting: attempt 1 to connect in 1.0 s (local_storage)
            55.1 < open
            55.1 > say info connected
            55.2 < ack a b
            55.2 > say info gap-closed
            55.2 > say info subscribed: all streams answered: 2 active, 0 out, after 0.100 s
            80 < storage full
            80 > say error storage-full
            81 < stored
            81 > say info storage-recovered
            90 < unread
            90 > say error queue-full
            91 < read
            91 > say info queue-relieved
            92 < eof
            92 > gap a from 55.2 slow_consumer (the disk stalled: left unread for 1.0 s)
            92 > gap b from 55.2 slow_consumer (the disk stalled: left unread for 1.0 s)
            92 > say warn gap-opened
            92 > closed slow_consumer: the connection broke: end of stream (the disk stalled: left unread for 1.0 s)
            92 > say warn disconnected
            92 > say info reconnecting: attempt 1 to connect in 0.0 s (slow_consumer)
        "#]],
    );
}

#[test]
fn trouble_that_turns_out_to_be_a_full_disk_is_said_once_more() {
    check(
        "only say
         0.1 open
         0.2 ack a b
         10 storage trouble
         11 storage full
         12 storage trouble
         13 storage full
         14 stored
         15 storage full
         16 end",
        &expect![[r#"
            0.1 < open
            0.1 > say info connected
            0.2 < ack a b
            0.2 > say info subscribed: all streams answered: 2 active, 0 out, after 0.100 s
            10 < storage trouble
            10 > say error storage-trouble
            11 < storage full
            11 > say error storage-full
            12 < storage trouble
            13 < storage full
            14 < stored
            14 > say info storage-recovered
            15 < storage full
            15 > say error storage-full
        "#]],
    );
}

#[test]
fn a_full_disk_gives_its_cause() {
    check(
        "only gap say
         0.1 open
         0.2 ack a b
         30 tick
         40 storage full
         41 storage full
         45 eof
         46.1 open
         46.2 ack a b
         50 stored
         60 tick
         80 eof
         81 end",
        &expect![[r#"
            0.1 < open
            0.1 > say info connected
            0.2 < ack a b
            0.2 > say info subscribed: all streams answered: 2 active, 0 out, after 0.100 s
            30 < tick
            40 < storage full
            40 > say error storage-full
            41 < storage full
            45 < eof
            45 > gap a from 27 local_storage
            45 > gap b from 27 local_storage
            45 > say warn gap-opened
            45 > say warn disconnected
            45 > say info reconnecting: attempt 1 to connect in 1.0 s (local_storage)
            46.1 < open
            46.1 > say info connected
            46.2 < ack a b
            46.2 > say info gap-closed
            46.2 > say info subscribed: all streams answered: 2 active, 0 out, after 0.100 s
            50 < stored
            50 > say info storage-recovered
            60 < tick
            80 < eof
            80 > gap a from 57 network
            80 > gap b from 57 network
            80 > say warn gap-opened
            80 > say warn disconnected
            80 > say info reconnecting: attempt 1 to connect in 1.0 s (network)
        "#]],
    );
}

const WARNING: &str = r#"frame {"status":"warning","message":"You are consuming data too slowly. If you do not consume data faster you will be disconnected."}"#;

#[test]
fn short_peaks_of_the_queue_do_not_keep_it_catching_up() {
    let peaks = |long: f64| {
        let ends = [50.0, 70.0, 90.0].map(|at| format!("{at} queue 200\n{} queue 10\n", at + long)).concat();
        format!("only drain\n0.1 open\n0.2 ack a b\n30 tick\n33 {WARNING}\n35 queue 10\n{ends}100 tick\n170 end")
    };
    check(
        &peaks(2.0),
        &expect![[r#"
        0.1 < open
        0.2 < ack a b
        30 < tick
        33 < frame {"status":"warning","message":"You are consuming data too slowly. If you do not consume data f
        33 > drain on
        35 < queue 10
        50 < queue 200
        52 < queue 10
        70 < queue 200
        72 < queue 10
        90 < queue 200
        92 < queue 10
        93 > drain off
        100 < tick
    "#]],
    );
    // As long as the queue is not near empty it is not left, also where the minute is over.
    check(
        &peaks(3.5),
        &expect![[r#"
        0.1 < open
        0.2 < ack a b
        30 < tick
        33 < frame {"status":"warning","message":"You are consuming data too slowly. If you do not consume data f
        33 > drain on
        35 < queue 10
        50 < queue 200
        53.5 < queue 10
        70 < queue 200
        73.5 < queue 10
        90 < queue 200
        93.5 < queue 10
        100 < tick
        153.5 > drain off
    "#]],
    );
}
