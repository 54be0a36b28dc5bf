//! Every way in which a server can answer for three streams, six events deep: whatever it names or keeps to itself, in
//! the end exactly what it serves is taken to be served.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use siftd::coverage::Cause;
use siftd::decide::{Action, Input, Policy, Session, Standing, Start};
use siftd::record::{ConnectionId, Record, StreamId};
use siftd::signal::{Class, Signal, Status};
use siftd::time::Time;

use crate::session::script;

const STREAMS: u32 = 3;
const DEEP: usize = 6;

/// What the server does next.
#[derive(Clone, Copy, Debug)]
enum Move {
    /// Serves the oldest request and says so.
    Serve,
    /// Refuses the oldest request, by name or without.
    Refuse,
    RefuseUnnamed,
    /// Switches a stream off that it serves, and says so without its name.
    SwitchOff,
    /// Serves all requests without a word; the patience for an answer ends.
    KeepQuiet,
}

const MOVES: [Move; 5] = [Move::Serve, Move::Refuse, Move::RefuseUnnamed, Move::SwitchOff, Move::KeepQuiet];

struct Play {
    session: Session,
    now: Time,
    /// Requests that have no answer, oldest first.
    asked: VecDeque<String>,
    served: BTreeSet<String>,
    /// Streams that are taken to be covered.
    covered: BTreeSet<StreamId>,
    dialing: bool,
    /// Whether acknowledgements name their stream.
    names: bool,
}

impl Play {
    fn new(window: usize, names: bool) -> Self {
        let now = Time::from_seconds(1_311_694_603);
        let policy = Policy { subscribe_window: window, ..script::policy() };
        let start =
            |id| Start { id: StreamId(id), name: name(id), wanted: now, standing: Standing::Gap(Cause::Network) };
        let session = Session::new(policy, (0..STREAMS).map(start).collect(), ConnectionId(0), now, 1);
        let (asked, served, covered) = (VecDeque::new(), BTreeSet::new(), BTreeSet::new());
        let mut play = Self { session, now, asked, served, covered, dialing: false, names };
        play.feed(Input::Start);
        play.open();
        play
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "only these change what is claimed and what the server has heard"
    )]
    fn feed(&mut self, input: Input<'_>) {
        let mut actions = Vec::new();
        self.session.handle(self.now, input, &mut actions);
        for action in actions {
            match action {
                Action::Dial => self.dialing = true,
                Action::HangUp => {
                    self.asked.clear();
                    self.served.clear();
                }
                Action::Subscribe(stream) => self.asked.push_back(stream),
                Action::Record(Record::Covered { stream, .. }) => assert!(self.covered.insert(stream), "covered twice"),
                Action::Record(Record::Gap { stream, .. }) => _ = self.covered.remove(&stream),
                _ => {}
            }
        }
    }

    fn open(&mut self) {
        if std::mem::take(&mut self.dialing) {
            self.feed(Input::Opened { sent: self.now, told: None, shown: String::new() });
        }
    }

    fn say(&mut self, class: Class, stream: Option<String>) {
        self.now = self.now.after(Duration::from_millis(10));
        self.feed(Input::Frame(10));
        let status = Status { class, streams: stream.into_iter().collect(), text: "so".into() };
        self.feed(Input::Signal(Signal::Status(status)));
        self.open();
    }

    /// Lets time pass, meeting every deadline.
    fn pass(&mut self, span: Duration) {
        let end = self.now.after(span);
        while self.session.deadline() <= end {
            self.now = self.now.max(self.session.deadline());
            self.feed(Input::Deadline);
            self.open();
        }
        self.now = end;
    }

    fn make(&mut self, one: Move) {
        match one {
            Move::Serve => {
                let Some(stream) = self.asked.pop_front() else { return };
                self.served.insert(stream.clone());
                self.say(Class::Acknowledged, Some(stream).filter(|_| self.names));
            }
            Move::Refuse | Move::RefuseUnnamed => {
                let Some(stream) = self.asked.pop_front() else { return };
                self.served.remove(&stream);
                self.say(Class::StreamTrouble, Some(stream).filter(|_| matches!(one, Move::Refuse)));
            }
            Move::SwitchOff => {
                if self.served.pop_first().is_some() {
                    self.say(Class::StreamTrouble, None);
                }
            }
            Move::KeepQuiet => {
                self.served.extend(self.asked.drain(..));
                self.pass(Duration::from_secs(11));
            }
        }
    }

    /// From now on the server serves whatever it is asked for, and says so by name.
    fn heal(&mut self) {
        for _ in 0..40 {
            while let Some(stream) = self.asked.pop_front() {
                self.served.insert(stream.clone());
                self.say(Class::Acknowledged, Some(stream).filter(|_| self.names));
            }
            self.pass(Duration::from_secs(5));
            self.feed(Input::Frame(2));
        }
    }
}

fn name(id: u32) -> String {
    script::hash(["a", "b", "c"].get(usize::try_from(id).unwrap()).unwrap())
}

fn check(window: usize, names: bool) {
    let all: BTreeSet<u32> = (0..STREAMS).collect();
    for number in 0..MOVES.len().pow(u32::try_from(DEEP).unwrap()) {
        let digits = (0..DEEP).scan(number, |rest, _| {
            let digit = *rest % MOVES.len();
            *rest /= MOVES.len();
            Some(digit)
        });
        let moves: Vec<Move> = digits.map(|digit| *MOVES.get(digit).unwrap()).collect();
        let mut play = Play::new(window, names);
        for one in &moves {
            play.make(*one);
        }
        play.heal();
        let covered: BTreeSet<u32> = play.covered.iter().map(|stream| stream.0).collect();
        let served: BTreeSet<u32> = all.iter().copied().filter(|id| play.served.contains(&name(*id))).collect();
        // A server that keeps both names and answers to itself cannot be understood, only survived.
        let quiet = moves.iter().any(|one| matches!(one, Move::KeepQuiet));
        let nameless = !names || moves.iter().any(|one| matches!(one, Move::RefuseUnnamed | Move::SwitchOff));
        // Nor one whose refusals are named now and then, and its acknowledgements never.
        let named = moves.iter().any(|one| matches!(one, Move::Refuse));
        let understood = !(quiet && nameless || named && !names);
        if understood {
            assert!(covered.is_subset(&served), "window {window}, {moves:?}: {covered:?} claimed, {served:?} served");
            assert_eq!(covered, all, "window {window}, {moves:?}: not everything is served again");
        }
    }
}

#[test]
fn in_the_end_what_is_served_is_what_is_taken_to_be_served() {
    check(1, true);
    check(3, true);
}

#[test]
fn and_so_it_is_where_acknowledgements_name_nobody() {
    check(1, false);
    check(3, false);
}
