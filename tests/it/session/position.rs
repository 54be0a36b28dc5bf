//! How far the connection has come: what is committed together with the rows before it.

use expect_test::expect;

use super::script::{check, run};

#[test]
fn a_connection_counts_what_came_over_it_and_keeps_its_place_after_its_end() {
    check(
        "only reach
         0 reach
         0.1 open
         0.1 reach
         0.2 ack a b
         0.2 reach
         30 tick
         31 item a
         32 ping
         33 part
         33 reach
         40 eof
         40 reach
         41 open
         41 reach
         42 ping
         42 reach",
        &expect![[r#"
            0 < reach
            0 > reach of no connection
            0.1 < open
            0.1 < reach
            0.1 > reach of 1 to 0.1, nothing proven; 0 frames, 0 bytes, 0 interactions; clock None, last tick none
            0.2 < ack a b
            0.2 < reach
            0.2 > reach of 1 to 0.2, nothing proven; 2 frames, 194 bytes, 0 interactions; clock None, last tick none
            30 < tick
            31 < item a
            32 < ping
            33 < part
            33 < reach
            33 > reach of 1 to 32, proven to 29; 5 frames, 390 bytes, 1 interactions; clock Some(0), last tick 30
            40 < eof
            40 < reach
            40 > reach of 1 to 32, proven to 29; 5 frames, 390 bytes, 1 interactions; clock Some(0), last tick 30
            41 < open
            41 < reach
            41 > reach of 2 to 41, nothing proven; 0 frames, 0 bytes, 0 interactions; clock Some(0), last tick 30
            42 < ping
            42 < reach
            42 > reach of 2 to 42, nothing proven; 1 frames, 2 bytes, 0 interactions; clock Some(0), last tick 30
        "#]],
    );
}

/// Seconds by which a tick differs from our own clock, and whether it is kept.
#[test]
fn a_tick_is_kept_as_the_servers_time_within_a_year_of_our_own() {
    const YEAR: i64 = 366 * 24 * 3600;
    for (offset, kept) in [(YEAR, false), (YEAR - 1, true), (0, true), (1 - YEAR, true), (-YEAR, false)] {
        let timeline = run(&format!("only reach\n0.1 open\n30 tick {offset}\n30 reach\n31 end"));
        let tick = if kept { (30 + offset).to_string() } else { "none".to_owned() };
        assert!(timeline.ends_with(&format!("last tick {tick}\n")), "{offset}: {timeline}");
    }
}

#[test]
fn the_servers_clock_is_known_by_what_it_tells_at_the_connect_and_by_ticks_and_messages() {
    let clock = |script: &str| {
        let timeline = run(&format!("only reach\n{script}"));
        let clock = timeline.rsplit_once("clock ").and_then(|(_, rest)| rest.split_once(", last tick"));
        clock.map(|(clock, _)| clock.to_owned()).unwrap()
    };
    assert_eq!(clock("0.1 open\n1 ping\n1 reach"), "None");
    assert_eq!(clock("1.4 open 0.3 9\n2 reach"), "Some(8600000)", "ten seconds when our own clock was at most 1.4");
    assert_eq!(clock("0.1 open\n10 tick 5\n10 reach"), "Some(5000000)");
    let known = "0.1 open\n0.2 ack a\n1 tick";
    assert_eq!(clock(&format!("{known}\n2 reach")), "Some(0)");
    assert_eq!(clock(&format!("{known}\n20 tick 9\n25 tick 9\n31 tick 9\n31 reach")), "Some(9000000)");
    assert_eq!(clock(&format!("{known}\n20 item a +9\n25 item a +9\n31 item a +9\n31 reach")), "Some(9000000)");
}

/// A refusal without a name held the claims back, until the stream that it was taken to mean had stayed away for long
/// enough; nothing came after that.
#[test]
fn what_a_doubt_held_back_is_proven_when_it_has_ended() {
    check(
        r#"only reach gap
         opens
         0.2 ack a b
         20 tick
         21 reload +c
         21.1 frame {"status":"failure","message":"The stream you are trying to use is currently disabled"}
         22 frame {"status":"failure","message":"The stream you are trying to use is currently disabled"}
         31 tick
         31 reach
         33 eof
         33 reach"#,
        &expect![[r#"
            0.2 < ack a b
            20 < tick
            21 < reload +c
            21.1 < frame {"status":"failure","message":"The stream you are trying to use is currently disabled"}
            22 < frame {"status":"failure","message":"The stream you are trying to use is currently disabled"}
            22 > gap c from 21 disabled
            31 < tick
            31 < reach
            31 > reach of 1 to 31, proven to 18.1; 6 frames, 506 bytes, 0 interactions; clock Some(0), last tick 31
            33 < eof
            33 > gap a from 28 network
            33 > gap b from 28 network
            33 < reach
            33 > reach of 1 to 31, proven to 28; 6 frames, 506 bytes, 0 interactions; clock Some(0), last tick 31
        "#]],
    );
}
