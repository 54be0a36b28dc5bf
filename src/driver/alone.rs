//! Fills gaps while no daemon runs: the same healer and the same writer, without a live connection.

use std::future::Future;

use super::Heal;
use crate::archive::{Event, Events, FinishError, Intake};
use crate::exit::Exit;
use crate::host::clock::Clock;
use crate::limits::DRAIN_AT_STOP_MAX;
use crate::notice::Notice;
use crate::record::Record;

/// Everything that acts.
pub struct Alone {
    pub heal: Heal,
    pub intake: Intake,
    pub events: Events,
    pub clock: Clock,
    /// What there is to say before anything else.
    pub first: Vec<Notice>,
}

/// How it ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Filled {
    /// Everything that could be done now is done.
    Done,
    /// It was told to stop: jobs that run are found again.
    Stopped,
    /// The server's archive refuses us, with these words.
    Refused(String),
}

/// The archive cannot be written any more.
#[derive(Debug)]
pub struct WriteError {
    pub exit: Exit,
    pub detail: String,
}

impl Alone {
    /// Fills until nothing is left to do, the server refuses us, or `stop` comes. What was fetched is committed then.
    ///
    /// # Errors
    /// If the archive cannot be written.
    pub async fn run(mut self, stop: impl Future<Output = ()>) -> Result<Filled, WriteError> {
        for notice in std::mem::take(&mut self.first) {
            self.say(notice).await;
        }
        tokio::pin!(stop);
        let filled = loop {
            tokio::select! {
                biased;
                () = &mut stop => break Filled::Stopped,
                event = self.events.next() => self.on_event(event).await?,
                said = self.heal.said() => match said {
                    None => break Filled::Done,
                    Some(Notice::BackfillPaused { text }) => {
                        let words = text.to_string();
                        self.say(Notice::BackfillPaused { text }).await;
                        break Filled::Refused(words);
                    }
                    Some(notice) => self.say(notice).await,
                },
            }
        };
        self.heal.stop();
        match self.intake.finish(DRAIN_AT_STOP_MAX).await {
            Ok(()) => Ok(filled),
            Err(error @ (FinishError::Failing(_) | FinishError::Stuck)) => {
                Err(WriteError { exit: Exit::Storage, detail: error.to_string() })
            }
            Err(error @ FinishError::Gone) => Err(WriteError { exit: Exit::Bug, detail: error.to_string() }),
        }
    }

    /// Writes a notice down; whoever shows the progress reads it there.
    async fn say(&self, notice: Notice) {
        let mut batch = self.intake.batch();
        batch.record(Record::Said { at: self.clock.now(), connection: None, notice });
        while let Err(stuck) = self.intake.try_send(batch) {
            self.intake.room(stuck.weight()).await;
            batch = stuck;
        }
    }

    async fn on_event(&self, event: Option<Event>) -> Result<(), WriteError> {
        let end = |exit, detail| Err(WriteError { exit, detail });
        match event {
            Some(Event::Failing { full: true, detail }) => self.say(Notice::StorageFull { detail }).await,
            Some(Event::Failing { full: false, detail }) => self.say(Notice::StorageTrouble { detail }).await,
            Some(Event::Recovered { after }) => {
                self.say(Notice::StorageRecovered { seconds: after.as_secs_f64() }).await;
            }
            Some(Event::LogHeldBack { bytes }) => self.say(Notice::LogHeldBack { wal_bytes: bytes }).await,
            // Whoever only fills gaps removes nothing.
            Some(Event::Pruned { .. } | Event::PruningBehind { .. }) => {}
            Some(Event::Damaged { detail }) => return end(Exit::Damaged, detail),
            Some(Event::Broken { detail }) => return end(Exit::Bug, detail),
            None => return end(Exit::Bug, "the archive's writer has ended".to_owned()),
        }
        Ok(())
    }
}
