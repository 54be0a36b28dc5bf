//! A daemon that may end at any moment: the scene goes on with the next one.

use super::{Daemon, Scene, diary};
use rustix::process::Signal;
use serde_json::Value;
use std::ops::Range;

impl Scene {
    /// Waits until the daemon says this; nothing if it ends before.
    pub(crate) fn heard(&mut self, notice: &str) -> Option<Value> {
        self.daemon().hear(|said| said["notice"] == notice)
    }

    /// Puts these streams of the world into the list and has the daemon reload, which it may not live to see. The
    /// change takes effect now or with the next [`Scene::revive`].
    pub(crate) fn relist(&mut self, places: Range<usize>) -> Option<Value> {
        self.listed = places.collect();
        self.write_list();
        self.daemon().signal(Signal::HUP);
        self.heard("reloaded")
    }

    /// Waits for the end of a daemon that ends by itself or by another's hand; its exit code, and all that it said.
    pub(crate) fn buried(&mut self) -> (Option<i32>, String) {
        self.daemon.take().unwrap().end()
    }

    /// Starts the next daemon. Whatever was changed in the list since `since_us` takes effect at the latest now.
    pub(crate) fn revive(&mut self, since_us: i64) {
        assert!(self.daemon.is_none(), "the daemon runs already");
        self.daemon = Some(Daemon::spawn(self.siftd("run"), &self.path("daemon.log")));
        self.until("started");
        self.diary.launched(since_us, self.listed.iter().filter_map(|place| self.streams.get(*place)));
    }

    /// The machine's clock, in microseconds since 1970.
    pub(crate) fn clock() -> i64 {
        diary::now()
    }
}
