//! What must be true between one setting and another.

use std::time::Duration;

use super::document::{Document, Written};
use super::endpoint;
use super::fault::{Complaint, Fault, Faults, Place};
use super::key::{Absent, KEYS};
use super::layers::Layered;
use super::settings::BackfillMode;
use super::units::{SIZES, show};
use crate::limits::JOB_CREDITS;

/// "A tick is sent every 30 seconds" on an idle connection (`DataSift`, Streaming API).
const TICK: Duration = Duration::from_secs(30);

/// The end of a job "must be at least one hour in the past" (`DataSift`, Historics).
const ARCHIVED: Duration = Duration::from_hours(1);

/// Whoever keeps less may have meant another unit.
const DAY: Duration = Duration::from_hours(24);

/// The keys that list streams.
pub(super) const STREAMS: &[&str] = &["source.streams", "source.streams_file"];

/// Tells where a key was set, and whether its value can be relied on.
pub(super) struct Places<'a> {
    document: &'a Document,
    environment: &'a Written,
    /// Keys whose value is wrong already: the default stands in for it and says nothing.
    faulty: Vec<String>,
}

impl<'a> Places<'a> {
    pub(super) fn new(document: &'a Document, environment: &'a Written, faults: &Faults) -> Self {
        let faulty = faults.iter().filter_map(Fault::key).map(str::to_owned).collect();
        Self { document, environment, faulty }
    }

    /// Where the key is set, else where it would be; the environment overrides the file.
    pub(super) fn of(&self, path: &str) -> Place {
        match self.environment.values.get(path) {
            Some((_, place)) => place.clone(),
            None => self.document.place(path),
        }
    }

    /// The streams in place; those of the environment replace those of the file.
    pub(super) fn streams(&self) -> &[(String, Place)] {
        let streams = self.environment.streams.as_ref().or(self.document.written.streams.as_ref());
        streams.map_or(&[], Vec::as_slice)
    }

    /// Whether no fault was found with any of these keys.
    pub(super) fn sound(&self, paths: &[&str]) -> bool {
        !self.faulty.iter().any(|faulty| paths.contains(&faulty.as_str()))
    }

    /// What a key's file holds, or its fault at the place of the key.
    pub(super) fn keep<T>(
        &self,
        path: &'static str,
        read: Option<Result<T, Complaint>>,
        faults: &mut Faults,
    ) -> Option<T> {
        let read = read.transpose();
        read.unwrap_or_else(|complaint| {
            faults.push(complaint.at(self.of(path), path));
            None
        })
    }
}

/// Looks for keys that must be there and are not.
pub(super) fn required(document: &Document, environment: &Written, faults: &mut Faults) {
    let refused = KEYS.iter().filter(|key| matches!(key.absent, Absent::Refused));
    for key in refused {
        if !document.has(key.path) && !environment.values.contains_key(key.path) {
            let complaint =
                Complaint::new("is missing").hint(format!("write `{} = \"…\"` below [{}]", key.name(), key.section()));
            faults.push(complaint.at(document.place(key.path), key.path));
        }
    }
}

/// A daemon without a stream would look alive and store nothing.
pub(super) fn no_stream(places: &Places<'_>) -> Fault {
    let complaint =
        Complaint::new("no stream is listed").hint("list at least one in source.streams_file or source.streams");
    complaint.at(places.of("source.streams_file"), "source.streams_file")
}

/// Holds the settings against one another.
pub(super) fn hold(layered: &Layered, places: &Places<'_>, faults: &mut Faults) {
    let source = &layered.source;
    if let Some(Err(complaints)) = source.url.as_ref().map(|url| endpoint::judge(url, source.allow_insecure)) {
        for complaint in complaints {
            faults.push(complaint.at(places.of("source.url"), "source.url"));
        }
    }
    heals(layered, places, faults);
    let waits = &layered.reconnect;
    let pairs = [
        ("reconnect.network_step", waits.network_step, "reconnect.network_max", waits.network_max),
        ("reconnect.trouble_first", waits.trouble_first, "reconnect.trouble_max", waits.trouble_max),
    ];
    for (first, least, last, most) in pairs {
        if least > most && places.sound(&[first, last]) {
            let complaint =
                Complaint::new(format!("is longer than {last}")).hint("the first wait cannot exceed the longest");
            faults.push(complaint.at(places.of(first), first));
        }
    }
    let frame = source.max_frame;
    let rooms = [
        ("queue.max_bytes", layered.queue.max_bytes, "wait for the disk"),
        ("archive.quarantine_max", layered.archive.quarantine_max, "be kept if it is unreadable"),
    ];
    for (key, room, what) in rooms {
        if room < frame && places.sound(&[key, "source.max_frame"]) {
            let frame = show(u64::try_from(frame).unwrap_or(u64::MAX), SIZES);
            let complaint = Complaint::new(format!(
                "is smaller than source.max_frame ({frame}): the largest frame could not {what}"
            ));
            let hint = format!("write at least \"{frame}\", or lower source.max_frame");
            faults.push(complaint.hint(hint).at(places.of(key), key));
        }
    }
}

