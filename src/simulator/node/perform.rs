//! What each cue does.

use super::director::Due;
use super::outbox::Parcel;
use super::{By, Node, garbage};
use crate::simulator::clock::instant;
use crate::simulator::cue::{
    Action, Burst, Change, Close, Craft, Cue, Deletes, Fragments, Garbage, GarbageKind, Giant, How, Repeats, Say,
    StopListening, Ticks, When,
};
use crate::simulator::message;
use crate::simulator::scenario::{Behaviour, Pick};
use crate::simulator::wire;
use crate::simulator::world::{Happening, Kind, Name};
use serde_json::json;
use tokio_tungstenite::tungstenite::Bytes;

impl Node {
    /// Fires a cue, and says in the journal that it did and whom it met.
    pub(super) fn fire(&mut self, due: &Due) {
        let targets = self.targets(due);
        let action = &due.cue.action;
        if action.stream().is_some_and(|pick| self.world.place(pick).is_none()) {
            return self
                .note("trouble", json!({"what": "the cue names a stream that the world does not have", "do": action}));
        }
        self.totals.cues += 1;
        let name = due.cue.name.as_deref().unwrap_or(action.name());
        self.note("cue", json!({"name": name, "do": action, "connections": targets}));
        self.perform(action, &targets);
        self.bells.timeline.notify_one();
    }

    /// The connections that a cue is meant for.
    fn targets(&self, due: &Due) -> Vec<u64> {
        let only = due.cue.connection.or(due.connection);
        let open = self.lines.iter().filter(|(id, line)| {
            only.is_none_or(|only| only == **id) && line.ending.is_none_or(|ending| ending.how == How::HalfOpen)
        });
        open.map(|(id, _)| *id).collect()
    }

    fn perform(&mut self, action: &Action, targets: &[u64]) {
        match action {
            Action::Say(say) => self.cue_say(say, targets),
            Action::Close(close) => self.cue_close(close, targets),
            Action::Stall(stall) => {
                let now = instant();
                self.each(targets, |line| line.stall(stall.what, stall.lasts, now));
            }
            Action::Garbage(garbage) => self.cue_garbage(garbage, targets),
            Action::Raw(raw) => {
                let bytes = Bytes::from(wire::unhex(&raw.hex).unwrap_or_default());
                self.put_raw(&bytes, targets);
            }
            Action::Claim(claim) => self.cue_claim(claim.bytes.parse().unwrap_or(u64::MAX), targets),
            Action::Pings(pings) => {
                let ping = wire::ping(b"ping flood");
                for _ in 0..pings.count {
                    self.put_raw(&ping, targets);
                }
            }
            Action::Giant(giant) => self.cue_giant(giant),
            Action::Fragments(fragments) => self.cue_fragments(fragments),
            Action::Burst(burst) => self.cue_burst(burst),
            Action::Deletes(deletes) => self.cue_deletes(deletes),
            Action::Repeats(repeats) => self.cue_repeats(repeats),
            Action::Craft(craft) => self.cue_craft(craft),
            Action::Disable(change) => self.cue_change(change, Behaviour::Disabled),
            Action::Invalidate(change) => self.cue_change(change, Behaviour::Invalid),
            Action::Restore(change) => self.cue_change(change, Behaviour::Fine),
            Action::Refuse(_)
            | Action::SlowHandshake(_)
            | Action::StopListening(_)
            | Action::Listen
            | Action::Limit(_)
            | Action::Rate(_)
            | Action::Clock(_)
            | Action::Ticks(_)
            | Action::Lag(_)
            | Action::Answers(_)
            | Action::Rest(_)
            | Action::Account(_)
            | Action::Exit => self.set(action, targets),
        }
    }

