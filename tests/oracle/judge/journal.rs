//! What the server did: the simulator's journal, read as far as it has been written.

use serde::Deserialize;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use super::historic::Historic;
use super::spans::{Span, Spans};
use super::{Streams, Unreadable};

#[derive(Deserialize)]
struct Line<'a> {
    event: &'a str,
    #[serde(default)]
    seq: u64,
    #[serde(default)]
    at_us: i64,
    true_us: Option<i64>,
    stream: Option<&'a str>,
    id: Option<&'a str>,
    kind: Option<&'a str>,
    digest: Option<&'a str>,
    fate: Option<&'a str>,
    connection: Option<u64>,
    seed: Option<u64>,
}

/// One time that the world made a message.
#[derive(Debug)]
pub(crate) struct Making {
    pub(crate) seq: u64,
    /// Its line in the journal.
    pub(crate) line: usize,
    /// By the machine's clock.
    pub(crate) at_us: i64,
    pub(crate) digest: u64,
    /// Whom it was handed to. `false`: dropped before it was wholly written.
    pub(crate) takers: Vec<(u64, bool)>,
    /// Why nobody got it, where nobody did.
    pub(crate) fate: &'static str,
}

impl Making {
    pub(crate) fn is_sent(&self) -> bool {
        self.takers.iter().any(|(_, sent)| *sent)
    }

    pub(crate) fn told(&self) -> String {
        let takers: Vec<String> = self
            .takers
            .iter()
            .map(|(connection, sent)| {
                format!("{} connection {connection}", if *sent { "sent on" } else { "dropped by" })
            })
            .collect();
        let fate = if takers.is_empty() { self.fate.to_owned() } else { takers.join(", ") };
        format!("made at {} (journal line {}, seq {}, {fate})", super::clock(self.at_us), self.line, self.seq)
    }
}

/// An interaction of one stream: made once, or again and again.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) stream: u32,
    /// `None`: it was made without one, and is known by its bytes.
    pub(crate) id: Option<Box<str>>,
    pub(crate) makings: Vec<Making>,
}

/// The order to delete an interaction, as it was made for one stream.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) stream: u32,
    pub(crate) id: Box<str>,
    pub(crate) making: Making,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Message(usize, usize),
    Order(usize),
}

/// The journal, as far as it was read.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: BufReader<File>,
    half: Vec<u8>,
    lines: usize,
    pub(crate) seed: u64,
    pub(crate) messages: Vec<Message>,
    pub(crate) orders: Vec<Order>,
    /// When each stream was served, whatever came of it.
    pub(crate) served: HashMap<u32, Spans>,
    serving: HashMap<(u64, u32), i64>,
    by_id: HashMap<(u32, Box<str>), usize>,
    by_digest: HashMap<(u32, u64), usize>,
    by_seq: HashMap<u64, Place>,
    pub(crate) historic: Historic,
    /// The time of the last line.
    pub(crate) until_us: i64,
    pub(crate) has_end: bool,
}

impl Journal {
    pub(crate) fn open(path: &Path) -> Result<Self, Unreadable> {
        let file = File::open(path).map_err(|error| Unreadable::File(path.to_owned(), error))?;
        Ok(Self {
            path: path.to_owned(),
            file: BufReader::new(file),
            half: Vec::new(),
            lines: 0,
            seed: 0,
            messages: Vec::new(),
            orders: Vec::new(),
            served: HashMap::new(),
            serving: HashMap::new(),
            by_id: HashMap::new(),
            by_digest: HashMap::new(),
            by_seq: HashMap::new(),
            historic: Historic::default(),
            until_us: i64::MIN,
            has_end: false,
        })
    }

    /// Reads what has been written since.
    pub(crate) fn catch_up(&mut self, streams: &mut Streams) -> Result<(), Unreadable> {
        loop {
            let read = self.file.read_until(b'\n', &mut self.half);
            read.map_err(|error| Unreadable::File(self.path.clone(), error))?;
            if !self.half.ends_with(b"\n") {
                return Ok(());
            }
            let whole = std::mem::take(&mut self.half);
            self.lines += 1;
            self.take(&whole, streams).map_err(|error| Unreadable::Line(self.path.clone(), self.lines, error))?;
        }
    }