/// Backfill that can never begin would look as if it were on.
fn heals(layered: &Layered, places: &Places<'_>, faults: &mut Faults) {
    let backfill = &layered.backfill;
    let insecure = layered.source.allow_insecure;
    for complaint in endpoint::judge_rest(&backfill.url, insecure).err().unwrap_or_default() {
        faults.push(complaint.at(places.of("backfill.url"), "backfill.url"));
    }
    if backfill.mode == BackfillMode::Off {
        return;
    }
    let named = backfill.listed();
    let is_odd = |name: &&String| name.bytes().any(|b| !b.is_ascii_alphanumeric() && b != b'_' && b != b'-');
    let complaint = match named.iter().find(is_odd) {
        _ if named.is_empty() => Some(
            Complaint::new("names no source: the archive cannot be asked for nothing")
                .hint("name some, as \"tumblr, wordpress\", or set backfill.mode = \"off\""),
        ),
        Some(_) => {
            Some(Complaint::new("holds what is no source").hint("write names with commas, as \"tumblr, wordpress\""))
        }
        None => None,
    };
    if let Some(complaint) = complaint.filter(|_| places.sound(&["backfill.sources"])) {
        faults.push(complaint.at(places.of("backfill.sources"), "backfill.sources"));
    }
    keeps_deleted(layered, places, faults);
    if backfill.credits_a_day < JOB_CREDITS && places.sound(&["backfill.credits_a_day"]) {
        let complaint = Complaint::new(format!("is less than the {JOB_CREDITS} credits that one job takes"))
            .hint(format!("write at least {JOB_CREDITS}, or set backfill.mode = \"off\""));
        faults.push(complaint.at(places.of("backfill.credits_a_day"), "backfill.credits_a_day"));
    }
    if backfill.units_a_day < backfill.units_an_hour
        && places.sound(&["backfill.units_a_day", "backfill.units_an_hour"])
    {
        let complaint = Complaint::new("is less than backfill.units_an_hour: no hour could ever be filled")
            .hint("raise it, or set backfill.mode = \"off\"");
        faults.push(complaint.at(places.of("backfill.units_a_day"), "backfill.units_a_day"));
    }
}

/// Backfill must not bring back what was deleted: it may come as late as this after the deletion.
fn keeps_deleted(layered: &Layered, places: &Places<'_>, faults: &mut Faults) {
    let backfill = &layered.backfill;
    let least = backfill.lag.saturating_add(backfill.deadline);
    let keys = ["retention.tombstones", "backfill.lag", "backfill.deadline"];
    if backfill.mode == BackfillMode::Off || layered.retention.tombstones >= least || !places.sound(&keys) {
        return;
    }
    let complaint = Complaint::new("ends before a job of backfill may: it would bring back what was deleted")
        .hint("keep it longer than backfill.lag and backfill.deadline together");
    faults.push(complaint.at(places.of("retention.tombstones"), "retention.tombstones"));
}

/// What is allowed and unwise.
pub(super) fn doubts(layered: &Layered, places: &Places<'_>, warnings: &mut Faults) {
    let backfill = &layered.backfill;
    if backfill.mode != BackfillMode::Off && backfill.lag < ARCHIVED && !endpoint::is_local(&backfill.url) {
        let complaint = Complaint::new("is less than the hour after which the server's archive may be asked")
            .hint("jobs will be refused; write at least \"1h\"");
        warnings.push(complaint.at(places.of("backfill.lag"), "backfill.lag"));
    }
    if layered.liveness.silence <= TICK {
        let complaint = Complaint::new("is no longer than the 30s between two ticks")
            .hint("healthy connections will be closed; write at least \"65s\"");
        warnings.push(complaint.at(places.of("liveness.silence"), "liveness.silence"));
    }
    let short = layered.retention.max_age.filter(|age| *age < DAY);
    if short.is_some() && places.sound(&["retention.max_age"]) {
        let complaint = Complaint::new("keeps less than a day")
            .hint("older interactions are removed for good; write days as \"30d\"");
        warnings.push(complaint.at(places.of("retention.max_age"), "retention.max_age"));
    }
    if layered.source.allow_insecure {
        let complaint = Complaint::new("allows an unencrypted way to another host")
            .hint("whoever sees the traffic has the API key");
        warnings.push(complaint.at(places.of("source.allow_insecure"), "source.allow_insecure"));
    }
}