    /// The cues that change how the node behaves from now on.
    fn set(&mut self, action: &Action, targets: &[u64]) {
        match action {
            Action::Refuse(refuse) => self.refusals.push_back(refuse.clone()),
            Action::SlowHandshake(slow) => self.slow_handshakes = Some(slow.clone()),
            Action::StopListening(stop) => self.cue_stop_listening(stop),
            Action::Listen => {
                self.listening = !self.stopping;
                self.bells.door.notify_one();
            }
            Action::Limit(limit) => self.scenario.node.max_subscriptions = limit.subscriptions,
            Action::Rate(rate) => {
                self.scenario.world.rate = *rate;
                self.bells.room.notify_one();
            }
            Action::Clock(clock) => self.clock.skew(clock.skew),
            Action::Ticks(ticks) => self.cue_ticks(ticks, targets),
            Action::Lag(lag) => self.scenario.node.lag = lag.hold,
            Action::Answers(answers) => self.scenario.answers = answers.clone(),
            Action::Rest(action) => self.cue_rest(action),
            Action::Account(account) => self.scenario.account = account.clone(),
            Action::Exit => self.stopping = true,
            Action::Say(_)
            | Action::Close(_)
            | Action::Stall(_)
            | Action::Garbage(_)
            | Action::Raw(_)
            | Action::Giant(_)
            | Action::Claim(_)
            | Action::Fragments(_)
            | Action::Pings(_)
            | Action::Disable(_)
            | Action::Invalidate(_)
            | Action::Restore(_)
            | Action::Burst(_)
            | Action::Deletes(_)
            | Action::Repeats(_)
            | Action::Craft(_) => {}
        }
    }

    fn each(&mut self, targets: &[u64], mut act: impl FnMut(&mut super::line::Line)) {
        for id in targets {
            if let Some(line) = self.lines.get_mut(id) {
                act(line);
            }
        }
    }

    fn cue_say(&mut self, say: &Say, targets: &[u64]) {
        let named = say.message.as_deref().and_then(message::named);
        let template = say.text.as_deref().or(named).unwrap_or_default();
        let place = say.stream.as_ref().and_then(|pick| self.world.place(pick)).unwrap_or(0);
        let hash = match (&say.stream, self.world.channel(place)) {
            (Some(Pick::Hash(hash)), _) => hash.clone(),
            (_, Some(channel)) => channel.hash().to_owned(),
            (_, None) => String::new(),
        };
        let text = template.replace("<HASH>", &hash);
        for id in targets {
            for _ in 0..say.copies {
                self.say(*id, &text);
            }
        }
    }

    fn cue_close(&mut self, close: &Close, targets: &[u64]) {
        for id in targets {
            self.end(*id, close, By::Server("cue"), None);
        }
    }

    fn put_raw(&mut self, bytes: &Bytes, targets: &[u64]) {
        let behind = self.behind(instant());
        self.each(targets, |line| {
            if line.ending.is_none() {
                line.push(Parcel::control(bytes.clone()), behind);
            }
        });
    }

    fn cue_garbage(&mut self, garbage: &Garbage, targets: &[u64]) {
        for _ in 0..garbage.copies {
            match garbage::bytes(garbage.kind, &mut self.rng) {
                Some(bytes) => self.put_raw(&bytes, targets),
                None if garbage.kind == GarbageKind::NoId => self.nameless(),
                None => self.pair(garbage.kind),
            }
        }
    }

    /// Two interactions for one stream in one frame; the journal knows both, and the second carries the frame.
    fn pair(&mut self, kind: GarbageKind) {
        let now_us = self.clock.server_us();
        let Some(first) = self.world.interaction(now_us, Some(0)) else { return };
        let Some(second) = self.world.interaction(now_us, Some(0)) else { return };
        let bodies: Vec<Bytes> = [&first, &second]
            .iter()
            .flat_map(|happening| &happening.copies)
            .map(|(_, framed)| wire::payload(&framed.frame))
            .collect();
        let both = bodies.join(if kind == GarbageKind::Array { b",".as_slice() } else { b"\n".as_slice() });
        let both = if kind == GarbageKind::Array { [b"[".as_slice(), &both, b"]"].concat() } else { both };
        self.carry(&first, &Bytes::new());
        self.carry(&second, &wire::text(&both));
    }

