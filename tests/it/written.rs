//! The commands on an archive that the daemon's own writer writes: while it runs, after a stop, after a crash.

use std::fs;
use std::path::PathBuf;

use expect_test::{Expect, expect};
use siftd::coverage::Cause;
use siftd::notice::Notice;
use siftd::peer_text::PeerText;
use siftd::record::{ConnectionId, DaemonState, Record, StreamId, StreamState};

use super::archive_house::{House, Running, covered, interaction, later, opened, reach};
use crate::example::{answer, without_files};

/// Two streams, of which the server knows one; three interactions.
fn live() -> (House, Running) {
    let house = House::new();
    let running = house.run(&["4f3af38ad1c31646561bc814c3e69af5", "00000000000000000000000000000bad"]);
    let text = PeerText::of("00000000000000000000000000000bad is an invalid hash");
    let rejected = Notice::StreamRejected { stream: "00000000000000000000000000000bad".to_owned(), text: text.clone() };
    let mut batch = running.intake.batch();
    batch.record(opened(1, later(1)));
    batch.record(covered(1, 1, later(2)));
    batch.record(Record::Gap { stream: StreamId(2), from: later(2), cause: Cause::Rejected, detail: None });
    batch.record(Record::Stands { stream: StreamId(2), state: StreamState::Rejected, reason: Some(text.into()) });
    batch.record(Record::Said { at: later(2), connection: Some(ConnectionId(1)), notice: rejected });
    batch.record(Record::Stands { stream: StreamId(1), state: StreamState::Active, reason: None });
    batch.record(Record::Daemon { state: DaemonState::Live, since: later(3) });
    for (second, id) in [(4, "i1"), (5, "i2"), (6, "i3"), (7, "i3")] {
        batch.interaction(later(second), StreamId(1), &interaction(id, "{\"interaction\":{\"content\":\"tea\"}}"));
    }
    batch.reach(reach(1, later(7), later(5)));
    house.set(later(8));
    running.intake.try_send(batch).unwrap();
    house.settle(&running);
    (house, running)
}

fn settings(house: &House) -> PathBuf {
    let path = house.path().with_file_name("daemon.toml");
    fs::write(&path, "[archive]\npath = \"archive.db\"\n").unwrap();
    path
}

/// The screens without what depends on the moment and the machine: the process, the files, the queue.
fn check(house: &House, expected: &Expect) {
    let settings = settings(house);
    let screens =
        ["status", "streams", "gaps"].map(|command| answer(&settings, house.now(), &[command])).join("\n---\n");
    let process = format!("process {}", std::process::id());
    let mut text = String::new();
    for line in without_files(&screens).lines() {
        let watermark = line.rsplit_once(", ").filter(|_| line.starts_with("watermark "));
        let line = watermark.map_or(line, |(watermark, _)| watermark);
        text.extend([line.replace(&process, "process PID").as_str(), "\n"]);
    }
    expected.assert_eq(&text);
}

