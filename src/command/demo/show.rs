//! The show itself: lets time pass, does what the story says, and looks at what comes of it.

use std::time::Duration;

use rustix::process::Signal;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::Args;
use super::children::{Child, Simulator};
use super::failure::Failure;
use super::folder::Folder;
use super::screen::Screen;
use super::story::{Deed, Story};
use super::view::View;
use crate::command::figures;
use crate::host::clock::Clock;
use crate::host::signals::{Request, Requests};
use crate::record::DaemonState;
use crate::time::Time;

/// How often the story goes on.
const BEAT: Duration = Duration::from_millis(50);
/// How often the view is renewed.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long the daemon may take to be where the story needs it.
const HELD_MAX: Duration = Duration::from_mins(1);

/// So long the gaps may take to be filled, on a slow machine.
const FILL_MAX: Duration = Duration::from_mins(10);

/// How the show came to its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Ended {
    Played,
    /// By Ctrl-C or SIGTERM.
    Interrupted,
}

/// A show that runs.
pub(super) struct Show<'a> {
    folder: &'a Folder,
    clock: Clock,
    opened: Time,
    screen: Screen,
    view: View,
    looked: Time,
    story: Story,
    simulator: Simulator,
    daemon: Option<Child>,
    /// Has the gaps filled, and since when.
    filler: Option<(Child, Time)>,
}

impl<'a> Show<'a> {
    /// Starts the server, writes the settings, starts the daemon.
    pub(super) async fn open(
        args: &Args,
        folder: &'a Folder,
        clock: Clock,
        mut screen: Screen,
    ) -> Result<Self, Failure> {
        let simulator = Simulator::start(args, folder).await?;
        let opened = clock.now();
        folder.furnish(simulator.url(), simulator.rest_url(), simulator.streams(), opened)?;
        let (streams, rate) = (figures::count(args.streams.into()), figures::count(args.rate.into()));
        screen.announce(
            Duration::ZERO,
            &format!(
                "{streams} streams, {rate} interactions a second, from {} to {}",
                simulator.url(),
                folder.path().display()
            ),
        )?;
        let daemon = Some(Child::daemon(folder)?);
        let (view, story) = (View::of(folder.archive(), opened), Story::new(args.length()));
        Ok(Self { folder, clock, opened, screen, view, looked: opened, story, simulator, daemon, filler: None })
    }

    /// Plays to the end, or until a signal; both processes have ended in order then.
    pub(super) async fn play(mut self, mut requests: Requests) -> Result<Ended, Failure> {
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let ended = tokio::select! {
            biased;
            () = stop_asked(&mut requests) => Ended::Interrupted,
            played = self.run(&mut beat) => played.map(|()| Ended::Played)?,
        };
        if ended == Ended::Played {
            self.settle(&mut beat).await?;
        }
        self.screen.finish();
        let stopped = self.stop().await;
        match ended {
            Ended::Played => stopped.map(|()| ended),
            // A process that had only just been started may not know yet how to end in order.
            Ended::Interrupted => Ok(ended),
        }
    }

    /// Ends both processes in order, the daemon first.
    async fn stop(self) -> Result<(), Failure> {
        if let Some(daemon) = self.daemon {
            daemon.stop().await?;
        }
        self.simulator.stop().await
    }

    async fn run(&mut self, beat: &mut Interval) -> Result<(), Failure> {
        let mut before = self.clock.now();
        loop {
            beat.tick().await;
            let now = self.clock.now();
            self.look(now)?;
            if self.is_filling()? {
                before = now;
                continue;
            }
            let state = self.state();
            let scene = self.story.pass(now.since(before), state.as_deref());
            before = now;
            let Some(scene) = scene else {
                self.hold()?;
                continue;
            };
            self.screen.announce(now.since(self.opened), scene.says)?;
            for deed in scene.deeds {
                if self.perform(*deed).await? {
                    return Ok(());
                }
            }
        }
    }

    /// Does one deed; says whether it was the last.
    async fn perform(&mut self, deed: Deed) -> Result<bool, Failure> {
        match deed {
            Deed::Cue(cue) => self.simulator.cue(cue).await?,
            Deed::Reload => {
                if let Some(daemon) = &self.daemon {
                    daemon.signal(Signal::HUP)?;
                }
            }
            Deed::Kill => {
                if let Some(daemon) = self.daemon.take() {
                    daemon.kill().await?;
                }
            }
            Deed::Fill => self.filler = Some((Child::backfill(self.folder)?, self.clock.now())),
            Deed::Start => self.daemon = Some(Child::daemon(self.folder)?),
            Deed::End => return Ok(true),
        }
        Ok(false)
    }

    /// Whether gaps are being filled. What was too young for the server's archive is asked for once more.
    fn is_filling(&mut self) -> Result<bool, Failure> {
        let Some((child, since)) = &mut self.filler else { return Ok(false) };
        let (now, since) = (self.clock.now(), *since);
        if now.since(since) > FILL_MAX {
            // The audit will say what is not filled.
            self.filler = None;
        } else if child.is_done()? {
            let again = self.view.look(now).gaps_waiting > 0;
            self.filler = if again { Some((Child::backfill(self.folder)?, since)) } else { None };
        }
        Ok(self.filler.is_some())
    }

    /// The daemon's state by its own word.
    fn state(&mut self) -> Option<String> {
        let pid = self.daemon.as_ref()?.pid();
        self.view.state(pid)
    }

    /// The story waits for the daemon, but not for ever; and both processes must be there.
    fn hold(&mut self) -> Result<(), Failure> {
        self.simulator.must_live()?;
        let Some(daemon) = &mut self.daemon else { return Ok(()) };
        daemon.must_live()?;
        let (held, states) = self.story.held();
        if held < HELD_MAX { Ok(()) } else { Err(daemon.late(&format!("become {states}"), held)) }
    }

    fn look(&mut self, now: Time) -> Result<(), Failure> {
        if now.since(self.looked) < LOOK_EVERY {
            return Ok(());
        }
        self.looked = now;
        let state = match &self.daemon {
            None => "dead".to_owned(),
            Some(_) => self.state().unwrap_or_else(|| DaemonState::Starting.word().to_owned()),
        };
        let picture = self.view.look(now);
        Ok(self.screen.show(now.since(self.opened), &state, picture)?)
    }

    /// Waits until the daemon has stored what still came: until a look finds no more than the one before.
    async fn settle(&mut self, beat: &mut Interval) -> Result<(), Failure> {
        let mut stored = None;
        while stored != Some(self.view.picture().stored) {
            stored = Some(self.view.picture().stored);
            let looked = self.looked;
            while self.looked == looked {
                beat.tick().await;
                self.hold()?;
                self.look(self.clock.now())?;
            }
        }
        Ok(())
    }
}

/// Waits for Ctrl-C or SIGTERM; the other signals of a daemon mean nothing here.
async fn stop_asked(requests: &mut Requests) {
    while !matches!(requests.next().await, Request::Stop(_)) {}
}
