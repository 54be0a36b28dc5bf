//! What holds a daemon before its first instruction until somebody watches it.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::tracer::Tracer;
use crate::scene::Scene;

/// A pipe from which a shell waits for a word before it becomes the daemon. Where there is no pipe it does not wait.
pub(crate) struct Gate {
    folder: TempDir,
}

impl Default for Gate {
    fn default() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }
}

impl Gate {
    fn pipe(&self) -> PathBuf {
        self.folder.path().join("gate")
    }

    /// For `sh -c`; the daemon and its arguments follow.
    pub(crate) fn script(&self) -> String {
        format!("if [ -p {0} ]; then read go < {0}; fi; exec \"$@\"", self.pipe().display())
    }

    /// Starts the scene's daemon, watched from its first instruction on.
    pub(crate) fn launch(&self, scene: &mut Scene, end_at: Option<usize>) -> Tracer {
        rustix::fs::mkfifoat(rustix::fs::CWD, self.pipe(), rustix::fs::Mode::RWXU).unwrap();
        scene.launch();
        let folder = scene.archive().parent().unwrap().to_owned();
        let tracer = Tracer::watch(scene.daemon().pid(), &folder, end_at);
        fs::write(self.pipe(), "go\n").unwrap();
        fs::remove_file(self.pipe()).unwrap();
        tracer
    }
}