    fn take(&mut self, whole: &[u8], streams: &mut Streams) -> Result<(), serde_json::Error> {
        let line: Line<'_> = serde_json::from_slice(whole)?;
        let at_us = line.true_us.unwrap_or(line.at_us);
        self.until_us = self.until_us.max(at_us);
        let stream = line.stream.map(|name| streams.number(name));
        match (line.event, stream, line.connection) {
            ("produced", Some(stream), _) => self.produced(&line, stream, at_us),
            ("fate", _, Some(connection)) => self.settle(line.seq, connection, line.fate == Some("sent")),
            ("subscribed", Some(stream), Some(connection)) => {
                self.serving.entry((connection, stream)).or_insert(at_us);
            }
            ("unsubscribed", Some(stream), Some(connection)) => {
                self.served_until(at_us, |key| *key == (connection, stream));
            }
            ("closed" | "gone", _, Some(connection)) => self.served_until(at_us, |key| key.0 == connection),
            ("listening", ..) => self.seed = line.seed.unwrap_or_default(),
            ("end", ..) => self.has_end = true,
            (event, ..) if Historic::concerns(event) => self.historic.take(whole, streams)?,
            _ => {}
        }
        Ok(())
    }

    fn served_until(&mut self, at_us: i64, which: impl Fn(&(u64, u32)) -> bool) {
        let served = &mut self.served;
        self.serving.retain(|key, from_us| {
            if which(key) {
                served.entry(key.1).or_default().add(Span { from_us: *from_us, until_us: at_us });
            }
            !which(key)
        });
    }

    /// When a stream was served; what is served now is served until the last line.
    pub(crate) fn served(&self, stream: u32) -> Spans {
        let mut spans = self.served.get(&stream).cloned().unwrap_or_default();
        for ((_, number), from_us) in &self.serving {
            if *number == stream {
                spans.add(Span { from_us: *from_us, until_us: self.until_us });
            }
        }
        spans
    }

    fn produced(&mut self, line: &Line<'_>, stream: u32, at_us: i64) {
        let digest = u64::from_str_radix(line.digest.unwrap_or_default(), 16).unwrap_or_default();
        let fate = match line.fate {
            Some("sent") => "sent",
            Some("dropped") => "dropped",
            Some("unsubscribed") => "not subscribed then",
            _ => "nobody was connected",
        };
        let takers = line.connection.map(|connection| (connection, fate == "sent")).into_iter().collect();
        let making = Making { seq: line.seq, line: self.lines, at_us, digest, takers, fate };
        if line.kind == Some("delete") {
            self.by_seq.insert(line.seq, Place::Order(self.orders.len()));
            return self.orders.push(Order { stream, id: line.id.unwrap_or_default().into(), making });
        }
        let place = match line.id {
            Some(id) => *self.by_id.entry((stream, id.into())).or_insert(self.messages.len()),
            None => *self.by_digest.entry((stream, digest)).or_insert(self.messages.len()),
        };
        if place == self.messages.len() {
            self.messages.push(Message { stream, id: line.id.map(Into::into), makings: Vec::with_capacity(1) });
        }
        if let Some(message) = self.messages.get_mut(place) {
            self.by_seq.insert(line.seq, Place::Message(place, message.makings.len()));
            message.makings.push(making);
        }
    }

    /// A message went to one more connection, or was not wholly written to one after all.
    fn settle(&mut self, seq: u64, connection: u64, sent: bool) {
        let making = match self.by_seq.get(&seq) {
            Some(Place::Message(message, making)) => {
                self.messages.get_mut(*message).and_then(|message| message.makings.get_mut(*making))
            }
            Some(Place::Order(order)) => self.orders.get_mut(*order).map(|order| &mut order.making),
            None => None,
        };
        let Some(making) = making else { return };
        match making.takers.iter_mut().find(|(taker, _)| *taker == connection) {
            Some(taker) => taker.1 = sent,
            None => making.takers.push((connection, sent)),
        }
    }

    /// Where the message of a row is: by its id, or by its bytes if it was made without an id.
    pub(crate) fn place(&self, stream: u32, id: &str, digest: u64) -> Option<usize> {
        self.by_id.get(&(stream, id.into())).or_else(|| self.by_digest.get(&(stream, digest))).copied()
    }
}
