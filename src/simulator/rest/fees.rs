//! Two purses: credits for calls, which are renewed, and the account's means for jobs, which are not.

use crate::simulator::cue::FeeChange;
use crate::simulator::scenario::Fees as Settings;
use std::time::Duration;
use tokio::time::Instant;

/// What calls and jobs may still cost.
#[derive(Debug)]
pub(super) struct Fees {
    settings: Settings,
    /// When the current period began, and what is left in it.
    period: Option<(Instant, u64)>,
}

/// What the headers of an answer say of credits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account {
    pub(super) limit: u64,
    pub(super) left: u64,
    pub(super) cost: u64,
    /// Unix seconds.
    pub(super) reset: i64,
    /// Seconds until then.
    pub(super) reset_ttl: i64,
    /// The call may not be made.
    pub(super) exhausted: bool,
}

impl Fees {
    pub(super) fn new(settings: Settings) -> Self {
        Self { settings, period: None }
    }

    /// Pays for a call, if there is enough left for it.
    pub(super) fn charge(&mut self, cost: u64, now: Instant, now_s: i64) -> Account {
        let limit = self.settings.calls;
        let (since, left) = self
            .period
            .filter(|(since, _)| now.saturating_duration_since(*since) < self.settings.period)
            .unwrap_or((now, limit));
        let paid = left.checked_sub(cost);
        self.period = Some((since, paid.unwrap_or(left)));
        let until = self.settings.period.saturating_sub(now.saturating_duration_since(since));
        let reset_ttl = seconds(until).saturating_add(self.settings.reset_skew.as_secs());
        Account {
            limit,
            left: paid.unwrap_or(left),
            cost,
            reset: now_s.saturating_add(reset_ttl),
            reset_ttl,
            exhausted: paid.is_none(),
        }
    }

    pub(super) fn exhausted_status(&self) -> u16 {
        self.settings.exhausted
    }

    /// What an hour of one stream costs live.
    pub(super) fn rate(&self) -> f64 {
        self.settings.dpu_per_hour.unwrap_or(0.0)
    }

    /// What a job of so many hours and streams costs (DataSift: the filter's DPUs, times the hours, times 1.25).
    pub(super) fn price(&self, span: Duration, streams: u32) -> Option<f64> {
        Some(self.settings.dpu_per_hour? * (span.as_secs_f64() / 3600.0) * 1.25 * f64::from(streams))
    }

    /// Pays for a job; otherwise the status that says so.
    pub(super) fn pay(&mut self, price: f64) -> Result<(), u16> {
        match &mut self.settings.dpus {
            Some(dpus) if *dpus < price => Err(self.settings.insolvent),
            Some(dpus) => {
                *dpus -= price;
                Ok(())
            }
            None => Ok(()),
        }
    }

    pub(super) fn change(&mut self, change: &FeeChange, now: Instant) {
        let FeeChange { left, calls, period, exhausted, reset_skew, dpus, dpu_per_hour } = change;
        let settings = &mut self.settings;
        settings.calls = calls.unwrap_or(settings.calls);
        settings.period = period.unwrap_or(settings.period);
        settings.exhausted = exhausted.unwrap_or(settings.exhausted);
        settings.reset_skew = reset_skew.unwrap_or(settings.reset_skew);
        settings.dpus = dpus.or(settings.dpus);
        settings.dpu_per_hour = dpu_per_hour.or(settings.dpu_per_hour);
        if let Some(left) = left {
            let since = self.period.map_or(now, |(since, _)| since);
            self.period = Some((since, *left));
        }
    }
}

/// Whole seconds, the last one begun counted too.
fn seconds(span: Duration) -> i64 {
    i64::try_from(span.as_secs() + u64::from(span.subsec_nanos() > 0)).unwrap_or(i64::MAX)
}
