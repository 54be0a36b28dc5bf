//! Where coverage ends and gaps begin.

use expect_test::expect;

use super::script::{check, run};

#[test]
#[expect(clippy::too_many_lines, reason = "a transcript is as long as what happens")]
fn a_life() {
    check(
        "0.1 open
         0.2 ack a
         0.25 ack b
         1 item a
         30 tick
         60 tick
         70 eof
         75 open
         75.1 ack a b
         80 stop
         80.1 item a
         80.2 closed",
        &expect![[r#"
            0 > dial
            0 > state connecting
            0.1 < open
            0.1 > opened 1
            0.1 > say info connected
            0.1 > state subscribing
            0.1 > subscribe a b
            0.2 < ack a
            0.2 > stands a active
            0.2 > cover a from 0.2
            0.25 < ack b
            0.25 > stands b active
            0.25 > cover b from 0.25
            0.25 > say info subscribed: all streams answered: 2 active, 0 out, after 0.150 s
            0.25 > state live
            1 < item a
            1 > keep a
            30 < tick
            60 < tick
            70 < eof
            70 > gap a from 57 network
            70 > gap b from 57 network
            70 > say warn gap-opened
            70 > closed network: the connection broke: end of stream
            70 > say warn disconnected
            70 > hang-up
            70 > say info reconnecting: attempt 1 to connect in 1.0 s (network)
            70 > state waiting
            71 > dial
            71 > state connecting
            75 < open
            75 > opened 2
            75 > say info connected
            75 > state subscribing
            75 > subscribe a b
            75.1 < ack a b
            75.1 > stands a active
            75.1 > cover a from 75.1
            75.1 > stands b active
            75.1 > cover b from 75.1
            75.1 > say info gap-closed
            75.1 > say info subscribed: all streams answered: 2 active, 0 out, after 0.100 s
            75.1 > state live
            80 < stop
            80 > say info stopping
            80 > farewell
            80 > state stopping
            80.1 < item a
            80.1 > keep a
            80.2 < closed
            80.2 > gap a from 77 shutdown
            80.2 > gap b from 77 shutdown
            80.2 > say warn gap-opened
            80.2 > closed shutdown: stopped
            80.2 > say warn disconnected
            80.2 > hang-up
            80.2 > state stopped
            80.2 > say info stopped
            80.2 > end
        "#]],
    );
}

#[test]
fn each_gap_ends_with_the_streams_own_acknowledgement() {
    check(
        "streams a b
         only gap cover
         0.1 open
         0.2 ack a b
         30 tick
         40 eof
         41 open
         41.5 ack a
         44 ack b
         45 end",
        &expect![[r#"
            0.1 < open
            0.2 < ack a b
            0.2 > cover a from 0.2
            0.2 > cover b from 0.2
            30 < tick
            40 < eof
            40 > gap a from 27 network
            40 > gap b from 27 network
            41 < open
            41.5 < ack a
            41.5 > cover a from 41.5
            44 < ack b
            44 > cover b from 44
        "#]],
    );
}

#[test]
fn a_gap_begins_where_the_servers_buffer_hides_the_rest() {
    check(
        "only gap cover
         0.1 open
         0.2 ack a b
         30 tick
         40 item a -7
         40.5 eof
         41 end",
        &expect![[r#"
            0.1 < open
            0.2 < ack a b
            0.2 > cover a from 0.2
            0.2 > cover b from 0.2
            30 < tick
            40 < item a -7
            40.5 < eof
            40.5 > gap a from 30 network
            40.5 > gap b from 30 network
        "#]],
    );
}

#[test]
fn a_quiet_connection_is_proven_by_its_ticks() {
    check(
        "only gap cover
         serves
         30 tick
         60 tick
         90 tick
         100 eof
         101 end",
        &expect![[r#"
            0.11 > cover a from 0.11
            0.11 > cover b from 0.11
            30 < tick
            60 < tick
            90 < tick
            100 < eof
            100 > gap a from 87 network
            100 > gap b from 87 network
        "#]],
    );
}

#[test]
fn silence_for_too_long() {
    check(
        "serves
         only dial gap say closed hang-up
         30 tick
         60 ping
         130 end",
        &expect![[r#"
            0 > dial
            0.1 > say info connected
            0.11 > say info subscribed: all streams answered: 2 active, 0 out, after 0.010 s
            30 < tick
            60 < ping
            125 > say warn silence
            125 > gap a from 27 silence
            125 > gap b from 27 silence
            125 > say warn gap-opened
            125 > closed silence: no sign of life for 65 s
            125 > say warn disconnected
            125 > hang-up
            125 > say info reconnecting: attempt 1 to connect in 0.0 s (silence)
            125 > dial
            125.1 > say info connected
            125.11 > say info gap-closed
            125.11 > say info subscribed: all streams answered: 2 active, 0 out, after 0.010 s
        "#]],
    );
}

#[test]
fn a_frame_after_too_long_a_silence_is_no_proof_that_nothing_was_lost() {
    check(
        "only dial gap say keep
         0.1 open
         0.2 ack a b
         30 tick
         700 skip item a
         701 end",
        &expect![[r#"
            0 > dial
            0.1 < open
            0.1 > say info connected
            0.2 < ack a b
            0.2 > say info subscribed: all streams answered: 2 active, 0 out, after 0.100 s
            30 < tick
            700 > say warn suspended
            700 > gap a from 27 suspended
            700 > gap b from 27 suspended
            700 > say warn gap-opened
            700 > say warn disconnected
            700 > say info reconnecting: attempt 1 to connect in 0.0 s (suspended)
            700 > dial
        "#]],
    );
}

#[test]
fn a_machine_that_slept() {
    check(
        "only dial gap say
         0.1 open
         0.2 ack a b
         30 tick
         700 skip deadline
         701 end",
        &expect![[r#"
            0 > dial
            0.1 < open
            0.1 > say info connected
            0.2 < ack a b
            0.2 > say info subscribed: all streams answered: 2 active, 0 out, after 0.100 s
            30 < tick
            700 > say warn suspended
            700 > gap a from 27 suspended
            700 > gap b from 27 suspended
            700 > say warn gap-opened
            700 > say warn disconnected
            700 > say info reconnecting: attempt 1 to connect in 0.0 s (suspended)
            700 > dial
        "#]],
    );
}

#[test]
fn a_connection_found_dead_after_a_sleep() {
    check(
        "only dial gap say
         0.1 open
         0.2 ack a b
         30 tick
         700 skip eof
         701 end",
        &expect![[r#"
            0 > dial
            0.1 < open
            0.1 > say info connected
            0.2 < ack a b
            0.2 > say info subscribed: all streams answered: 2 active, 0 out, after 0.100 s
            30 < tick
            700 > say warn suspended
            700 > gap a from 27 suspended
            700 > gap b from 27 suspended
            700 > say warn gap-opened
            700 > say warn disconnected
            700 > say info reconnecting: attempt 1 to connect in 0.0 s (suspended)
            700 > dial
        "#]],
    );
}

/// The last sign of life came at 30, and 65 s is the limit.
#[test]
fn silence_is_too_long_from_the_moment_after_its_limit_on() {
    for event in ["item a", "ping", "part", "eof"] {
        for (at, silent) in [("95", false), ("95.000001", true)] {
            let timeline = run(&format!("only say\n0.1 open\n0.2 ack a b\n30 tick\n{at} skip {event}\n96 end"));
            assert_eq!(timeline.contains("say warn silence"), silent, "{event} at {at}");
            assert_eq!(timeline.contains("network"), event == "eof" && !silent, "{event} at {at}");
        }
    }
}

#[test]
fn whoever_meets_the_end_of_silence_more_than_five_seconds_late_has_stood_still() {
    for (at, cause) in [("95", "silence"), ("100", "silence"), ("100.000001", "suspended")] {
        let timeline = run(&format!("only say gap\n0.1 open\n0.2 ack a b\n30 tick\n{at} skip deadline\n101 end"));
        assert!(timeline.contains(&format!("{at} > say warn {cause}\n")), "{timeline}");
        assert!(timeline.contains(&format!("{at} > gap a from 27 {cause}\n")), "{timeline}");
    }
}

#[test]
fn a_shorter_limit_for_silence_holds_from_the_reload_on() {
    let timeline = run("only say\n0.1 open\n0.2 ack a b\n30 tick\n50 reload silence=30\n70 end");
    assert!(timeline.contains("\n60 > say warn silence\n"), "{timeline}");
}
