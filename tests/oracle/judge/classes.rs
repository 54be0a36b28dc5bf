//! What became of each message: I1, I1', I2 and I5.

use std::collections::HashMap;

use super::archive::{Cover, Row};
use super::journal::{Making, Message, Order};
use super::verdict::Report;
use super::{Look, clock};

/// A look, and what it needs to be quick.
struct Case<'a> {
    look: &'a Look<'a>,
    /// Rows by message.
    rows: Vec<u32>,
    /// Messages with a row that came live.
    live: Vec<bool>,
    orders: HashMap<&'a str, Vec<&'a Order>>,
}

/// Why a message without a row is no loss, or what makes it one.
enum Fate {
    Class(&'static str),
    Lost(String),
}

pub(super) fn count(look: &Look<'_>, report: &mut Report) {
    let truth = look.truth;
    let mut orders: HashMap<&str, Vec<&Order>> = HashMap::new();
    for order in &truth.orders {
        orders.entry(&order.id).or_default().push(order);
    }
    let count = truth.messages.len();
    let mut case = Case { look, rows: vec![0; count], live: vec![false; count], orders };
    case.rows(report);
    let mut fates = Vec::with_capacity(truth.messages.len());
    for (message, rows) in truth.messages.iter().zip(&case.rows) {
        fates.push(case.judge(message, *rows, report));
    }
    case.prefix(&fates, report);
}

impl Case<'_> {
    fn name(&self, message: &Message) -> String {
        let id = message.id.as_deref().unwrap_or("without an id");
        format!("stream {} {id}", self.look.streams.name(message.stream))
    }

    /// I2: each row is a message that was handed over, byte for byte, and none is there twice.
    fn rows(&mut self, report: &mut Report) {
        for row in &self.look.seen.rows {
            let told =
                || format!("stream {} {}, row {}", self.look.streams.name(row.stream), row.interaction_id, row.id);
            let place = self.look.truth.place(row.stream, &row.interaction_id, row.digest);
            let Some((place, message)) = place.and_then(|place| Some((place, self.look.truth.messages.get(place)?)))
            else {
                report.find("UNEXPECTED", || format!("{}: never made", told()));
                continue;
            };
            let makings = &message.makings;
            if !makings.iter().any(|making| making.digest == row.digest) && !self.is_reworded(row) {
                report.find("UNEXPECTED", || format!("{}: other bytes than were {}", told(), first(makings)));
            } else if row.is_live
                && !makings.iter().any(|making| making.is_sent() || making.takers.iter().any(|taker| taker.1))
            {
                report.find("UNEXPECTED", || format!("{}: never handed over: {}", told(), first(makings)));
            }
            if let Some(live) = self.live.get_mut(place) {
                *live |= row.is_live;
            }
            if let Some(rows) = self.rows.get_mut(place) {
                *rows += 1;
                if *rows == 2 {
                    report.find("DUPLICATE", || format!("{}: {}", told(), first(makings)));
                }
            }
        }
        let mut bytes: HashMap<(u32, u64), &str> = HashMap::with_capacity(self.look.seen.rows.len());
        for row in &self.look.seen.rows {
            let known = bytes.insert((row.stream, row.digest), &row.interaction_id);
            if let Some(other) = known.filter(|other| *other != &*row.interaction_id) {
                let stream = self.look.streams.name(row.stream);
                report.find("DUPLICATE", || format!("stream {stream} {}: the bytes of {other}", row.interaction_id));
            }
        }
    }

    /// Whether the server's archive gave it with these bytes, which nothing else ever had.
    fn is_reworded(&self, row: &Row) -> bool {
        let given = self.look.truth.historic.given(row.stream, &row.interaction_id);
        !row.is_live && given.is_some_and(|digests| digests.contains(&row.digest))
    }

    /// I1, I3 and I5 for one message; returns whether it is kept, or nobody needs to keep it.
    fn judge(&self, message: &Message, rows: u32, report: &mut Report) -> bool {
        let orders = message.id.as_deref().and_then(|id| self.orders.get(id)).map_or(&[][..], Vec::as_slice);
        if rows > 0 {
            report.count("stored");
            if message.makings.iter().filter(|making| making.is_sent()).count() > 1 {
                report.count("repeated");
            }
            if let Some(order) = orders.iter().find(|order| self.look.is_obeyed(order)) {
                report.find("UNDELETED", || {
                    format!("{} is still a row; the order to delete it was {}", self.name(message), order.making.told())
                });
            }
            return true;
        }
        let is_struck = message.id.as_deref().is_some_and(|id| self.look.truth.historic.is_struck(id));
        if is_struck || orders.iter().any(|order| self.look.is_obeyed(order)) {
            report.count("deleted");
            return true;
        }
        // What comes again is as old as when it came first.
        if message
            .makings
            .iter()
            .any(|making| making.is_sent() && self.is_pruned(message.stream, self.look.local(making)))
        {
            report.count("pruned");
            return true;
        }
        let mut class = "unwanted";
        for making in &message.makings {
            match self.fate(message, making, orders) {
                Fate::Lost(why) => {
                    report.find("LOST", || format!("{} {}: {why}", self.name(message), making.told()));
                    return true;
                }
                Fate::Class("unwanted") => {}
                Fate::Class(found) => class = found,
            }
        }
        report.count(class);
        class != "in_gap" && class != "indeterminate" && class != "before"
    }

