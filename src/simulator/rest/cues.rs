//! What cues do to the REST side.

use super::Rest;
use super::job::Rules;
use crate::simulator::cue::{JobChange, RestAction};
use tokio::time::Instant;

impl Rest {
    /// Does it; otherwise what could not be done.
    pub(in crate::simulator) fn perform(&mut self, action: &RestAction, now: Instant) -> Result<(), String> {
        match action {
            RestAction::Fail(fail) => self.spoils.push(fail.clone()),
            RestAction::Job(change) => return self.change(change, now),
            RestAction::Pages(pages) => self.pages.push_back(pages.clone()),
            RestAction::Fees(change) => self.fees.change(change, now),
            RestAction::StopListening => self.listening = false,
            RestAction::Listen => self.listening = true,
        }
        Ok(())
    }

    fn change(&mut self, change: &JobChange, now: Instant) -> Result<(), String> {
        let Some(number) = change.job else {
            merge(&mut self.coming, change);
            return Ok(());
        };
        let rules = Rules { archive: &self.settings.archive, jobs: &self.settings.jobs };
        let found = self.jobs.iter_mut().enumerate().find(|(_, job)| job.number == number);
        let Some((place, job)) = found else { return Err(format!("there is no job {number}")) };
        // What was told of sources was told when it was prepared.
        job.tells_sources &= change.without_source.is_none();
        merge(&mut job.change, change);
        job.sample = job.change.sample.map_or(job.sample, |sample| sample.min(job.sample));
        let reach = job.reach(rules, now);
        let withheld = job.narrow(&self.tape, rules, reach);
        if change.vanish {
            job.gone = true;
            self.deliveries
                .iter_mut()
                .filter(|delivery| delivery.job == place)
                .for_each(|delivery| delivery.gone = true);
        }
        self.withhold(place, &withheld);
        Ok(())
    }
}

/// What is left out stays.
fn merge(into: &mut JobChange, change: &JobChange) {
    let JobChange { lose, fail_chunk, fail, without_source, sample, stuck_at, status, delivery_status, .. } = change;
    into.lose = into.lose.max(*lose);
    into.fail_chunk |= fail_chunk;
    into.fail |= fail;
    for (into, text) in [
        (&mut into.without_source, without_source),
        (&mut into.status, status),
        (&mut into.delivery_status, delivery_status),
    ] {
        if text.is_some() {
            into.clone_from(text);
        }
    }
    into.sample = sample.or(into.sample);
    // Beyond its end nothing is stuck.
    into.stuck_at = stuck_at.or(into.stuck_at).filter(|most| *most < 100);
}
