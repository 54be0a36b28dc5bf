//! What is wrong with a single value of daemon.toml: type, unit, bounds, choice.

use expect_test::expect;

use crate::config::{Folder, check};

#[test]
fn a_value_has_the_type_of_its_key() {
    check(&expect![[r#"
        [source]
        max_streams = "5000"
        ! daemon.toml:2:15: source.max_streams: must be a whole number, not text; write 5000 without quotes

        [source]
        max_streams = 5000.0
        ! daemon.toml:2:15: source.max_streams: must be a whole number, not a fraction

        [source]
        max_streams = "many"
        ! daemon.toml:2:15: source.max_streams: must be a whole number, not text

        [source]
        max_streams = []
        ! daemon.toml:2:15: source.max_streams: must be a whole number, not a list

        [source]
        max_frame = true
        ! daemon.toml:2:13: source.max_frame: must be a whole number with its unit (B, KiB, MiB or GiB), not true or false; write for example "64MiB"

        [source]
        allow_insecure = "true"
        ! daemon.toml:2:18: source.allow_insecure: must be true or false, not text; write it without quotes

        [source]
        allow_insecure = 1
        ! daemon.toml:2:18: source.allow_insecure: must be true or false, not a number

        [reconnect]
        jitter = "0.1"
        ! daemon.toml:2:10: reconnect.jitter: must be a number, not text; write it without quotes

        [reconnect]
        jitter = "little"
        ! daemon.toml:2:10: reconnect.jitter: must be a number, not text

        [log]
        level = 3
        ! daemon.toml:2:9: log.level: must be error, warn, info, debug or trace, in quotes, not a number

        [archive]
        path = 7
        ! daemon.toml:2:8: archive.path: must be text in quotes, not a number

        [archive]
        path = { a = 1 }
        ! daemon.toml:2:8: archive.path: must be text in quotes, not a table

        [archive]
        path = 2026-01-01
        ! daemon.toml:2:8: archive.path: must be text in quotes, not a date

        [source]
        streams_file = ["streams.txt"]
        ! daemon.toml:2:16: source.streams_file: must be text in quotes, not a list

        [source]
        streams = "4f3af38ad1c31646561bc814c3e69af5"
        ! daemon.toml:2:11: source.streams: must be a list of streams, not text

        [source]
        streams = [1]
        ! daemon.toml:2:12: source.streams: must be text in quotes, not a number
    "#]]);
}

#[test]
fn a_duration_and_a_size_have_a_unit() {
    check(&expect![[r#"
        [liveness]
        silence = 65
        ! daemon.toml:2:11: liveness.silence: must be a whole number with its unit (ms, s, m, h or d), and `65` has none; write "65s"

        [liveness]
        silence = "65"
        ! daemon.toml:2:11: liveness.silence: must be a whole number with its unit (ms, s, m, h or d), and `65` has none; write "65s"

        [liveness]
        silence = "65 s"
        ! daemon.toml:2:11: liveness.silence: must be a whole number with its unit (ms, s, m, h or d), not `65 s`; write for example "65s"

        [liveness]
        silence = "1m5s"
        ! daemon.toml:2:11: liveness.silence: must be a whole number with its unit (ms, s, m, h or d), not `1m5s`; write for example "65s"

        [liveness]
        silence = "-65s"
        ! daemon.toml:2:11: liveness.silence: must be a whole number with its unit (ms, s, m, h or d), not `-65s`; write for example "65s"

        [liveness]
        silence = -65
        ! daemon.toml:2:11: liveness.silence: must be a whole number with its unit (ms, s, m, h or d), and `-65` has none; write "65s"

        [liveness]
        silence = 1.5
        ! daemon.toml:2:11: liveness.silence: must be a whole number with its unit (ms, s, m, h or d), not a fraction; write for example "65s"

        [liveness]
        silence = "65MiB"
        ! daemon.toml:2:11: liveness.silence: must be a whole number with its unit (ms, s, m, h or d), not `65MiB`; write for example "65s"

        [liveness]
        silence = ""
        ! daemon.toml:2:11: liveness.silence: must be a whole number with its unit (ms, s, m, h or d), not ``; write for example "65s"

        [queue]
        max_bytes = 64
        ! daemon.toml:2:13: queue.max_bytes: must be a whole number with its unit (B, KiB, MiB or GiB), and `64` has none; write "64MiB"

        [queue]
        max_bytes = "64MB"
        ! daemon.toml:2:13: queue.max_bytes: must be a whole number with its unit (B, KiB, MiB or GiB), not `64MB`; write for example "64MiB"

        [queue]
        max_bytes = "64s"
        ! daemon.toml:2:13: queue.max_bytes: must be a whole number with its unit (B, KiB, MiB or GiB), not `64s`; write for example "64MiB"

        [queue]
        max_bytes = "99999999999999999999MiB"
        ! daemon.toml:2:13: queue.max_bytes: must be a whole number with its unit (B, KiB, MiB or GiB), not `99999999999999999999MiB`; write for example "64MiB"
    "#]]);
}

#[test]
fn a_value_lies_within_its_bounds() {
    check(&expect![[r#"
        [source]
        max_streams = 0
        ! daemon.toml:2:15: source.max_streams: must lie between 1 and 5000

        [source]
        max_streams = 5001
        ! daemon.toml:2:15: source.max_streams: must lie between 1 and 5000

        [source]
        max_streams = -1
        ! daemon.toml:2:15: source.max_streams: must lie between 1 and 5000

        [source]
        max_streams = 99999999999999999999
        ! daemon.toml:2:15: source.max_streams: must lie between 1 and 5000

        [source]
        subscribe_window = 0x1389
        ! daemon.toml:2:20: source.subscribe_window: must lie between 1 and 5000

        [reconnect]
        jitter = 0.6
        ! daemon.toml:2:10: reconnect.jitter: must lie between 0 and 0.5

        [reconnect]
        jitter = -0.1
        ! daemon.toml:2:10: reconnect.jitter: must lie between 0 and 0.5

        [reconnect]
        jitter = nan
        ! daemon.toml:2:10: reconnect.jitter: must lie between 0 and 0.5

        [reconnect]
        jitter = 2
        ! daemon.toml:2:10: reconnect.jitter: must lie between 0 and 0.5

        [reconnect]
        network_step = "0s"
        ! daemon.toml:2:16: reconnect.network_step: must lie between 1ms and 1h

        [gap]
        margin = "2h"
        ! daemon.toml:2:10: gap.margin: must lie between 0ms and 1h

        [source]
        max_frame = "1B"
        ! daemon.toml:2:13: source.max_frame: must lie between 1KiB and 1GiB
    "#]]);
}

#[test]
fn a_word_is_one_of_the_allowed() {
    check(&expect![[r#"
        [log]
        level = "inf"
        ! daemon.toml:2:9: log.level: must be error, warn, info, debug or trace, not `inf`; did you mean `info`?

        [log]
        level = "INFO"
        ! daemon.toml:2:9: log.level: must be error, warn, info, debug or trace, not `INFO`; did you mean `info`?

        [log]
        format = "syslog"
        ! daemon.toml:2:10: log.format: must be auto, journald, text or json, not `syslog`

        [archive]
        synchronous = "off"
        ! daemon.toml:2:15: archive.synchronous: must be full or normal, not `off`

        [source]
        kind = "centrifugo"
        ! daemon.toml:2:8: source.kind: must be datasift, not `centrifugo`

        [log]
        format = "\u001b]8;;http://x\u0007json"
        ! daemon.toml:2:10: log.format: must be auto, journald, text or json, not `\u{1b}]8;;http://x\u{7}json`

        [log]
        format = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        ! daemon.toml:2:10: log.format: must be auto, journald, text or json, not `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…`
    "#]]);
}

#[test]
fn a_text_is_not_empty_and_on_one_line() {
    check(&expect![[r#"
        [archive]
        path = ""
        ! daemon.toml:2:8: archive.path: is empty

        [archive]
        path = "a\u0000b"
        ! daemon.toml:2:8: archive.path: holds a control character; write it without

        [tls]
        ca_file = " "
        ! daemon.toml:2:11: tls.ca_file: is empty
    "#]]);
}

#[test]
fn backfill_that_could_never_begin_is_refused() {
    check(&expect![[r#"
        [backfill]
        sources = " , "
        ! daemon.toml:2:11: backfill.sources: names no source: the archive cannot be asked for nothing; name some, as "tumblr, wordpress", or set backfill.mode = "off"

        [backfill]
        sources = "tumblr; wordpress"
        ! daemon.toml:2:11: backfill.sources: holds what is no source; write names with commas, as "tumblr, wordpress"

        [backfill]
        credits_a_day = 100
        units_a_day = 1
        ! daemon.toml:2:17: backfill.credits_a_day: is less than the 166 credits that one job takes; write at least 166, or set backfill.mode = "off"
        ! daemon.toml:3:15: backfill.units_a_day: is less than backfill.units_an_hour: no hour could ever be filled; raise it, or set backfill.mode = "off"

        [backfill]
        mode = "off"
        sources = ","
        url = "http://archive.example/"
        ! daemon.toml:4:7: backfill.url: would send the API key unencrypted to another host; write https://, or set source.allow_insecure = true if the way there is safe

        [backfill]
        url = "ftp://archive.example/?api_key=x"
        ! daemon.toml:2:7: backfill.url: has a query (`?`), where a key could be printed with it; siftd writes the query itself; the key belongs in the file that source.api_key_file names
        ! daemon.toml:2:7: backfill.url: must begin with https:// or http://; write it as https://HOST[:PORT]/PATH

        [retention]
        tombstones = "5d"
        ! daemon.toml:2:14: retention.tombstones: ends before a job of backfill may: it would bring back what was deleted; keep it longer than backfill.lag and backfill.deadline together

        [backfill]
        deadline = "32d"
        lag = "31d"
        rows_a_second = 0
        page = "1KiB"
        units_an_hour = -1
        ! daemon.toml:2:12: backfill.deadline: must lie between 1s and 31d
        ! daemon.toml:3:7: backfill.lag: must lie between 0ms and 30d
        ! daemon.toml:4:17: backfill.rows_a_second: must lie between 1 and 1000000
        ! daemon.toml:5:8: backfill.page: must lie between 64KiB and 50MiB
        ! daemon.toml:6:17: backfill.units_an_hour: must lie between 0 and 1000000

        [backfill]
        combine = 46
        ! daemon.toml:2:11: backfill.combine: must lie between 1 and 45

        [backfill]
        jobs = 201
        mode = "on"
        ! daemon.toml:2:8: backfill.jobs: must lie between 1 and 200
        ! daemon.toml:3:8: backfill.mode: must be off, approve or auto, not `on`
    "#]]);
}

#[test]
fn a_directory_or_a_device_is_no_archive() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path().join("store")).unwrap();
    let settings =
        "[source]\nurl = \"wss://stream.example.com/multi\"\nusername = \"acme\"\nstreams_file = \"streams.txt\"\n";
    expect![[r#"daemon.toml:6:8: archive.path: store is a directory; name a file in it: "store/archive.db""#]]
        .assert_eq(&folder.faults(format!("{settings}[archive]\npath = \"store\"")));
    expect!["daemon.toml:6:8: archive.path: /dev/null is no regular file; name another file"]
        .assert_eq(&folder.faults(format!("{settings}[archive]\npath = \"/dev/null\"")));
}
