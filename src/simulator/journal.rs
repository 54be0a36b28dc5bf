//! The journal's writer: a thread of its own, so that a slow disk holds up no client.

use super::world::{Kind, Name};
use serde_json::Value;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use tokio_tungstenite::tungstenite::Bytes;

/// Batches that may wait for the disk. A batch is what 20 ms or [`BATCH_MAX`] lines brought; when the disk is
/// further behind than all of them, the node waits for it, because a truth that is not written is none.
const BATCHES_MAX: usize = 64;
const BATCH_MAX: usize = 1024;

/// What became of a message when it was made. A later `fate` line overrides it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fate {
    /// Put into a connection's buffer; it stays `sent` unless a `fate` line says `dropped`.
    Sent,
    /// Connections were there, but none of them was subscribed to the stream.
    Unsubscribed,
    NotConnected,
    Dropped,
}

impl Fate {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Unsubscribed => "unsubscribed",
            Self::NotConnected => "not_connected",
            Self::Dropped => "dropped",
        }
    }
}

/// A message that the world made, for one stream.
#[derive(Debug)]
pub(super) struct Produced {
    pub(super) stamp: Stamp,
    pub(super) stream: [u8; 32],
    pub(super) id: Option<Name>,
    pub(super) created_us: i64,
    pub(super) kind: Kind,
    pub(super) data: Bytes,
    pub(super) fate: Fate,
    pub(super) connection: Option<u64>,
}

/// What every line begins with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp {
    pub(super) seq: u64,
    pub(super) at_us: i64,
    /// Present when the node's clock is off.
    pub(super) true_us: Option<i64>,
}

#[derive(Debug)]
enum Line {
    Produced(Produced),
    /// Event and fields, written by [`Journal::note`].
    Event(Stamp, &'static str, Value),
    Fate {
        seq: u64,
        connection: u64,
        fate: Fate,
    },
}

/// The node's end of the journal.
#[derive(Debug)]
pub(super) struct Journal {
    pending: Vec<Line>,
    batches: Option<SyncSender<Vec<Line>>>,
    writer: Option<JoinHandle<io::Result<()>>>,
}

impl Journal {
    /// Creates the file, or empties it, and starts the writer.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let file = File::create(path)?;
        let (batches, waiting) = sync_channel(BATCHES_MAX);
        let writer = std::thread::Builder::new().name("journal".to_owned()).spawn(move || write(file, &waiting))?;
        Ok(Self { pending: Vec::with_capacity(BATCH_MAX), batches: Some(batches), writer: Some(writer) })
    }

    pub(super) fn produced(&mut self, produced: Produced) {
        self.push(Line::Produced(produced));
    }

    pub(super) fn note(&mut self, stamp: Stamp, event: &'static str, fields: Value) {
        self.push(Line::Event(stamp, event, fields));
    }

    pub(super) fn fate(&mut self, seq: u64, connection: u64, fate: Fate) {
        self.push(Line::Fate { seq, connection, fate });
    }

    fn push(&mut self, line: Line) {
        self.pending.push(line);
        if self.pending.len() >= BATCH_MAX {
            self.flush();
        }
    }

    /// Hands over what has gathered. Called every 20 ms, so that whoever reads the file sees the truth of now.
    pub(super) fn flush(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let batch = std::mem::replace(&mut self.pending, Vec::with_capacity(BATCH_MAX));
        if self.batches.as_ref().is_some_and(|batches| batches.send(batch).is_err()) {
            // The writer is gone; close() will say why.
            self.batches = None;
        }
    }

    /// Whether the disk has refused.
    pub(super) fn is_broken(&self) -> bool {
        self.batches.is_none()
    }

    /// Writes the rest and says whether all of it reached the file.
    pub(super) fn close(&mut self) -> io::Result<()> {
        self.flush();
        self.batches = None;
        match self.writer.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(io::Error::other("the journal's writer came to a sudden end")),
            None => Ok(()),
        }
    }
}

fn write(file: File, batches: &Receiver<Vec<Line>>) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 18, file);
    while let Ok(batch) = batches.recv() {
        for line in &batch {
            write_line(&mut out, line)?;
        }
        out.flush()?;
    }
    Ok(())
}

fn write_line(out: &mut impl Write, line: &Line) -> io::Result<()> {
    match line {
        Line::Produced(made) => {
            write_stamp(out, made.stamp, "produced")?;
            write!(out, r#","stream":"{}""#, std::str::from_utf8(&made.stream).unwrap_or_default())?;
            match &made.id {
                Some(Name::Made(id)) => write!(out, r#","id":"{}""#, id.as_str())?,
                Some(Name::Given(text)) => write!(out, r#","id":{}"#, Value::from(&**text))?,
                None => {}
            }
            write!(
                out,
                r#","created_us":{},"kind":"{}","bytes":{},"digest":"{}","fate":"{}""#,
                made.created_us,
                made.kind.name(),
                made.data.len(),
                digest(&made.data),
                made.fate.name(),
            )?;
            if let Some(connection) = made.connection {
                write!(out, r#","connection":{connection}"#)?;
            }
            out.write_all(b"}\n")
        }
        Line::Event(stamp, event, fields) => {
            write_stamp(out, *stamp, event)?;
            if let Some(fields) = fields.as_object() {
                for (key, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
                    write!(out, r#","{key}":{value}"#)?;
                }
            }
            out.write_all(b"}\n")
        }
        Line::Fate { seq, connection, fate } => {
            writeln!(out, r#"{{"event":"fate","seq":{seq},"connection":{connection},"fate":"{}"}}"#, fate.name())
        }
    }
}

fn write_stamp(out: &mut impl Write, stamp: Stamp, event: &str) -> io::Result<()> {
    write!(out, r#"{{"at_us":{}"#, stamp.at_us)?;
    if let Some(true_us) = stamp.true_us {
        write!(out, r#","true_us":{true_us}"#)?;
    }
    write!(out, r#","event":"{event}","seq":{}"#, stamp.seq)
}

/// The first 16 hexadecimal digits of the BLAKE3 hash of the JSON text under `data`.
pub fn digest(data: &[u8]) -> String {
    blake3::hash(data).to_hex().chars().take(16).collect()
}