#[test]
fn beside_the_writer_and_after_its_end() {
    let (house, running) = live();
    check(
        &house,
        &expect![[r#"
            ERROR 1 stream not covered (rejected), since 22:13:20Z (8.0 s ago)
                  Check the hash in the stream list; take it out or correct it, then `siftd
                  reload`. Which: `siftd streams --state rejected`.

            daemon        live since 22:13:23Z (5.0 s ago), process PID
            connection    1 for 7.0 s: 0 bytes, 0 interactions
            streams       1 active, 1 rejected
            interactions  last minute 3 (0.0/s), hour 3, newest 2.0 s ago
            gaps          1 open (rejected 1), 0 closed
            backfill      0 gaps wait
            watermark     committed until 22:13:27Z (1.0 s ago)

            warnings of the last hour, newest first (`siftd explain NAME`)
                  6.0 s ago  stream-rejected: stream 00000000000000000000000000000bad rejec…

            ---
            STREAM                            LABEL  STATE     COVERED UNTIL         INTERACTIONS  LAST INTERACTION      OPEN GAPS  REASON
            00000000000000000000000000000bad  -      rejected  -                                0  -                             1  00000000000000000000000000000bad is an invalid hash
            4f3af38ad1c31646561bc814c3e69af5  -      active    2023-11-14T22:13:25Z             3  2023-11-14T22:13:26Z          0  -

            2 streams: 1 active, 1 rejected

            ---
            ID  STREAM                            STARTED               ENDED    SECONDS  CAUSE     STATE  DELETES  DETAIL
             1  00000000000000000000000000000bad  2023-11-14T22:13:20Z  growing      8.0  rejected  open   unknown  -

            1 gap, 1 growing (counted until now), 8.0 s of streams in all
            CAUSE     GAPS  SECONDS
            rejected     1      8.0
        "#]],
    );
    let mut batch = running.intake.batch();
    batch.record(Record::Closed { connection: ConnectionId(1), at: later(9), because: "shutdown".to_owned() });
    batch.record(Record::Gap { stream: StreamId(1), from: later(5), cause: Cause::Shutdown, detail: None });
    batch.record(Record::Daemon { state: DaemonState::Stopped, since: later(9) });
    running.intake.try_send(batch).unwrap();
    house.finish(running);
    house.set(later(10));
    check(
        &house,
        &expect![[r#"
            ERROR not running: it was stopped in order, since 22:13:29Z (1.0 s ago)
                  Start the daemon (`systemctl start siftd`): whatever the server sends
                  meanwhile is missed.
            ERROR 1 stream not covered (rejected), since 22:13:20Z (10 s ago)
                  Check the hash in the stream list; take it out or correct it, then `siftd
                  reload`. Which: `siftd streams --state rejected`.

            daemon        not running; last state stopped since 22:13:29Z (1.0 s ago)
            connection    none; 1 ended 1.0 s ago (shutdown) after 8.0 s
            streams       1 rejected, 1 wanted, as the daemon left them
            interactions  last minute 3 (0.0/s), hour 3, newest 4.0 s ago
            gaps          2 open (rejected 1, shutdown 1), 0 closed
            backfill      0 gaps wait
            watermark     committed until 22:13:27Z (3.0 s ago)

            warnings of the last hour, newest first (`siftd explain NAME`)
                  8.0 s ago  stream-rejected: stream 00000000000000000000000000000bad rejec…

            ---
            STREAM                            LABEL  STATE     COVERED UNTIL         INTERACTIONS  LAST INTERACTION      OPEN GAPS  REASON
            00000000000000000000000000000bad  -      rejected  -                                0  -                             1  00000000000000000000000000000bad is an invalid hash
            4f3af38ad1c31646561bc814c3e69af5  -      wanted    2023-11-14T22:13:25Z             3  2023-11-14T22:13:26Z          1  -

            2 streams: 1 rejected, 1 wanted

            ---
            ID  STREAM                            STARTED               ENDED    SECONDS  CAUSE     STATE  DELETES  DETAIL
             1  00000000000000000000000000000bad  2023-11-14T22:13:20Z  growing     10.0  rejected  open   unknown  -
             2  4f3af38ad1c31646561bc814c3e69af5  2023-11-14T22:13:25Z  growing      5.0  shutdown  open   unknown  -

            2 gaps, 2 growing (counted until now), 15.0 s of streams in all
            CAUSE     GAPS  SECONDS
            rejected     1     10.0
            shutdown     1      5.0

            No daemon runs: nothing after 2023-11-14T22:13:27Z is proven complete, whatever is listed here.
        "#]],
    );
}

#[test]
fn after_a_crash() {
    let (house, running) = live();
    check(
        &house.crash(running),
        &expect![[r#"
            ERROR not running: it died (its last word was `live`), since 22:13:28Z (0.0 s
                  ago)
                  Find out why it died (`journalctl -u siftd -n 100`) and start it again
                  (`systemctl start siftd`): whatever the server sends meanwhile is missed,
                  and nothing after the watermark is proven.
            ERROR 1 stream not covered (rejected), since 22:13:20Z (8.0 s ago)
                  Check the hash in the stream list; take it out or correct it, then `siftd
                  reload`. Which: `siftd streams --state rejected`.

            daemon        not running; last state live since 22:13:23Z (5.0 s ago)
            connection    none; 1 ended with the daemon
            streams       1 active, 1 rejected, as the daemon left them
            interactions  last minute 3 (0.0/s), hour 3, newest 2.0 s ago
            gaps          1 open (rejected 1), 0 closed
            backfill      0 gaps wait
            watermark     committed until 22:13:27Z (1.0 s ago)

            warnings of the last hour, newest first (`siftd explain NAME`)
                  6.0 s ago  stream-rejected: stream 00000000000000000000000000000bad rejec…

            ---
            STREAM                            LABEL  STATE     COVERED UNTIL         INTERACTIONS  LAST INTERACTION      OPEN GAPS  REASON
            00000000000000000000000000000bad  -      rejected  -                                0  -                             1  00000000000000000000000000000bad is an invalid hash
            4f3af38ad1c31646561bc814c3e69af5  -      active    2023-11-14T22:13:25Z             3  2023-11-14T22:13:26Z          0  -

            2 streams: 1 active, 1 rejected

            ---
            ID  STREAM                            STARTED               ENDED    SECONDS  CAUSE     STATE  DELETES  DETAIL
             1  00000000000000000000000000000bad  2023-11-14T22:13:20Z  growing      8.0  rejected  open   unknown  -

            1 gap, 1 growing (counted until now), 8.0 s of streams in all
            CAUSE     GAPS  SECONDS
            rejected     1      8.0

            No daemon runs: nothing after 2023-11-14T22:13:27Z is proven complete, whatever is listed here.
        "#]],
    );
}
