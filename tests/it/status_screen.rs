//! `siftd status` with 5,000 streams in each kind of trouble: what is wrong stands first, and all of it is on one screen.

use expect_test::{Expect, expect};
use std::fs::File;
use std::process::Command;

use crate::archive_house::skipped;
use crate::example::{Example, without_files};

/// Five thousand streams, an hour of notices, and a daemon that is well. `ago(S)` stands for a moment so many seconds
/// before the one that is looked at.
const WELL: &str = "
    INSERT OR REPLACE INTO meta (name, value) VALUES ('bucket', 1);
    INSERT INTO stream (id, name, label, state, wanted, began)
    WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 5000)
    SELECT n, printf('%032x', n), 'stream ' || n, 'active', ago(2592000), ago(2592000) FROM n;
    INSERT INTO connection (id, opened, url, covered, proven, frames, bytes, interactions)
    VALUES (41, ago(1200000), 'wss://stream.datasift.com/multi', ago(1), ago(3), 2400123456, 4900000000000, 2399123456);
    INSERT INTO cover (connection, stream, began) SELECT 41, id, ago(1199000) FROM stream;
    INSERT INTO gap (stream, started, ended, cause, state) SELECT id, ago(1200060), ago(1199000), 'crash', 'closed' FROM stream;
    INSERT INTO interaction (received, bucket, stream, zone, id, created, kind, origin, payload)
    WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 60000)
    SELECT ago(0) - n * 1000, 1, 1 + n % 5000, 0, printf('1e0b%028x', n), ago(0) - n * 1000, 'twitter', 0, '{}' FROM n;
    INSERT INTO state (one, state, since, version, pid, queue_frames, clock_offset, last_tick, told)
    VALUES (1, 'live', ago(1199000), '0.1.0', 4001, 12, 120000, ago(20), ago(1))";

