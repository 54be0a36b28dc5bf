//! When it tries again.

use expect_test::expect;

use super::script::{check, run};

#[test]
fn the_network_ladder_climbs_a_second_a_time_and_stays_at_its_top() {
    check(
        "only dial
         opens
         0.2 eof
         1.3 eof
         3.4 eof
         6.5 eof
         10.6 eof
         15.7 eof
         21.8 eof
         28.9 eof
         37 eof
         46.1 eof
         56.2 eof
         67.3 eof
         79.4 eof
         92.5 eof
         106.6 eof
         121.7 eof
         137.8 eof
         153.9 eof
         170 eof
         187 end",
        &expect![[r#"
            0 > dial
            0.2 < eof
            1.2 > dial
            1.3 < eof
            3.3 > dial
            3.4 < eof
            6.4 > dial
            6.5 < eof
            10.5 > dial
            10.6 < eof
            15.6 > dial
            15.7 < eof
            21.7 > dial
            21.8 < eof
            28.8 > dial
            28.9 < eof
            36.9 > dial
            37 < eof
            46 > dial
            46.1 < eof
            56.1 > dial
            56.2 < eof
            67.2 > dial
            67.3 < eof
            79.3 > dial
            79.4 < eof
            92.4 > dial
            92.5 < eof
            106.5 > dial
            106.6 < eof
            121.6 > dial
            121.7 < eof
            137.7 > dial
            137.8 < eof
            153.8 > dial
            153.9 < eof
            169.9 > dial
            170 < eof
            186 > dial
        "#]],
    );
}

#[test]
fn the_ladder_of_trouble_doubles_and_stays_at_its_top_for_ever() {
    check(
        "only dial
         0 failed 503
         10 failed 503
         30 failed 503
         70 failed 503
         150 failed 503
         310 failed 503
         630 failed 503
         950 failed 503
         1270 failed 503
         1590 end",
        &expect![[r#"
            0 > dial
            0 < failed 503
            10 > dial
            10 < failed 503
            30 > dial
            30 < failed 503
            70 > dial
            70 < failed 503
            150 > dial
            150 < failed 503
            310 > dial
            310 < failed 503
            630 > dial
            630 < failed 503
            950 > dial
            950 < failed 503
            1270 > dial
            1270 < failed 503
            1590 > dial
        "#]],
    );
}

#[test]
fn chance_moves_a_wait_by_a_tenth_at_most() {
    check(
        "only say
         jitter 0.1
         0 failed 503
         12 failed 503
         40 failed 503
         90 end",
        &expect![[r#"
            0 < failed 503
            0 > say warn connect-failed
            0 > say info reconnecting: attempt 2 to connect in 10.1 s (server_error)
            12 < failed 503
            12 > say warn connect-failed
            12 > say info reconnecting: attempt 3 to connect in 21.0 s (server_error)
            40 < failed 503
            40 > say warn connect-failed
            40 > say info reconnecting: attempt 4 to connect in 43.8 s (server_error)
            60 > say warn gap-opened
        "#]],
    );
}

#[test]
fn accepting_and_closing_at_once_does_not_heal() {
    check(
        "only dial
         0.1 open
         0.1 eof
         1.2 open
         1.2 eof
         3.3 open
         3.3 closed
         7 end",
        &expect![[r#"
            0 > dial
            0.1 < open
            0.1 < eof
            1.1 > dial
            1.2 < open
            1.2 < eof
            3.2 > dial
            3.3 < open
            3.3 < closed
            6.3 > dial
        "#]],
    );
}

#[test]
fn a_tick_or_an_acknowledgement_or_a_message_heals() {
    check(
        "only dial
         0 failed network
         1 failed network
         3 open
         3.1 tick
         3.2 eof
         4.2 failed network
         6.2 open
         6.3 ack a
         6.4 eof
         7.4 failed network
         9.4 open
         9.5 item a
         9.6 eof
         11 end",
        &expect![[r#"
            0 > dial
            0 < failed network
            1 > dial
            1 < failed network
            3 > dial
            3 < open
            3.1 < tick
            3.2 < eof
            4.2 > dial
            4.2 < failed network
            6.2 > dial
            6.2 < open
            6.3 < ack a
            6.4 < eof
            7.4 > dial
            7.4 < failed network
            9.4 > dial
            9.4 < open
            9.5 < item a
            9.6 < eof
            10.6 > dial
        "#]],
    );
}

#[test]
fn a_ping_does_not_heal() {
    check(
        "only dial
         0 failed network
         1 open
         1.1 ping
         1.2 eof
         4 end",
        &expect![[r#"
            0 > dial
            0 < failed network
            1 > dial
            1 < open
            1.1 < ping
            1.2 < eof
            3.2 > dial
        "#]],
    );
}

#[test]
fn maintenance_dials_in_the_same_breath_and_then_climbs_like_the_network() {
    check(
        r#"only dial state say hang-up
         0.1 open
         0.2 ack a b
         20 frame {"status":"failure","message":"This streaming API service node is closing for maintenance, please reconnect immediately"}
         20.1 failed network
         21.1 failed network
         24 end"#,
        &expect![[r#"
            0 > dial
            0 > state connecting
            0.1 < open
            0.1 > say info connected
            0.1 > state subscribing
            0.2 < ack a b
            0.2 > say info subscribed: all streams answered: 2 active, 0 out, after 0.100 s
            0.2 > state live
            20 < frame {"status":"failure","message":"This streaming API service node is closing for maintenance, ple
            20 > say info maintenance
            20 > say warn gap-opened
            20 > say warn disconnected
            20 > hang-up
            20 > say info reconnecting: attempt 1 to connect in 0.0 s (maintenance)
            20 > dial
            20 > state connecting
            20.1 < failed network
            20.1 > say warn connect-failed
            20.1 > say info reconnecting: attempt 2 to connect in 1.0 s (network)
            20.1 > state waiting
            21.1 > dial
            21.1 > state connecting
            21.1 < failed network
            21.1 > say warn connect-failed
            21.1 > say info reconnecting: attempt 3 to connect in 2.0 s (network)
            21.1 > state waiting
            23.1 > dial
            23.1 > state connecting
        "#]],
    );
}

#[test]
fn a_server_that_sends_us_away_again_at_once_gets_a_wait() {
    check(
        r#"only dial
         serves
         20 frame {"reconnect":true}
         20.5 frame {"reconnect":true}
         22 frame {"reconnect":true}
         23 frame {"reconnect":true}
         40 frame {"reconnect":true}
         41 end"#,
        &expect![[r#"
            0 > dial
            20 < frame {"reconnect":true}
            20 > dial
            20.5 < frame {"reconnect":true}
            21.5 > dial
            22 < frame {"reconnect":true}
            23 > dial
            23 < frame {"reconnect":true}
            40 < frame {"reconnect":true}
            40 > dial
        "#]],
    );
}

#[test]
fn too_slow_and_cut_off_reconnects_at_once_and_catches_up() {
    check(
        r#"serves
         only dial say gap drain state hang-up
         30 tick
         31 frame {"status":"failure","message":"You are consuming data too slowly and have been disconnected"}
         31.05 eof
         95 tick
         120 tick
         125 end"#,
        &expect![[r#"
            0 > dial
            0 > state connecting
            0.1 > say info connected
            0.1 > state subscribing
            0.11 > say info subscribed: all streams answered: 2 active, 0 out, after 0.010 s
            0.11 > state live
            30 < tick
            31 < frame {"status":"failure","message":"You are consuming data too slowly and have been disconnected"}
            31 > say error slow-consumer-disconnected
            31 > drain on
            31 > say warn drain-entered
            31 > gap a from 28 slow_consumer
            31 > gap b from 28 slow_consumer
            31 > say warn gap-opened
            31 > say warn disconnected
            31 > hang-up
            31 > say info reconnecting: attempt 1 to connect in 0.0 s (slow_consumer)
            31 > dial
            31 > state connecting
            31.05 < eof
            31.1 > say info connected
            31.1 > state draining
            31.11 > say info gap-closed
            31.11 > say info subscribed: all streams answered: 2 active, 0 out, after 0.010 s
            91 > drain off
            91 > say info drain-left
            91 > state live
            95 < tick
            120 < tick
        "#]],
    );
}

#[test]
fn full_service_waits_as_after_trouble() {
    check(
        r#"serves
         only dial say gap
         30 tick
         31 frame {"status":"failure","message":"The streaming API is currently at full capacity"}
         42 end"#,
        &expect![[r#"
            0 > dial
            0.1 > say info connected
            0.11 > say info subscribed: all streams answered: 2 active, 0 out, after 0.010 s
            30 < tick
            31 < frame {"status":"failure","message":"The streaming API is currently at full capacity"}
            31 > say warn capacity
            31 > gap a from 28 capacity
            31 > gap b from 28 capacity
            31 > say warn gap-opened
            31 > say warn disconnected
            31 > say info reconnecting: attempt 1 to connect in 10.0 s (capacity)
            41 > dial
            41.1 > say info connected
            41.11 > say info gap-closed
            41.11 > say info subscribed: all streams answered: 2 active, 0 out, after 0.010 s
        "#]],
    );
}

#[test]
fn answers_to_the_dial_by_status() {
    check(
        r#"only dial closed gap state say
         0 failed 404
         10 failed 420
         30 failed 429 after 100
         130 failed 500
         210 failed 502 after 7200 <html>Bad Gateway</html>
         3810 failed 503 {"status":"failure","message":"This streaming API service node is closing for maintenance, please reconnect immediately"}
         3811 failed 503 after 30 {"status":"failure","message":"This streaming API service node is currently unavailable, please reconnect immediately."}
         3841 failed 503 {"status":"failure","message":"There was a problem getting the available credit balance"}
         4161 end"#,
        &expect![[r#"
            0 > dial
            0 > state connecting
            0 < failed 404
            0 > say warn connect-failed
            0 > say info reconnecting: attempt 2 to connect in 10.0 s (server_error)
            0 > state waiting
            10 > dial
            10 > state connecting
            10 < failed 420
            10 > say warn connect-failed
            10 > say info reconnecting: attempt 3 to connect in 20.0 s (capacity)
            10 > state waiting
            30 > dial
            30 > state connecting
            30 < failed 429 after 100
            30 > say warn connect-failed
            30 > say info reconnecting: attempt 4 to connect in 100.0 s (capacity)
            30 > state waiting
            60 > gap a from 0 capacity
            60 > gap b from 0 capacity
            60 > say warn gap-opened
            130 > dial
            130 > state connecting
            130 < failed 500
            130 > say warn connect-failed
            130 > say info reconnecting: attempt 5 to connect in 80.0 s (server_error)
            130 > state waiting
            210 > dial
            210 > state connecting
            210 < failed 502 after 7200 <html>Bad Gateway</html>
            210 > say warn connect-failed
            210 > say info reconnecting: attempt 6 to connect in 3600.0 s (server_error)
            210 > state waiting
            3810 > dial
            3810 > state connecting
            3810 < failed 503 {"status":"failure","message":"This streaming API service node is closing for maintenance
            3810 > say warn connect-failed
            3810 > say info reconnecting: attempt 7 to connect in 1.0 s (maintenance)
            3810 > state waiting
            3811 > dial
            3811 > state connecting
            3811 < failed 503 after 30 {"status":"failure","message":"This streaming API service node is currently unav
            3811 > say warn connect-failed
            3811 > say info reconnecting: attempt 8 to connect in 30.0 s (maintenance)
            3811 > state waiting
            3841 > dial
            3841 > state connecting
            3841 < failed 503 {"status":"failure","message":"There was a problem getting the available credit balance"}
            3841 > say warn connect-failed
            3841 > say info reconnecting: attempt 9 to connect in 320.0 s (server_error)
            3841 > state waiting
            4161 > dial
            4161 > state connecting
        "#]],
    );
}

#[test]
fn a_connection_that_stood_for_ten_seconds_is_left_without_a_wait() {
    for (sent_away, dials) in [("10.099999", "11.099999"), ("10.1", "10.1"), ("10.100001", "10.100001")] {
        let timeline =
            run(&format!("only dial\n0.1 open\n0.2 ack a b\n{sent_away} frame {{\"reconnect\":true}}\n12 end"));
        assert_eq!(timeline.lines().last(), Some(format!("{dials} > dial").as_str()), "sent away at {sent_away}");
    }
}