    /// An interaction without an id.
    fn nameless(&mut self) {
        let now_us = self.clock.server_us();
        let Some(happening) = self.world.sized(now_us, Some(0), 500) else { return };
        let Some((place, framed)) = happening.copies.first() else { return };
        let named = String::from_utf8_lossy(&framed.data);
        let id = happening.id.as_ref().map(|id| format!(r#""id":"{}","#, id.as_str())).unwrap_or_default();
        let data = named.replace(&id, "");
        let hash = self.world.channel(*place).map(|channel| channel.hash().to_owned()).unwrap_or_default();
        let frame = wire::text(format!(r#"{{"hash":"{hash}","data":{data}}}"#).as_bytes());
        let framed = crate::simulator::world::Framed { frame, data: Bytes::from(data) };
        let copies = vec![(*place, framed)];
        self.produce(&Happening { id: None, copies, ..happening });
    }

    /// Journals a happening whose bytes on the wire are others than its own frame.
    fn carry(&mut self, happening: &Happening, bytes: &Bytes) {
        for (place, framed) in &happening.copies {
            self.route(happening, *place, framed, bytes);
        }
    }

    fn cue_claim(&mut self, bytes: u64, targets: &[u64]) {
        let now = instant();
        let header = wire::claim(bytes);
        // Whatever followed the header would be read as part of the frame.
        self.each(targets, |line| line.push_last(Parcel::control(header.clone()), now));
    }

    fn cue_giant(&mut self, giant: &Giant) {
        let place = self.pick(giant.stream.as_ref());
        if let Some(happening) = self.world.sized(self.clock.server_us(), place, giant.bytes.0) {
            self.produce(&happening);
        }
    }

    fn cue_fragments(&mut self, fragments: &Fragments) {
        let place = self.pick(fragments.stream.as_ref());
        let Some(happening) = self.world.interaction(self.clock.server_us(), place) else { return };
        for (place, framed) in &happening.copies {
            let pieces = wire::fragments(&wire::payload(&framed.frame), fragments.pieces, fragments.pings);
            self.route(&happening, *place, framed, &pieces);
        }
    }

    fn pick(&self, pick: Option<&Pick>) -> Option<usize> {
        pick.and_then(|pick| self.world.place(pick))
    }

    fn cue_burst(&mut self, burst: &Burst) {
        let place = self.pick(burst.stream.as_ref());
        for _ in 0..burst.messages {
            if let Some(happening) = self.world.interaction(self.clock.server_us(), place) {
                self.produce(&happening);
            }
        }
    }

    fn cue_deletes(&mut self, deletes: &Deletes) {
        for _ in 0..deletes.count {
            if let Some(happening) = self.world.delete(self.clock.server_us(), deletes.early) {
                self.produce(&happening);
            }
        }
    }

    fn cue_repeats(&mut self, repeats: &Repeats) {
        for _ in 0..repeats.count {
            if let Some(happening) = self.world.repeat(repeats.altered) {
                self.produce(&happening);
            }
        }
    }

    fn cue_craft(&mut self, craft: &Craft) {
        let place = self.pick(craft.stream.as_ref()).unwrap_or(0);
        let kind = if craft.delete { Kind::Delete } else { Kind::Interaction };
        let id = craft.id.as_deref().map(|id| Name::Given(id.into()));
        let data = Bytes::from(craft.data.clone());
        if let Some(happening) =
            self.world.crafted(self.clock.server_us(), place, kind, id, (data, craft.frame.as_deref()))
        {
            self.produce(&happening);
        }
    }

    /// A stream changes; who was subscribed is so no longer, and is told.
    fn cue_change(&mut self, change: &Change, behaviour: Behaviour) {
        let Some(place) = self.world.place(&change.stream) else { return };
        self.world.behave(place, behaviour);
        if behaviour == Behaviour::Fine {
            return;
        }
        let message = if behaviour == Behaviour::Disabled { "stream-disabled" } else { "invalid-hash" };
        let hash = self.world.channel(place).map(|channel| channel.hash().to_owned()).unwrap_or_default();
        let subscribers: Vec<u64> =
            self.lines.iter_mut().filter_map(|(id, line)| line.subscribed.remove(&place).then_some(*id)).collect();
        for id in subscribers {
            self.note("unsubscribed", json!({"connection": id, "stream": hash, "by": "server"}));
            if change.tell {
                self.refuse_stream(id, &hash, message);
            }
        }
    }

    fn cue_stop_listening(&mut self, stop: &StopListening) {
        self.listening = false;
        self.bells.door.notify_one();
        if let Some(lasts) = stop.lasts {
            let when = When { delay: lasts, ..When::default() };
            let cue = Cue { when, name: Some("listen again".to_owned()), ..Cue::from(Action::Listen) };
            self.director.arm(cue, instant());
        }
    }

    fn cue_ticks(&mut self, ticks: &Ticks, targets: &[u64]) {
        let node = &mut self.scenario.node;
        node.tick_every = ticks.every.unwrap_or(node.tick_every);
        node.tick_skew = ticks.skew.unwrap_or(node.tick_skew);
        if let Some(value) = &ticks.value {
            node.tick_value = Some(value.clone()).filter(|value| !value.is_empty());
        }
        let now = instant();
        for id in targets {
            if ticks.now && self.lines.get(id).is_some_and(|line| line.ending.is_none()) {
                self.tick(*id, now);
            }
        }
        self.each(targets, |line| line.wake());
    }
}
