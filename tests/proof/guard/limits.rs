//! A server without measure: whatever it sends, memory stays bounded and the connection ends with the fault that it is.

use std::io::{self, Write as _};

use super::peer::{Line, PING, Peer, TEXT, against, frame, listen, request, upgrade};
use crate::scene::Stage;

/// What the daemon may take at its height: a frame of 20 MiB in the reader's buffer, twice while that grows, as text, and
/// in quarantine; the queue of 32 MiB; and itself.
const MEMORY_MAX: i64 = 220 << 10;

/// A frame as large as may be.
const LARGEST: usize = 20 << 20;

/// One excess: its name, the notice that it must lead to and a word of that notice, and the excess itself.
type Excess = (&'static str, &'static str, &'static str, fn(&mut Line) -> io::Result<()>);

const EXCESSES: &[Excess] = &[
    ("headers without end", "connect-failed", "protocol", |line| {
        request(line)?;
        line.write_all(b"HTTP/1.1 101 Switching Protocols\r\n")?;
        (0..1_000_000).try_for_each(|at| line.write_all(format!("X-{at}: {}\r\n", "h".repeat(200)).as_bytes()))
    }),
    ("one header without end", "connect-failed", "protocol", |line| {
        request(line)?;
        line.write_all(b"HTTP/1.1 101 Switching Protocols\r\nX: ")?;
        (0..10_000).try_for_each(|_| line.write_all(&[b'h'; 16 * 1024]))
    }),
    ("a body without end", "connect-failed", "503", |line| {
        request(line)?;
        line.write_all(b"HTTP/1.1 503 Full\r\n\r\n")?;
        (0..10_000).try_for_each(|_| line.write_all(&[b'b'; 16 * 1024]))
    }),
    ("a header that claims 2^63 bytes", "oversize-frame", "", |line| {
        upgrade(line)?;
        line.write_all(&[TEXT, 127, 0x80, 0, 0, 0, 0, 0, 0, 0])?;
        listen(line)
    }),
    ("a frame above the bound", "oversize-frame", "", |line| {
        upgrade(line)?;
        line.write_all(&frame(TEXT, &vec![b' '; LARGEST + 1]))?;
        listen(line)
    }),
    ("fragments without end", "oversize-frame", "", |line| {
        upgrade(line)?;
        line.write_all(&frame(0x01, b"{"))?;
        let piece = frame(0x00, &[b' '; 64 * 1024]);
        (0..1_000).try_for_each(|_| line.write_all(&piece))?;
        listen(line)
    }),
    ("a million fragments of nothing", "disconnected", "", |line| {
        upgrade(line)?;
        line.write_all(&frame(0x01, b"{"))?;
        line.write_all(&frame(0x00, b"").repeat(1_000_000))?;
        Ok(())
    }),
    ("a list of ten million numbers", "frame-quarantined", "more than", |line| {
        upgrade(line)?;
        line.write_all(&frame(TEXT, format!("[{}7]", "7,".repeat(LARGEST / 2 - 2)).as_bytes()))
    }),
    ("ten million names", "frame-quarantined", "more than", |line| {
        upgrade(line)?;
        line.write_all(&frame(
            TEXT,
            format!(r#"{{"status":"success","hashes":[{}7]}}"#, "7,".repeat(LARGEST / 2 - 30)).as_bytes(),
        ))
    }),
    ("depth", "frame-quarantined", "", |line| {
        upgrade(line)?;
        line.write_all(&frame(TEXT, "[".repeat(LARGEST).as_bytes()))
    }),
    ("a million keys", "frame-quarantined", "no known shape", |line| {
        upgrade(line)?;
        let keys: Vec<String> = (0..1_000_000).map(|at| format!("\"k{at}\":0")).collect();
        line.write_all(&frame(TEXT, format!("{{{}}}", keys.join(",")).as_bytes()))
    }),
    ("a status of 19 MiB", "unknown-status", "…", |line| {
        upgrade(line)?;
        let text =
            format!(r#"{{"status":"warning","message":"{}"}}"#, "0123456789abcdef0123456789abcdef ".repeat(600_000));
        line.write_all(&frame(TEXT, text.as_bytes()))
    }),
    ("pings that nobody waits to have answered", "disconnected", "", |line| {
        upgrade(line)?;
        line.write_all(&frame(PING, &[b'p'; 125]).repeat(300_000))
    }),
    ("a ping that is too long", "disconnected", "protocol", |line| {
        upgrade(line)?;
        line.write_all(&frame(PING, &[b'p'; 126]))?;
        listen(line)
    }),
    ("a million frames of one byte", "quarantine-full", "", |line| {
        upgrade(line)?;
        line.write_all(&frame(TEXT, b"7").repeat(1_000_000))?;
        listen(line)
    }),
];

#[test]
fn no_excess_takes_more_memory_than_it_may() {
    let peer = Peer::new(|line| {
        if let Some((_, _, _, excess)) = EXCESSES.get(line.number) {
            return excess(line);
        }
        upgrade(line)?;
        listen(line)
    });
    let settings = "[source]\nconnect_timeout = \"30s\"\n[reconnect]\ntrouble_first = \"50ms\"\ntrouble_max = \"100ms\"\n\
         network_step = \"50ms\"\nnetwork_max = \"100ms\"\n[liveness]\nsilence = \"60s\"\n[archive]\nquarantine_max = \"100MiB\"\n";
    let mut scene = against(&peer.url("ws", "127.0.0.1"), Stage::new("[world]\nstreams = 1\n").settings(settings));
    scene.launch();
    let mut heights = Vec::new();
    for (name, notice, word, _) in EXCESSES {
        let told = scene.daemon().until_that(name, |said| said["notice"] == *notice && said.to_string().contains(word));
        scene.daemon().until_that("another attempt", |said| said["notice"] == "reconnecting");
        let height = scene.daemon().peak_kib();
        heights.push(format!("{name}: {} MiB ({})", height >> 10, told["message"]));
        writeln!(io::stderr(), "{}", heights.last().unwrap()).unwrap();
        assert!(height <= MEMORY_MAX, "{}", heights.join("\n"));
    }
    // It still works.
    scene.until("connected");
}