    fn fate(&self, message: &Message, making: &Making, orders: &[&Order]) -> Fate {
        let (stream, at_us) = (message.stream, self.look.local(making));
        let Some(wish) = self.look.driver.wish_at(stream, at_us) else { return Fate::Class("unwanted") };
        if self.is_quarantined(message) {
            return Fate::Class("quarantined");
        }
        if let Some(cover) = self.look.seen.cover_at(stream, at_us) {
            if orders.iter().any(|order| order.making.is_sent()) {
                return Fate::Class("deleted");
            }
            if !cover.is_live {
                return self.unhealed(message, cover, orders);
            }
            let (from, until) = (clock(cover.span.from_us), clock(cover.span.until_us));
            let connection = cover.connection.map_or_else(|| "none".to_owned(), |connection| connection.to_string());
            return Fate::Lost(format!("claimed by the coverage from {from} to {until} of connection {connection}"));
        }
        if self.look.seen.gap_at(stream, at_us).is_some() {
            return Fate::Class("in_gap");
        }
        // Only where nothing is claimed any more, and no further than the driver allows.
        if self.is_pruned(stream, at_us) {
            return Fate::Class("pruned");
        }
        let pieces = self.look.seen.covers.get(&stream).into_iter().flatten().map(|cover| cover.span);
        let gaps = self.look.seen.gaps.get(&stream).into_iter().flatten().map(|gap| gap.span);
        let after = pieces.chain(gaps).filter(|span| span.until_us > wish.begun.from_us);
        let (begins, ends) = after
            .fold((i64::MAX, i64::MIN), |(begins, ends), span| (begins.min(span.from_us), ends.max(span.until_us)));
        let running = !self.look.is_final || !self.look.seen.is_stopped();
        if at_us < begins && begins.saturating_sub(wish.begun.until_us) <= self.look.promise.starting_us {
            return Fate::Class("before");
        }
        // Nothing is claimed after the last word of a daemon that runs or was killed.
        if running && (at_us >= ends || begins == i64::MAX) {
            return Fate::Class("indeterminate");
        }
        Fate::Lost("no coverage and no gap answers for it".to_owned())
    }

    /// I3: what the server's archive held for a filled gap is a row. It holds what it was made of, but what was deleted
    /// since, by whatever way, and what it lacks without a word.
    fn unhealed(&self, message: &Message, cover: &Cover, orders: &[&Order]) -> Fate {
        let historic = &self.look.truth.historic;
        let id = message.id.as_deref().unwrap_or_default();
        if !orders.is_empty() {
            return Fate::Class("deleted");
        }
        let withheld = historic.withheld(message.stream, id);
        if withheld.is_some_and(|withheld| !withheld.is_told) {
            return Fate::Class("withheld");
        }
        let (from, until) = (clock(cover.span.from_us), clock(cover.span.until_us));
        let how = match (historic.given(message.stream, id), withheld) {
            (Some(_), _) => "the server's archive gave it".to_owned(),
            (None, Some(withheld)) => {
                format!("job {} had said that it lacks some ({})", withheld.job, withheld.why)
            }
            (None, None) => "the server's archive was not asked for it".to_owned(),
        };
        Fate::Lost(format!("in the gap from {from} to {until}, which is called filled; {how}"))
    }

    /// Whether what was made then is gone by its age: by the word of the archive, and as far as the driver allows.
    fn is_pruned(&self, stream: u32, at_us: i64) -> bool {
        at_us < self.look.seen.pruned_before(stream) && self.look.driver.is_pruned(stream, at_us)
    }

    fn is_quarantined(&self, message: &Message) -> bool {
        let Some(id) = message.id.as_deref() else { return false };
        self.look.seen.quarantine.iter().any(|frame| frame.windows(id.len()).any(|window| window == id.as_bytes()))
    }

    /// I1': frames are committed in their order, so everything sent before a stored message is kept too, whatever the
    /// coverage says.
    fn prefix(&self, kept: &[bool], report: &mut Report) {
        let mut last: HashMap<u64, (u64, &Message)> = HashMap::new();
        let pairs = || self.look.truth.messages.iter().zip(&self.rows).zip(kept);
        for (message, live) in self.look.truth.messages.iter().zip(&self.live) {
            if let ([making], true) = (message.makings.as_slice(), *live)
                && let [(connection, true)] = making.takers.as_slice()
            {
                let newest = last.entry(*connection).or_insert((making.seq, message));
                if newest.0 < making.seq {
                    *newest = (making.seq, message);
                }
            }
        }
        for ((message, _), kept) in pairs().filter(|((_, rows), kept)| **rows == 0 && !**kept) {
            let ordered = message
                .id
                .as_deref()
                .and_then(|id| self.orders.get(id))
                .is_some_and(|orders| orders.iter().any(|order| order.making.is_sent()));
            let passed = message.makings.iter().find_map(|making| {
                let wanted = self.look.driver.wish_at(message.stream, self.look.local(making)).is_some();
                let sent = making.takers.iter().filter(|(_, sent)| *sent && wanted && !ordered && !kept);
                let mut later = sent.filter_map(|(connection, _)| last.get(connection));
                Some((making, later.find(|(seq, _)| *seq > making.seq)?))
            });
            if let Some((making, (seq, later))) = passed {
                report.find("SKIPPED", || {
                    let later = self.name(later);
                    format!(
                        "{} {}: not kept, but {later} (seq {seq}) is, which came after it",
                        self.name(message),
                        making.told()
                    )
                });
            }
        }
    }
}

fn first(makings: &[Making]) -> String {
    makings.first().map(Making::told).unwrap_or_default()
}
