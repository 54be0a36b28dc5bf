//! A real file system on a loop device, whose power can be cut.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

/// The file systems that archives mostly lie on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Ext4,
    Xfs,
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
        }
    }
}

/// A volume in a file, mounted. Goes with everything in it, whatever becomes of the test.
#[derive(Debug)]
pub(crate) struct Volume {
    home: TempDir,
    kind: Kind,
    /// How often the power has come back: each time on another image.
    restored: AtomicU32,
}

impl Volume {
    /// Makes a volume of so many mebibytes, or says what lacks.
    pub(crate) fn make(kind: Kind, mebibytes: u64) -> Result<Self, String> {
        let volume = Self { home: tempfile::tempdir().unwrap(), kind, restored: AtomicU32::new(0) };
        let image = File::create(volume.image()).map_err(|error| error.to_string())?;
        image.set_len(mebibytes << 20).map_err(|error| error.to_string())?;
        fs::create_dir(volume.path()).map_err(|error| error.to_string())?;
        run(Command::new(format!("mkfs.{}", kind.word())).arg("-q").arg(volume.image()))?;
        volume.mount()?;
        run(Command::new("xfs_io").arg("-V"))?;
        Ok(volume)
    }

    /// Where its files are.
    pub(crate) fn path(&self) -> PathBuf {
        self.home.path().join("mounted")
    }

    fn image(&self) -> PathBuf {
        self.home.path().join(format!("image-{}", self.restored.load(Ordering::Relaxed)))
    }

    fn mount(&self) -> Result<(), String> {
        let options = match self.kind {
            Kind::Ext4 => "loop",
            Kind::Xfs => "loop,nouuid",
        };
        run(Command::new("mount").args(["-t", self.kind.word(), "-o", options]).arg(self.image()).arg(self.path()))
    }

    /// From now on nothing reaches the medium, not even the file system's own log.
    pub(crate) fn cut(&self) {
        run(Command::new("xfs_io").args(["-x", "-c", "shutdown"]).arg(self.path())).unwrap();
        let probe = fs::write(self.path().join("probe"), "anything");
        assert!(probe.is_err(), "the power is still on");
    }

    /// What the medium holds is there again. Nobody may use the volume meanwhile.
    ///
    /// It is carried to another medium: a process elsewhere that was started with mounts of its own has a copy of the
    /// one without power, and the kernel would give us that one again.
    pub(crate) fn restore(&self) {
        run(Command::new("umount").arg(self.path())).unwrap();
        let before = self.image();
        self.restored.fetch_add(1, Ordering::Relaxed);
        run(Command::new("cp").arg("--sparse=always").args([&before, &self.image()])).unwrap();
        fs::remove_file(before).unwrap();
        self.mount().unwrap();
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        // A volume that was never mounted, or that somebody still uses: it goes when the last user does.
        drop(Command::new("umount").arg("--lazy").arg(self.path()).output());
    }
}

/// Runs a command of the system, or says why it did not work.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let name = Path::new(command.get_program()).display().to_string();
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
