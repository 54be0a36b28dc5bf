//! What is played, and when: the server's troubles, the operator's deeds and one murder.

use std::time::Duration;

use crate::record::DaemonState::{self, Draining, Live, PausedBilling};

/// One thing that is done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Deed {
    /// The server does this; a cue as `siftd simulate --control stdin` takes it.
    Cue(&'static str),
    /// SIGHUP to the daemon: the operator has bought credits.
    Reload,
    /// SIGKILL to the daemon.
    Kill,
    /// The daemon is started again.
    Start,
    /// The operator has the gaps filled; the show waits until they are.
    Fill,
    /// The curtain.
    End,
}

/// What happens at one time, and what a viewer is told.
#[derive(Debug)]
pub(super) struct Scene {
    /// In thousandths of the show.
    at: u32,
    pub(super) says: &'static str,
    /// The states in which the daemon must be for it; any if there is none.
    needs: &'static [DaemonState],
    pub(super) deeds: &'static [Deed],
}

const UP: &[DaemonState] = &[Live, Draining];

/// The show, in its order.
pub(super) const STORY: &[Scene] = &[
    Scene {
        at: 0,
        says: "all streams are answered: one hash is invalid, one stream is disabled",
        needs: UP,
        deeds: &[],
    },
    Scene {
        at: 120,
        says: "the server disables a stream that was running",
        needs: UP,
        deeds: &[Deed::Cue(r#"{"name":"a stream is disabled","do":{"disable":{"stream":42}}}"#)],
    },
    Scene {
        at: 340,
        says: "the node announces maintenance and closes",
        needs: UP,
        deeds: &[
            Deed::Cue(r#"{"name":"maintenance announced","do":{"say":{"message":"maintenance"}}}"#),
            Deed::Cue(
                r#"{"name":"the node closes","connection":1,"when":{"delay":"300ms"},"do":{"close":{"code":1001,"reason":"maintenance"}}}"#,
            ),
        ],
    },
    Scene {
        at: 460,
        says: "the network is cut for half a second",
        needs: UP,
        deeds: &[
            Deed::Cue(r#"{"name":"the network stays cut","do":{"stop_listening":{"lasts":"500ms"}}}"#),
            Deed::Cue(r#"{"name":"the network is cut","do":{"close":{"how":"reset"}}}"#),
        ],
    },
    Scene {
        at: 580,
        says: "the server warns: you are consuming data too slowly",
        needs: UP,
        deeds: &[Deed::Cue(r#"{"name":"slow-consumer warning","do":{"say":{"message":"slow-warning"}}}"#)],
    },
    Scene {
        at: 640,
        says: "the credits run out",
        needs: UP,
        deeds: &[Deed::Cue(r#"{"name":"the credits run out","do":{"say":{"message":"insufficient-credits"}}}"#)],
    },
    Scene {
        at: 700,
        says: "the operator buys credits and runs `siftd reload`",
        needs: &[PausedBilling],
        deeds: &[Deed::Reload],
    },
    Scene { at: 780, says: "kill -9: the daemon dies without a word", needs: UP, deeds: &[Deed::Kill] },
    Scene { at: 811, says: "the daemon is started again", needs: &[], deeds: &[Deed::Start] },
    Scene {
        at: 940,
        says: "the world falls silent",
        needs: UP,
        deeds: &[Deed::Cue(r#"{"name":"the world falls silent","do":{"rate":0}}"#)],
    },
    Scene {
        at: 1000,
        says: "the operator runs `siftd backfill`: the gaps are filled from the server's archive",
        needs: UP,
        deeds: &[Deed::Fill],
    },
    Scene { at: 1000, says: "the daemon and the server are stopped", needs: UP, deeds: &[Deed::End] },
];

/// How far the show has come. Its time stands still while the daemon is not yet where the next scene needs it: on a
/// slow machine the show takes longer, but nothing of it falls under the table.
#[derive(Debug)]
pub(super) struct Story {
    length: Duration,
    played: Duration,
    held: Duration,
    next: usize,
}

impl Story {
    pub(super) fn new(length: Duration) -> Self {
        Self { length, played: Duration::ZERO, held: Duration::ZERO, next: 0 }
    }

    /// Lets time pass; gives the scene that is due, if the daemon is in a state for it.
    pub(super) fn pass(&mut self, time: Duration, state: Option<&str>) -> Option<&'static Scene> {
        let scene = STORY.get(self.next)?;
        let due = self.length.saturating_mul(scene.at) / 1000;
        self.played = self.played.saturating_add(time);
        if self.played < due {
            return None;
        }
        let ready = scene.needs.is_empty() || scene.needs.iter().any(|need| state == Some(need.word()));
        if !ready {
            self.played = due;
            self.held = self.held.saturating_add(time);
            return None;
        }
        self.held = Duration::ZERO;
        self.next += 1;
        Some(scene)
    }

    /// How long the next scene has waited for the daemon, and for which state.
    pub(super) fn held(&self) -> (Duration, String) {
        let needs = STORY.get(self.next).map(|scene| scene.needs).unwrap_or_default();
        let states: Vec<_> = needs.iter().map(|state| state.word()).collect();
        (self.held, states.join(" or "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::Cue;

    #[test]
    fn the_scenes_are_in_order_and_the_server_understands_its_cues() {
        assert!(STORY.is_sorted_by_key(|scene| scene.at));
        for deed in STORY.iter().flat_map(|scene| scene.deeds) {
            if let Deed::Cue(cue) = deed {
                Cue::parse(cue).unwrap();
            }
        }
        assert_eq!(STORY.last().unwrap().deeds, [Deed::End]);
    }

    #[test]
    fn a_scene_waits_for_the_daemon_and_the_rest_waits_with_it() {
        let mut story = Story::new(Duration::from_secs(100));
        let second = Duration::from_secs(1);
        assert!(story.pass(second, Some("subscribing")).is_none());
        assert_eq!(story.held(), (second, "live or draining".to_owned()));
        assert!(story.pass(second, Some("live")).is_some());
        let until_next = (1..200).find(|_| story.pass(second, Some("live")).is_some());
        assert_eq!(until_next, Some(11), "the second scene comes at 12 s; one second of them had passed");
    }
}
