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
