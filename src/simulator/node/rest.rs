//! The node's part in the REST side: its clock, its world and its journal.

use super::Node;
use super::director::Counted;
use crate::simulator::clock::instant;
use crate::simulator::cue::RestAction;
use crate::simulator::rest::{Counts, Desk, Reply, Request};
use serde_json::json;

impl Node {
    /// Answers a request, and journals it.
    pub(in crate::simulator) fn answer_rest(&mut self, request: &Request) -> Reply {
        let now = instant();
        let mut desk = Desk {
            date: self.date(),
            rest: &mut self.rest,
            world: &self.world,
            account: &self.scenario.account,
            now,
            now_us: self.clock.server_us(),
            notes: Vec::new(),
        };
        let reply = desk.answer(request);
        let notes = desk.notes;
        for (event, fields) in notes {
            self.note(event, fields);
        }
        let Counts { calls, credits, served } = self.rest.counts();
        (self.totals.calls, self.totals.credits, self.totals.served) = (calls, credits, served);
        self.report_rest();
        self.director.reach(Counted::Jobs, self.rest.prepared(), None, now);
        self.run_due(now);
        self.bells.timeline.notify_one();
        reply
    }

    /// Journals what has changed by itself.
    pub(super) fn report_rest(&mut self) {
        for (event, fields) in self.rest.news(instant()) {
            self.note(event, fields);
        }
    }

    pub(in crate::simulator) fn is_rest_listening(&self) -> bool {
        self.rest.is_listening() && !self.stopping
    }

    pub(super) fn cue_rest(&mut self, action: &RestAction) {
        if let Err(what) = self.rest.perform(action, instant()) {
            self.note("trouble", json!({"what": what, "do": action}));
        }
        self.report_rest();
        self.bells.rest_door.notify_one();
    }
}
