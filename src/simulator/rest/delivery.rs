//! A pull subscription: what a job finds waits in it until it is fetched.
//!
//! Source: DataSift, Push and Pull; fields, statuses and log entries as recorded.

use super::job::{Job, Rules};
use crate::simulator::scenario::Deliveries as Settings;
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// A pull subscription over a job.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) id: String,
    pub(super) name: String,
    /// The place of its job.
    pub(super) job: usize,
    pub(super) created_s: i64,
    pub(super) format: Format,
    pub(super) page_max: usize,
    pub(super) paused: bool,
    /// It was stopped when its job had found so much.
    pub(super) stopped: Option<usize>,
    pub(super) ended_s: Option<i64>,
    pub(super) gone: bool,
    /// Where a pull without a cursor goes on: a place in what the job finds.
    pub(super) position: usize,
    /// Where the last page began.
    pub(super) page: usize,
    /// Behind the furthest that was ever fetched.
    pub(super) furthest: usize,
    /// Where it begins: what was found before it was there goes nowhere.
    pub(super) first: usize,
    pub(super) cursors: HashMap<String, usize>,
    pub(super) requested_s: Option<i64>,
    pub(super) succeeded_s: Option<i64>,
    /// Something was dropped before it was fetched.
    pub(super) lost: bool,
    pub(super) delivered: u64,
    pub(super) log: Vec<Entry>,
    pulls: VecDeque<Instant>,
}

/// The forms of a page.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Format {
    NewLine,
    Array,
    Meta,
}

/// A line of the delivery's log.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) at_s: i64,
    pub(super) success: bool,
    pub(super) message: &'static str,
}

impl Format {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::NewLine => "json_new_line",
            Self::Array => "json_array",
            Self::Meta => "json_meta",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::NewLine, Self::Array, Self::Meta].into_iter().find(|format| format.name() == name)
    }
}

impl Delivery {
    pub(super) fn new(id: String, name: String, job: usize, created_s: i64, first: usize) -> Self {
        Self {
            id,
            name,
            job,
            created_s,
            format: Format::NewLine,
            page_max: 0,
            paused: false,
            stopped: None,
            ended_s: None,
            gone: false,
            position: first,
            page: first,
            furthest: first,
            first,
            cursors: HashMap::new(),
            requested_s: None,
            succeeded_s: None,
            lost: false,
            delivered: 0,
            log: Vec::new(),
            pulls: VecDeque::new(),
        }
    }

    /// Behind the last thing that is there to be fetched.
    pub(super) fn reach(&self, job: &Job, rules: Rules<'_>, now: Instant) -> usize {
        let reach = job.reach(rules, now);
        self.stopped.map_or(reach, |stopped| stopped.min(reach))
    }

    pub(super) fn status(&self, job: &Job, rules: Rules<'_>, now: Instant) -> String {
        if let Some(status) = job.change.delivery_status.as_deref().filter(|status| !status.is_empty()) {
            return status.to_owned();
        }
        let stand = job.stand(rules, now);
        let over = self.stopped.is_some() || stand.over;
        let drained = self.furthest >= self.reach(job, rules, now);
        let status = match (over, self.paused) {
            (true, _) if stand.failed => "failed",
            (true, _) if drained => "finished",
            (true, true) => "finishing_paused",
            (true, false) => "finishing",
            (false, true) => "paused",
            (false, false) => "active",
        };
        status.to_owned()
    }

    /// Whether it counts among those of which an account may have only so many.
    pub(super) fn counts(&self, job: &Job, rules: Rules<'_>, now: Instant) -> bool {
        !self.gone && matches!(self.status(job, rules, now).as_str(), "active" | "paused" | "retrying")
    }

    /// Drops what has waited for too long.
    pub(super) fn expire(
        &mut self,
        job: &Job,
        rules: Rules<'_>,
        settings: &Settings,
        now: Instant,
        now_s: i64,
    ) -> usize {
        const EXPIRED: &str = "Some data remained in the queue for too long and so was expired (consumer too slow)";
        let aged = job.reach_before(rules, now, settings.retention);
        let dropped = job.change.lose.min(self.reach(job, rules, now));
        let floor = aged.max(dropped).max(self.first);
        if floor > self.furthest {
            self.furthest = floor;
            if !self.lost {
                self.log.push(Entry { at_s: now_s, success: false, message: EXPIRED });
            }
            self.lost = true;
        }
        floor
    }

    /// Whether one more pull is one too many in this second.
    pub(super) fn is_hasty(&mut self, per_second: u32, now: Instant) -> bool {
        let second = Duration::from_secs(1);
        while self.pulls.front().is_some_and(|at| now.saturating_duration_since(*at) >= second) {
            self.pulls.pop_front();
        }
        if per_second > 0 && self.pulls.len() >= usize::try_from(per_second).unwrap_or(usize::MAX) {
            return true;
        }
        self.pulls.push_back(now);
        false
    }

    /// The cursor of a place: the same place, the same cursor.
    pub(super) fn cursor(&mut self, place: usize) -> String {
        let digest = blake3::hash(format!("{} {place}", self.id).as_bytes());
        let cursor: String = digest.to_hex().chars().take(32).collect();
        self.cursors.insert(cursor.clone(), place);
        cursor
    }

    /// The subscription as the service describes it. `left` is what waits in it, in bytes.
    pub(super) fn document(&self, job: &Job, status: &str, left: usize) -> Value {
        json!({
            "id": self.id,
            "output_type": "pull",
            "name": self.name,
            "created_at": self.created_s,
            "user_id": 3049,
            "hash": job.id,
            "hash_type": "historic",
            "output_params": {"format": self.format.name(), "max_size": self.page_max},
            "status": status,
            "last_request": self.requested_s,
            "last_success": self.succeeded_s,
            "remaining_bytes": left,
            "interaction_count": self.delivered,
            "lost_data": self.lost,
            "start": self.created_s,
            "end": self.ended_s,
        })
    }
}