/// What an hour of trouble leaves: a warning or an error of many names.
const NOTICES: &str = "
    INSERT INTO notice (at, level, notice, message, detail)
    SELECT ago(60 * value), CASE value % 3 WHEN 0 THEN 'error' ELSE 'warn' END, atom,
           'something that is said in rather many words, as a server may do, and then in some more of them', '{}'
      FROM (SELECT 13 - key AS value, atom FROM json_each('[\"disconnected\",\"gap-opened\",\"storage-trouble\",
        \"connect-failed\",\"silence\",\"slow-consumer-disconnected\",\"unknown-status\",\"slow-consumer-warning\",
        \"billing-paused\",\"capacity\",\"stream-trouble\",\"stream-rejected\",\"drain-entered\"]'))";

fn crowd(trouble: &str) -> Example {
    let example = Example::empty();
    let timed = format!("{WELL}; {NOTICES}; {trouble}");
    let mut sql = String::new();
    for (place, part) in timed.split("ago(").enumerate() {
        let (seconds, rest) = if place == 0 { ("", part) } else { part.split_once(')').unwrap() };
        sql += if place == 0 { "" } else { "(1795323600000000 - 1000000 * (" };
        sql += seconds;
        sql += if place == 0 { "" } else { "))" };
        sql += rest;
    }
    example.sql(&sql);
    example
}

/// The screen is this one, and no larger than a screen.
fn check(example: &Example, lock: Option<File>, expected: &Expect) {
    let screen = example.answer(&["status"]);
    drop(lock);
    assert!(screen.lines().count() <= 23, "{} rows:\n{screen}", screen.lines().count());
    for row in screen.lines() {
        assert!(row.chars().count() <= 80, "{} columns: {row}", row.chars().count());
    }
    for name in ["daemon ", "connection ", "streams ", "interactions ", "gaps ", "backfill ", "watermark ", "archive "]
    {
        assert_eq!(screen.lines().filter(|row| row.starts_with(name)).count(), 1, "{name}:\n{screen}");
    }
    expected.assert_eq(&without_files(&screen));
}

/// All streams lose their coverage, for this cause, so many seconds ago.
fn lost(cause: &str, ago: u32) -> String {
    format!(
        "UPDATE connection SET closed = ago({ago}), closed_because = '{cause}';
         UPDATE cover SET ended = ago({ago});
         INSERT INTO gap (stream, started, cause, state) SELECT id, ago({ago}), '{cause}', 'open' FROM stream WHERE state = 'active'"
    )
}

fn runs(trouble: &str, expected: &Expect) {
    let example = crowd(trouble);
    let lock = example.held_by(4001);
    check(&example, Some(lock), expected);
}

#[test]
fn nothing_is_wrong() {
    runs(
        "DELETE FROM notice",
        &expect![[r#"
            all is well

            daemon        live since 2026-11-08T07:56:40Z (13 d 21 h ago), process 4001
            connection    41 for 13 d 21 h: 4.4 TiB, 2,399,123,456 interactions
            streams       5,000 active
            interactions  last minute 60,000 (1,000.0/s), hour 60,000, newest 0.0 s ago
            gaps          0 open, 5,000 closed
            backfill      5,000 gaps wait
            watermark     committed until 04:59:59Z (1.0 s ago), 12 frames waiting
        "#]],
    );
}

#[test]
fn the_network_is_cut() {
    runs(
        &format!("UPDATE state SET state = 'waiting', since = ago(299); {}", lost("network", 300)),
        &expect![[r#"
            WARN  not connected, waiting to try again, since 04:55:01Z (4 min 59 s ago)
                  It does so by itself; the cause stands below.
            WARN  5,000 streams not covered (network), since 04:55:00Z (5 min 0 s ago)
                  Check the network, the name in `source.url`, the proxy or the certificate
                  that the detail names.

            daemon        waiting since 04:55:01Z (4 min 59 s ago), process 4001
            connection    none; 41 ended 5 min 0 s ago (network) after 13 d 21 h
            streams       5,000 active
            interactions  last minute 60,000 (1,000.0/s), hour 60,000, newest 0.0 s ago
            gaps          5,000 open (network 5,000), 5,000 closed
            backfill      5,000 gaps wait
            watermark     committed until 04:59:59Z (1.0 s ago), 12 frames waiting

            warnings of the last hour, newest first (`siftd explain NAME`)
              1 min 0 s ago  drain-entered: something that is said in rather many words, as…
              2 min 0 s ago  stream-rejected: something that is said in rather many words,…
              3 min 0 s ago  stream-trouble: something that is said in rather many words, a…
              4 min 0 s ago  capacity: something that is said in rather many words, as a se…
              5 min 0 s ago  billing-paused: something that is said in rather many words, a…
              6 min 0 s ago  slow-consumer-warning: something that is said in rather many w…
                             and 7 more: `siftd status --json`
        "#]],
    );
}

#[test]
fn it_was_cut_off_as_too_slow_and_catches_up() {
    let slow = lost("slow_consumer", 90);
    runs(
        &format!("UPDATE state SET state = 'draining', since = ago(60), queue_frames = 98304; {slow}"),
        &expect![[r#"
            ERROR 5,000 streams not covered (slow_consumer), since 04:58:30Z (1 min 30 s
                  ago)
                  Find what was slow: the disk, the processor, or the network. Fewer streams
                  or a faster disk help.
            WARN  catching up, since 04:59:00Z (1 min 0 s ago)
                  Nothing if `drain-left` follows within minutes.

            daemon        draining since 04:59:00Z (1 min 0 s ago), process 4001
            connection    none; 41 ended 1 min 30 s ago (slow_consumer) after 13 d 21 h
            streams       5,000 active
            interactions  last minute 60,000 (1,000.0/s), hour 60,000, newest 0.0 s ago
            gaps          5,000 open (slow_consumer 5,000), 5,000 closed
            backfill      5,000 gaps wait
            watermark     committed until 04:59:59Z (1.0 s ago), 98,304 frames waiting

            warnings of the last hour, newest first (`siftd explain NAME`)
              1 min 0 s ago  drain-entered: something that is said in rather many words, as…
              2 min 0 s ago  stream-rejected: something that is said in rather many words,…
              3 min 0 s ago  stream-trouble: something that is said in rather many words, a…
              4 min 0 s ago  capacity: something that is said in rather many words, as a se…
              5 min 0 s ago  billing-paused: something that is said in rather many words, a…
                             and 8 more: `siftd status --json`
        "#]],
    );
}

#[test]
fn it_catches_up_and_loses_nothing() {
    runs(
        "UPDATE state SET state = 'draining', since = ago(60), queue_frames = 98304",
        &expect![[r#"
            WARN  catching up, since 04:59:00Z (1 min 0 s ago)
                  Nothing if `drain-left` follows within minutes.

            daemon        draining since 04:59:00Z (1 min 0 s ago), process 4001
            connection    41 for 13 d 21 h: 4.4 TiB, 2,399,123,456 interactions
            streams       5,000 active
            interactions  last minute 60,000 (1,000.0/s), hour 60,000, newest 0.0 s ago
            gaps          0 open, 5,000 closed
            backfill      5,000 gaps wait
            watermark     committed until 04:59:59Z (1.0 s ago), 98,304 frames waiting

            warnings of the last hour, newest first (`siftd explain NAME`)
              1 min 0 s ago  drain-entered: something that is said in rather many words, as…
              2 min 0 s ago  stream-rejected: something that is said in rather many words,…
              3 min 0 s ago  stream-trouble: something that is said in rather many words, a…
              4 min 0 s ago  capacity: something that is said in rather many words, as a se…
              5 min 0 s ago  billing-paused: something that is said in rather many words, a…
              6 min 0 s ago  slow-consumer-warning: something that is said in rather many w…
              7 min 0 s ago  unknown-status: something that is said in rather many words, a…
              8 min 0 s ago  slow-consumer-disconnected: something that is said in rather m…
              9 min 0 s ago  silence: something that is said in rather many words, as a ser…
                             and 4 more: `siftd status --json`
        "#]],
    );
}

#[test]
fn there_are_no_credits() {
    let paused = lost("billing", 7500);
    runs(
        &format!("UPDATE state SET state = 'paused_billing', since = ago(7500); {paused}"),
        &expect![[r#"
            ERROR paused: the account has no credits left, since 02:55:00Z (2 h 5 min ago)
                  Top up the credits, then `siftd reload` to go on at once; otherwise it is
                  tried again every hour.
            ERROR 5,000 streams not covered (billing), since 02:55:00Z (2 h 5 min ago)

            daemon        paused_billing since 02:55:00Z (2 h 5 min ago), process 4001
            connection    none; 41 ended 2 h 5 min ago (billing) after 13 d 19 h
            streams       5,000 active
            interactions  last minute 60,000 (1,000.0/s), hour 60,000, newest 0.0 s ago
            gaps          5,000 open (billing 5,000), 5,000 closed
            backfill      5,000 gaps wait
            watermark     committed until 04:59:59Z (1.0 s ago), 12 frames waiting

            warnings of the last hour, newest first (`siftd explain NAME`)
              1 min 0 s ago  drain-entered: something that is said in rather many words, as…
              2 min 0 s ago  stream-rejected: something that is said in rather many words,…
              3 min 0 s ago  stream-trouble: something that is said in rather many words, a…
              4 min 0 s ago  capacity: something that is said in rather many words, as a se…
              5 min 0 s ago  billing-paused: something that is said in rather many words, a…
              6 min 0 s ago  slow-consumer-warning: something that is said in rather many w…
              7 min 0 s ago  unknown-status: something that is said in rather many words, a…
                             and 6 more: `siftd status --json`
        "#]],
    );
}

#[test]
fn the_identity_is_refused_and_the_daemon_has_ended() {
    let refused = lost("auth", 30000);
    let example =
        crowd(&format!("UPDATE state SET state = 'stopped', since = ago(30000), told = ago(30000); {refused}"));
    check(
        &example,
        None,
        &expect![[r#"
            ERROR not running: the server refused user name or key, since 20:40:00Z (8 h 20
                  min ago)
                  Check `source.username` and the key file, put the right key in place, and
                  start the daemon again.
            ERROR 5,000 streams not covered (auth), since 20:40:00Z (8 h 20 min ago)

            daemon        not running; last state stopped since 20:40:00Z (8 h 20 min ago)
            connection    none; 41 ended 8 h 20 min ago (auth) after 13 d 13 h
            streams       5,000 active, as the daemon left them
            interactions  last minute 60,000 (1,000.0/s), hour 60,000, newest 0.0 s ago
            gaps          5,000 open (auth 5,000), 5,000 closed
            backfill      5,000 gaps wait
            watermark     committed until 04:59:59Z (1.0 s ago), 12 frames waiting

            warnings of the last hour, newest first (`siftd explain NAME`)
              1 min 0 s ago  drain-entered: something that is said in rather many words, as…
              2 min 0 s ago  stream-rejected: something that is said in rather many words,…
              3 min 0 s ago  stream-trouble: something that is said in rather many words, a…
              4 min 0 s ago  capacity: something that is said in rather many words, as a se…
              5 min 0 s ago  billing-paused: something that is said in rather many words, a…
              6 min 0 s ago  slow-consumer-warning: something that is said in rather many w…
                             and 7 more: `siftd status --json`
        "#]],
    );
}

#[test]
fn hundreds_of_hashes_are_refused() {
    runs(
        "UPDATE stream SET state = 'rejected', reason = 'no such hash' WHERE id <= 700;
         UPDATE stream SET state = 'disabled', reason = 'disabled' WHERE id BETWEEN 701 AND 900;
         UPDATE stream SET state = 'overflow' WHERE id BETWEEN 901 AND 1200;
         UPDATE cover SET ended = ago(4000) WHERE stream <= 1200;
         INSERT INTO gap (stream, started, cause, state)
         SELECT id, ago(4000), CASE state WHEN 'overflow' THEN 'over_limit' ELSE state END, 'open' FROM stream WHERE id <= 1200",
        &expect![[r#"
            ERROR 700 streams not covered (rejected), since 03:53:20Z (1 h 6 min ago)
                  Check the hash in the stream list; take it out or correct it, then `siftd
                  reload`. Which: `siftd streams --state rejected`.
            ERROR 300 streams not covered (over_limit), since 03:53:20Z (1 h 6 min ago)
                  Take streams out of the list, or join several into one at the provider.
                  Which: `siftd streams --state overflow`.
            ERROR 200 streams not covered (disabled), since 03:53:20Z (1 h 6 min ago)
                  Look up the stream in the provider's account: deprecated targets or terms
                  of service are the usual reasons. Which: `siftd streams --state disabled`.

            daemon        live since 2026-11-08T07:56:40Z (13 d 21 h ago), process 4001
            connection    41 for 13 d 21 h: 4.4 TiB, 2,399,123,456 interactions
            streams       3,800 active, 200 disabled, 300 overflow, 700 rejected
            interactions  last minute 60,000 (1,000.0/s), hour 60,000, newest 0.0 s ago
            gaps          1,200 open (rejected 700, over_limit 300, disabled 200), 5,000
                          closed
            backfill      5,000 gaps wait
            watermark     committed until 04:59:59Z (1.0 s ago), 12 frames waiting

            warnings of the last hour, newest first (`siftd explain NAME`)
              1 min 0 s ago  drain-entered: something that is said in rather many words, as…
                             and 12 more: `siftd status --json`
        "#]],
    );
}

#[test]
fn backfill_is_paused() {
    runs(
        "INSERT OR REPLACE INTO backfill_gate (one, paused) VALUES (1, 'the account has no right to use historics, please contact your account manager')",
        &expect![[r#"
            ERROR backfill is paused: the account has no right to use historics, please
                  contact your account manager
                  See the text: the account may have no access to the archive, or no credit.
                  When that is mended, `siftd reload` or `siftd backfill` goes on at once.

            daemon        live since 2026-11-08T07:56:40Z (13 d 21 h ago), process 4001
            connection    41 for 13 d 21 h: 4.4 TiB, 2,399,123,456 interactions
            streams       5,000 active
            interactions  last minute 60,000 (1,000.0/s), hour 60,000, newest 0.0 s ago
            gaps          0 open, 5,000 closed
            backfill      5,000 gaps wait; paused
            watermark     committed until 04:59:59Z (1.0 s ago), 12 frames waiting

            warnings of the last hour, newest first (`siftd explain NAME`)
              1 min 0 s ago  drain-entered: something that is said in rather many words, as…
              2 min 0 s ago  stream-rejected: something that is said in rather many words,…
              3 min 0 s ago  stream-trouble: something that is said in rather many words, a…
              4 min 0 s ago  capacity: something that is said in rather many words, as a se…
              5 min 0 s ago  billing-paused: something that is said in rather many words, a…
              6 min 0 s ago  slow-consumer-warning: something that is said in rather many w…
              7 min 0 s ago  unknown-status: something that is said in rather many words, a…
                             and 6 more: `siftd status --json`
        "#]],
    );
}

#[test]
fn everything_at_once() {
    let sql = "UPDATE stream SET state = 'rejected' WHERE id <= 700;
         UPDATE stream SET state = 'disabled' WHERE id BETWEEN 701 AND 900;
         UPDATE stream SET state = 'overflow' WHERE id BETWEEN 901 AND 1200;
         INSERT INTO gap (stream, started, cause, state)
         SELECT id, ago(4000), CASE state WHEN 'overflow' THEN 'over_limit' ELSE state END, 'open' FROM stream WHERE id <= 1200;
         INSERT OR REPLACE INTO backfill_gate (one, paused) VALUES (1, 'the account has no right to use historics, please contact your account manager');
         UPDATE state SET state = 'waiting', since = ago(299), clock_offset = 90000000;";
    runs(
        &format!("{sql} {}", lost("local_storage", 300)),
        &expect![[r#"
            ERROR 3,800 streams not covered (local_storage), since 04:55:00Z (5 min 0 s ago)
                  Look at the detail: a lock held by another program, a failing disk, a
                  changed permission. The daemon goes on by itself.
            ERROR 700 streams not covered (rejected), since 03:53:20Z (1 h 6 min ago)
                  Check the hash in the stream list; take it out or correct it, then `siftd
                  reload`. Which: `siftd streams --state rejected`.
            ERROR 300 streams not covered (over_limit), since 03:53:20Z (1 h 6 min ago)
                  Take streams out of the list, or join several into one at the provider.
                  Which: `siftd streams --state overflow`.
            ERROR 200 streams not covered (disabled), since 03:53:20Z (1 h 6 min ago)
            ERROR backfill is paused: the account has no right to use historics, please con…
            WARN  not connected, waiting to try again, since 04:55:01Z (4 min 59 s ago)
            WARN  the server's clock is 1 min 30 s ahead of ours

            daemon        waiting since 04:55:01Z (4 min 59 s ago), process 4001
            connection    none; 41 ended 5 min 0 s ago (local_storage) after 13 d 21 h
            streams       3,800 active, 200 disabled, 300 overflow, 700 rejected
            interactions  last minute 60,000 (1,000.0/s), hour 60,000, newest 0.0 s ago
            gaps          5,000 open (local_storage 3,800, rejected 700, over_limit 300,
                          disabled 200), 5,000 closed
            backfill      5,000 gaps wait; paused
            watermark     committed until 04:59:59Z (1.0 s ago), 12 frames waiting
        "#]],
    );
}

/// The file system is full in truth: a small one, which only this test sees.
#[test]
fn the_disk_is_full() {
    let example = crowd("UPDATE state SET told = ago(90)");
    let folder = example.close();
    let script = "mount -t tmpfs -o size=96m tmpfs /mnt && cp -r \"$1\"/. /mnt && cd /mnt && echo 4001 >archive.db.lock && \
                  exec flock archive.db.lock \"$2\" --config daemon.toml status";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script, "sh"]).arg(folder.path()).arg(env!("CARGO_BIN_EXE_siftd"));
    let done = command.output();
    let Some(done) = done.ok().filter(|done| done.status.success()) else {
        return skipped("unshare or mount is not allowed here (root, Debian: util-linux)");
    };
    let screen = String::from_utf8(done.stdout).unwrap();
    assert!(screen.starts_with("ERROR nothing is being written: the disk is full, since "), "{screen}");
    assert!(screen.contains("      Free space on the archive's file system now."), "{screen}");
    assert!(screen.contains("\nERROR only ") && screen.lines().count() <= 23, "{screen}");
}
