//! Whether gaps heal truly: I3. That a filled gap is complete is judged with the classes of messages, as coverage is; here
//! stands what only a backfill can get wrong.

use std::collections::HashMap;

use super::journal::Message;
use super::verdict::Report;
use super::{Look, clock};

pub(super) fn check(look: &Look<'_>, report: &mut Report) {
    look.brought(report);
    look.paid(report);
    look.named(report);
}

impl Look<'_> {
    /// Each row of a backfill came with a page of the archive, and stands only where nothing came live.
    fn brought(&self, report: &mut Report) {
        for row in self.seen.rows.iter().filter(|row| !row.is_live) {
            report.count("healed");
            let told = || format!("stream {} {}, row {}", self.streams.name(row.stream), row.interaction_id, row.id);
            let place = self.truth.place(row.stream, &row.interaction_id, row.digest);
            let Some(message) = place.and_then(|place| self.truth.messages.get(place)) else { continue };
            let given = message.id.as_deref().map(|id| self.truth.historic.given(row.stream, id));
            if given == Some(None) {
                report.find("UNEXPECTED", || format!("{}: no page of the server's archive brought it", told()));
            }
            if let Some(at_us) = self.came_live(message) {
                report.find("OVERRULED", || {
                    format!("{}: of a backfill, though it came live at {}", told(), clock(at_us))
                });
            }
        }
    }

    /// When a message was sent in a time that live coverage claims.
    fn came_live(&self, message: &Message) -> Option<i64> {
        let mut sent = message.makings.iter().filter(|making| making.is_sent()).map(|making| self.local(making));
        sent.find(|at_us| {
            let wanted = self.driver.wish_at(message.stream, *at_us).is_some();
            wanted && self.seen.live_at(message.stream, *at_us).is_some()
        })
    }

    /// No query is drawn up twice, and none is paid twice: the same facts have the same name.
    fn paid(&self, report: &mut Report) {
        let mut known: HashMap<&str, (usize, usize)> = HashMap::new();
        for job in self.truth.historic.jobs.values() {
            let times = known.entry(&job.name).or_default();
            times.0 += 1;
            times.1 += usize::from(job.is_started);
        }
        for (name, (prepared, started)) in known {
            if started > 1 {
                report.find("PAID TWICE", || format!("{name} was started {started} times"));
            } else if prepared > 1 {
                report.find("PREPARED TWICE", || format!("{name} was drawn up {prepared} times"));
            }
        }
    }

    /// What is not filled in the end says what is missing.
    fn named(&self, report: &mut Report) {
        let unnamed = |detail: &Option<String>| !detail.as_deref().is_some_and(|detail| detail.contains("backfill: "));
        for (stream, gaps) in &self.seen.gaps {
            let given_up = gaps.iter().filter(|gap| matches!(gap.state.as_str(), "partial" | "unfillable"));
            for gap in given_up.filter(|gap| unnamed(&gap.detail)) {
                let (name, state, detail) = (self.streams.name(*stream), &gap.state, &gap.detail);
                let said = || format!("stream {name}, gap {} is {state} and does not say why: {detail:?}", gap.id);
                report.find("UNNAMED", said);
            }
        }
    }
}
