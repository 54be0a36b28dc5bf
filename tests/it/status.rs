//! `siftd status`: what it says about an archive in each condition.

use expect_test::{Expect, expect};
use std::io::Write;
use std::process::{Command, Stdio};

use siftd::archive::reading::lock_path;

use crate::archive_house::skipped;
use crate::example::{Example, without_files};

fn screen(example: &Example) -> String {
    without_files(&example.answer(&["status"]))
}

fn check(example: &Example, expected: &Expect) {
    expected.assert_eq(&screen(example));
}

#[test]
fn a_running_daemon_with_two_bad_streams() {
    let example = Example::filled();
    let _lock = example.held_by(4001);
    check(
        &example,
        &expect![[r#"
            ERROR 1 stream not covered (disabled), since 03:00:00Z (2 h 0 min ago)
                  Look up the stream in the provider's account: deprecated targets or terms
                  of service are the usual reasons. Which: `siftd streams --state disabled`.
            ERROR 1 stream not covered (rejected), since 03:00:00Z (2 h 0 min ago)
                  Check the hash in the stream list; take it out or correct it, then `siftd
                  reload`. Which: `siftd streams --state rejected`.

            daemon        live since 04:40:01Z (19 min 59 s ago), process 4001
            connection    3 for 20 min 0 s: 3.1 MiB, 1,450 interactions
            streams       2 active, 1 disabled, 1 rejected, 1 retired
            interactions  last minute 3 (0.0/s), hour 127, newest 29 s ago
            gaps          2 open (disabled 1, rejected 1), 3 closed
            backfill      3 gaps wait
            watermark     committed until 04:59:59Z (0.5 s ago), 3 frames waiting

            warnings of the last hour, newest first (`siftd explain NAME`)
              9 min 0 s ago  unknown-status (2 times): unknown warning message: brown out a…
             20 min 1 s ago  gap-opened: gap in 2 streams since 2026-11-22T04:39:55.500000Z…
             20 min 2 s ago  disconnected: connection 2 ended after 2398.0 s (maintenance):…
              1 h 0 min ago  crash-found: the daemon died: 2 streams have a gap since 2026-…
        "#]],
    );
}

#[test]
fn all_is_well() {
    let example = Example::filled();
    let _lock = example.held_by(4001);
    example.sql("DELETE FROM gap WHERE ended IS NULL; UPDATE stream SET state = 'active' WHERE id IN (3, 4); DELETE FROM notice");
    check(
        &example,
        &expect![[r#"
            all is well

            daemon        live since 04:40:01Z (19 min 59 s ago), process 4001
            connection    3 for 20 min 0 s: 3.1 MiB, 1,450 interactions
            streams       4 active, 1 retired
            interactions  last minute 3 (0.0/s), hour 127, newest 29 s ago
            gaps          0 open, 3 closed
            backfill      3 gaps wait
            watermark     committed until 04:59:59Z (0.5 s ago), 3 frames waiting
        "#]],
    );
}

#[test]
fn a_daemon_that_died() {
    let example = Example::filled();
    check(
        &example,
        &expect![[r#"
            ERROR not running: it died (its last word was `live`), since 04:59:59Z (0.4 s
                  ago)
                  Find out why it died (`journalctl -u siftd -n 100`) and start it again
                  (`systemctl start siftd`): whatever the server sends meanwhile is missed,
                  and nothing after the watermark is proven.
            ERROR 1 stream not covered (disabled), since 03:00:00Z (2 h 0 min ago)
                  Look up the stream in the provider's account: deprecated targets or terms
                  of service are the usual reasons. Which: `siftd streams --state disabled`.
            ERROR 1 stream not covered (rejected), since 03:00:00Z (2 h 0 min ago)
                  Check the hash in the stream list; take it out or correct it, then `siftd
                  reload`. Which: `siftd streams --state rejected`.

            daemon        not running; last state live since 04:40:01Z (19 min 59 s ago)
            connection    none; 3 ended with the daemon
            streams       2 active, 1 disabled, 1 rejected, 1 retired, as the daemon left
                          them
            interactions  last minute 3 (0.0/s), hour 127, newest 29 s ago
            gaps          2 open (disabled 1, rejected 1), 3 closed
            backfill      3 gaps wait
            watermark     committed until 04:59:59Z (0.5 s ago), 3 frames waiting
        "#]],
    );
}

#[test]
fn a_daemon_that_was_stopped() {
    let example = Example::filled();
    example.sql(
        "UPDATE state SET state = 'stopped', since = told, queue_frames = 0;
                 UPDATE connection SET closed = covered, closed_because = 'shutdown' WHERE id = 3",
    );
    check(
        &example,
        &expect![[r#"
            ERROR not running: it was stopped in order, since 04:59:59Z (0.4 s ago)
                  Start the daemon (`systemctl start siftd`): whatever the server sends
                  meanwhile is missed.
            ERROR 1 stream not covered (disabled), since 03:00:00Z (2 h 0 min ago)
                  Look up the stream in the provider's account: deprecated targets or terms
                  of service are the usual reasons. Which: `siftd streams --state disabled`.
            ERROR 1 stream not covered (rejected), since 03:00:00Z (2 h 0 min ago)
                  Check the hash in the stream list; take it out or correct it, then `siftd
                  reload`. Which: `siftd streams --state rejected`.

            daemon        not running; last state stopped since 04:59:59Z (0.4 s ago)
            connection    none; 3 ended 0.5 s ago (shutdown) after 19 min 59 s
            streams       2 active, 1 disabled, 1 rejected, 1 retired, as the daemon left
                          them
            interactions  last minute 3 (0.0/s), hour 127, newest 29 s ago
            gaps          2 open (disabled 1, rejected 1), 3 closed
            backfill      3 gaps wait
            watermark     committed until 04:59:59Z (0.5 s ago), 0 frames waiting

            warnings of the last hour, newest first (`siftd explain NAME`)
              9 min 0 s ago  unknown-status (2 times): unknown warning message: brown out a…
                             and 3 more: `siftd status --json`
        "#]],
    );
}

#[test]
fn an_account_without_credits() {
    let example = Example::filled();
    let _lock = example.held_by(4001);
    example.sql(
        "UPDATE state SET state = 'paused_billing', since = 1795323600000000 - 7500000000;
                 UPDATE connection SET closed = covered, closed_because = 'insufficient credits' WHERE id = 3;
                 UPDATE cover SET ended = 1795323600000000 - 7000000 WHERE ended IS NULL;
                 INSERT INTO gap (stream, started, cause, state)
                 SELECT id, 1795323600000000 - 7000000, 'billing', 'open' FROM stream WHERE state = 'active'",
    );
    check(
        &example,
        &expect![[r#"
            ERROR paused: the account has no credits left, since 02:55:00Z (2 h 5 min ago)
                  Top up the credits, then `siftd reload` to go on at once; otherwise it is
                  tried again every hour.
            ERROR 2 streams not covered (billing), since 04:59:53Z (7.0 s ago)
            ERROR 1 stream not covered (disabled), since 03:00:00Z (2 h 0 min ago)
                  Look up the stream in the provider's account: deprecated targets or terms
                  of service are the usual reasons. Which: `siftd streams --state disabled`.
            ERROR 1 stream not covered (rejected), since 03:00:00Z (2 h 0 min ago)
                  Check the hash in the stream list; take it out or correct it, then `siftd
                  reload`. Which: `siftd streams --state rejected`.

            daemon        paused_billing since 02:55:00Z (2 h 5 min ago), process 4001
            connection    none; 3 ended 0.5 s ago (insufficient credits) after 19 min 59 s
            streams       2 active, 1 disabled, 1 rejected, 1 retired
            interactions  last minute 3 (0.0/s), hour 127, newest 29 s ago
            gaps          4 open (billing 2, disabled 1, rejected 1), 3 closed
            backfill      3 gaps wait
            watermark     committed until 04:59:59Z (0.5 s ago), 3 frames waiting

            warnings of the last hour, newest first (`siftd explain NAME`)
              9 min 0 s ago  unknown-status (2 times): unknown warning message: brown out a…
                             and 3 more: `siftd status --json`
        "#]],
    );
}

#[test]
fn an_archive_that_no_daemon_has_used() {
    check(
        &Example::empty(),
        &expect![[r#"
            ERROR no daemon has ever run on this archive
                  Start the daemon (`systemctl start siftd`): whatever the server sends
                  meanwhile is missed.

            daemon        none has run yet
            connection    none yet
            streams       none
            interactions  none yet
            gaps          0 open, 0 closed
            backfill      0 gaps wait
            watermark     none yet
        "#]],
    );
}

#[test]
fn a_daemon_that_writes_nothing_is_stuck() {
    let example = Example::filled();
    let _lock = example.held_by(4001);
    example.sql("UPDATE state SET told = told - 60000000");
    let screen = screen(&example);
    let first =
        "ERROR nothing is being written: the disk or the daemon is stuck, since 04:58:59Z\n      (1 min 0 s ago)\n";
    assert!(screen.starts_with(first), "{screen}");
}

#[test]
fn a_lock_file_that_cannot_be_read_is_said() {
    let example = Example::filled();
    let lock = lock_path(&example.archive());
    std::os::unix::fs::symlink(&lock, &lock).unwrap();
    let screen = screen(&example);
    assert!(screen.contains("it cannot be told whether a daemon runs"), "{screen}");
}

#[test]
#[expect(clippy::too_many_lines, reason = "one document, shown whole")]
fn the_document_has_the_columns_of_the_views() {
    let example = Example::filled();
    let _lock = example.held_by(4001);
    let document: serde_json::Value = serde_json::from_str(&example.answer(&["status", "--json"])).unwrap();
    for (key, view) in [("daemon", "daemon"), ("connection", "connections")] {
        for column in example.columns(view) {
            assert!(document[key].get(&column).is_some(), "{key}.{column}");
        }
    }
    for column in example.columns("notices") {
        assert!(document["notices"][0].get(&column).is_some(), "notices.{column}");
    }
    let mut rest = document.clone();
    for own in ["daemon", "connection", "notices", "archive"] {
        rest.as_object_mut().unwrap().remove(own);
    }
    assert_eq!(document["daemon"]["running"], true);
    assert_eq!(document["archive"]["path"], example.archive().to_str().unwrap());
    expect![[r#"
        {
          "backfill": {
            "failed": 0,
            "filled": 0,
            "filling": 0,
            "not_before_us": null,
            "partial": 0,
            "paused": null,
            "pending": 3,
            "running": 0,
            "unfillable": 0
          },
          "gaps": {
            "closed": 3,
            "open": 2,
            "open_by_cause": [
              {
                "cause": "disabled",
                "started_us": 1795316400000000,
                "streams": 1
              },
              {
                "cause": "rejected",
                "started_us": 1795316400000000,
                "streams": 1
              }
            ],
            "open_since_us": 1795316400000000
          },
          "interactions": {
            "last_hour": 127,
            "last_minute": 3,
            "last_received_us": 1795323570250000
          },
          "newest_notice_us": 1795323570000000,
          "now_us": 1795323600000000,
          "problems": [
            {
              "level": "error",
              "remedy": "Look up the stream in the provider's account: deprecated targets or terms of service are the usual reasons. Which: `siftd streams --state disabled`.",
              "since_us": 1795316400000000,
              "what": "1 stream not covered (disabled)"
            },
            {
              "level": "error",
              "remedy": "Check the hash in the stream list; take it out or correct it, then `siftd reload`. Which: `siftd streams --state rejected`.",
              "since_us": 1795316400000000,
              "what": "1 stream not covered (rejected)"
            }
          ],
          "streams": {
            "active": 2,
            "disabled": 1,
            "rejected": 1,
            "retired": 1
          }
        }"#]].assert_eq(&serde_json::to_string_pretty(&rest).unwrap());
}

/// Metrics for a textfile collector: each value of a label is there from the beginning, so that a rule never waits for one.
#[test]
fn metrics_are_what_prometheus_reads() {
    let example = Example::filled();
    let _lock = example.held_by(4001);
    let metrics = example.answer(&["status", "--format", "prometheus"]);
    for line in [
        "siftd_up 1",
        "siftd_state{state=\"live\"} 1",
        "siftd_state{state=\"stopped\"} 0",
        "siftd_problems{level=\"error\"} 2",
        "siftd_streams{state=\"active\"} 2",
        "siftd_streams{state=\"overflow\"} 0",
        "siftd_open_gaps{cause=\"rejected\"} 1",
        "siftd_open_gaps{cause=\"network\"} 0",
        "siftd_open_gaps_oldest_timestamp_seconds 1795316400.000000",
        "siftd_watermark_timestamp_seconds 1795323599.500000",
        "siftd_info{version=\"0.1.0\"} 1",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} is not in\n{metrics}");
    }
    promtool(&metrics);
    let never = Example::empty();
    let metrics = never.answer(&["status", "--format", "prometheus"]);
    assert!(metrics.contains("siftd_up 0\n") && !metrics.contains("siftd_state"), "{metrics}");
    promtool(&metrics);
}

#[test]
fn a_version_that_breaks_out_of_its_quotes_does_not() {
    let example = Example::filled();
    example.sql("UPDATE state SET version = 'a\"} 1' || char(10) || 'siftd_up 1' || char(10) || '\\'");
    let metrics = example.answer(&["status", "--format", "prometheus"]);
    assert!(metrics.lines().any(|line| line == r#"siftd_info{version="a\"} 1\nsiftd_up 1\n\\"} 1"#), "{metrics}");
    promtool(&metrics);
}

/// The judge of metrics, where Debian's package `prometheus` is there.
fn promtool(metrics: &str) {
    let tool = Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let Ok(mut tool) = tool else { return skipped("promtool is missing (Debian: prometheus)") };
    tool.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let done = tool.wait_with_output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
