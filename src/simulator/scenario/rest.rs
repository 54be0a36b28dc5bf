//! The settings of the REST side: the archive of past messages, the jobs that search it, and what calls cost.

use super::super::world::kinds;
use super::Size;
use jiff::SignedDuration;
use jiff::fmt::serde::unsigned_duration;
use serde::Deserialize;
use std::time::Duration;

/// The REST side. What nobody recorded about the service is a switch here.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rest {
    /// Where to listen; port 0 takes any free one. It speaks TLS if the node does.
    pub listen: String,
    pub archive: Archive,
    pub jobs: Jobs,
    pub deliveries: Deliveries,
    pub fees: Fees,
}

/// What the archive holds, and of what time.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Archive {
    /// A job must end so long ago (DataSift: 1 h).
    #[serde(with = "unsigned_duration::required")]
    pub lag: Duration,
    /// A job must not be longer (DataSift: a month, not always enforced).
    #[serde(with = "unsigned_duration::required")]
    pub longest: Duration,
    pub window: Window,
    /// The kinds of sources that are archived; without a list, all of the world's.
    pub sources: Vec<String>,
    /// What a job with another source meets.
    pub missing_source: MissingSource,
    /// Jobs still find what was deleted. Nobody recorded whether the service's do.
    pub keeps_deleted: bool,
    /// Messages that are remembered; older ones are forgotten.
    pub messages_max: usize,
}

/// What a job's window goes by.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// The second in which the world made the message.
    #[default]
    Made,
    /// The interaction's `created_at`.
    Posted,
}

/// What a job with a source meets that is not in the archive.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum MissingSource {
    /// It finds nothing of it, and its availability says so.
    #[default]
    Absent,
    /// 400.
    Refuse,
}

/// How jobs live.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Jobs {
    /// From the start until it runs (DataSift: about 2,000 s, a day at most).
    #[serde(with = "unsigned_duration::required")]
    pub start_delay: Duration,
    /// How long it runs.
    #[serde(with = "unsigned_duration::required")]
    pub duration: Duration,
    /// A job is cut into pieces of so long, counted from 1970 (DataSift: UTC days).
    #[serde(with = "unsigned_duration::required")]
    pub chunk: Duration,
    pub order: Order,
    /// A share of what is found comes once more, later.
    pub repeats: f64,
    /// A job that asks for more of all messages than this gets this much, in per cent.
    pub sample_max: u8,
    pub prepared: Prepared,
    /// The status that `historics/start` of a started job meets.
    pub start_again: u16,
}

/// In what order a job finds its messages.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// The last chunk first, each in itself in order.
    #[default]
    Chunks,
    Time,
    Shuffled,
}

/// What `historics/prepare` answers beside the job's id. All three were recorded, of different years.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Prepared {
    /// The price alone (v1.6).
    #[default]
    Price,
    /// The price, and how much of each source is archived.
    Availability,
    /// The price, and an availability whose sources are an empty array (v1.4).
    EmptyAvailability,
}

/// How deliveries keep and give.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Deliveries {
    /// Deliveries that may be active, paused or retrying at once (DataSift: 200).
    pub max: usize,
    /// The status that one more meets.
    pub too_many: u16,
    /// What is not fetched after so long is dropped (DataSift: 1 h).
    #[serde(with = "unsigned_duration::required")]
    pub retention: Duration,
    /// The largest page, and the usual one (DataSift: 20 MiB, later 50 MiB).
    pub page_max: Size,
    /// Pulls of one delivery in a second (DataSift: 2); 0 for no limit.
    pub pulls_per_second: u32,
    /// The status that one more meets.
    pub too_fast: u16,
    /// Answers are packed with gzip when the client takes that.
    pub gzip: bool,
}

/// What calls and jobs cost.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fees {
    /// Credits for calls (DataSift: 10,000), anew each `period` from the first call on.
    pub calls: u64,
    #[serde(with = "unsigned_duration::required")]
    pub period: Duration,
    /// The status of a call without credits (DataSift: 403 or 429).
    pub exhausted: u16,
    /// Added to the time at which the headers say that credits are renewed, to lie with.
    pub reset_skew: SignedDuration,
    /// What one hour of a job costs; without it `dpus` is null and nothing is charged.
    pub dpu_per_hour: Option<f64>,
    /// What the account has for jobs; without it there is no end of it.
    pub dpus: Option<f64>,
    /// The status of a start without means.
    pub insolvent: u16,
}

impl Rest {
    pub(super) fn check(&self) -> Result<(), String> {
        if !(0.0..=1.0).contains(&self.jobs.repeats) {
            return Err(format!("rest.jobs.repeats is a share from 0 to 1, not {}", self.jobs.repeats));
        }
        if self.jobs.sample_max > 100 {
            return Err(format!("rest.jobs.sample_max is in per cent, not {}", self.jobs.sample_max));
        }
        if self.jobs.chunk < Duration::from_secs(1) {
            return Err("rest.jobs.chunk is a second or more".to_owned());
        }
        let unknown = self.archive.sources.iter().find(|source| kinds().all(|kind| kind != *source));
        if let Some(source) = unknown {
            return Err(format!("rest.archive.sources: the world has no source {source:?}"));
        }
        let statuses = [
            ("jobs.start_again", self.jobs.start_again),
            ("deliveries.too_many", self.deliveries.too_many),
            ("deliveries.too_fast", self.deliveries.too_fast),
            ("fees.exhausted", self.fees.exhausted),
            ("fees.insolvent", self.fees.insolvent),
        ];
        match statuses.iter().find(|(_, status)| !(200..=599).contains(status)) {
            Some((name, status)) => Err(format!("rest.{name} is an HTTP status from 200 to 599, not {status}")),
            None => Ok(()),
        }
    }
}

impl Default for Rest {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:0".to_owned(),
            archive: Archive::default(),
            jobs: Jobs::default(),
            deliveries: Deliveries::default(),
            fees: Fees::default(),
        }
    }
}

impl Default for Archive {
    fn default() -> Self {
        Self {
            lag: Duration::from_hours(1),
            longest: Duration::from_hours(31 * 24),
            window: Window::Made,
            sources: Vec::new(),
            missing_source: MissingSource::Absent,
            keeps_deleted: false,
            messages_max: 2_000_000,
        }
    }
}

impl Default for Jobs {
    fn default() -> Self {
        Self {
            start_delay: Duration::from_secs(2),
            duration: Duration::from_secs(5),
            chunk: Duration::from_hours(24),
            order: Order::Chunks,
            repeats: 0.01,
            sample_max: 100,
            prepared: Prepared::Price,
            start_again: 409,
        }
    }
}

impl Default for Deliveries {
    fn default() -> Self {
        Self {
            max: 200,
            too_many: 403,
            retention: Duration::from_hours(1),
            page_max: Size(50 << 20),
            pulls_per_second: 2,
            too_fast: 429,
            gzip: true,
        }
    }
}

impl Default for Fees {
    fn default() -> Self {
        Self {
            calls: 10_000,
            period: Duration::from_hours(1),
            exhausted: 403,
            reset_skew: SignedDuration::ZERO,
            dpu_per_hour: None,
            dpus: None,
            insolvent: 403,
        }
    }
}
