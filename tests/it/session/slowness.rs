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
        "only gap say dial
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
            200 < queue 1000
            200 < read
            200 > say info queue-relieved
            204 < eof
            204 > gap a from 27 local_storage
            204 > gap b from 27 local_storage
            204 > say warn gap-opened
            204 > say warn disconnected
            204 > say info reconnecting: attempt 1 to connect in 1.0 s (local_storage)
            205 > dial
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
