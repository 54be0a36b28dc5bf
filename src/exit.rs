//! Every way in which the process ends, and its code.

use std::io::Write;
use std::panic::PanicHookInfo;
use std::process::{ExitCode, Termination};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use crate::peer_text::one_line;

/// How a command or the daemon ended, as sysexits(3) has it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    /// As asked.
    Stopped,
    /// The command line makes no sense.
    Usage,
    /// The archive is damaged, foreign, or newer than this program.
    Damaged,
    /// A bug.
    Bug,
    /// The archive cannot be created.
    CannotCreate,
    /// Input or output failed for good.
    Storage,
    /// Another daemon holds the archive.
    Held,
    /// The server refused our identity for good.
    IdentityRefused,
    /// The settings, or a file that they name, cannot be used.
    Config,
}

impl Exit {
    /// Every exit, by its code.
    pub const ALL: [Self; 9] = [
        Self::Stopped,
        Self::Usage,
        Self::Damaged,
        Self::Bug,
        Self::CannotCreate,
        Self::Storage,
        Self::Held,
        Self::IdentityRefused,
        Self::Config,
    ];

    /// The exit code of the process.
    pub const fn code(self) -> u8 {
        match self {
            Self::Stopped => 0,
            Self::Usage => 64,
            Self::Damaged => 65,
            Self::Bug => 70,
            Self::CannotCreate => 73,
            Self::Storage => 74,
            Self::Held => 75,
            Self::IdentityRefused => 77,
            Self::Config => 78,
        }
    }

    /// Whether the same start can go better a little later, so that a service manager should try. The unit file
    /// says the same (`RestartPreventExitStatus`).
    pub const fn restart_helps(self) -> bool {
        match self {
            Self::Bug | Self::CannotCreate | Self::Storage | Self::Held => true,
            Self::Stopped | Self::Usage | Self::Damaged | Self::IdentityRefused | Self::Config => false,
        }
    }

    /// Ends the process here and now. The only place that does; `main` returns its [`Exit`] instead.
    fn end(self) -> ! {
        std::process::exit(i32::from(self.code()))
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self.code())
    }
}

/// A panic's message in the log is cut at this many bytes.
const MESSAGE_MAX: usize = 1_024;

/// How long the last words may take: a log that nobody reads must not keep a dead daemon alive.
const LAST_WORDS_MAX: Duration = Duration::from_secs(1);

/// From here on a panic in any thread or task ends the process with [`Exit::Bug`], after one line on stderr.
/// A daemon that lives on with a part of it dead would promise what it does not keep.
pub fn end_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        say_last_words(last_words(panic));
        Exit::Bug.end()
    }));
}

/// One line: where, what, and what to do.
fn last_words(panic: &PanicHookInfo<'_>) -> String {
    let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    let message = one_line(panic.payload_as_str().unwrap_or("no message"), MESSAGE_MAX);
    format!(
        "siftd {}: a bug at {place}: {message}; please report this line. What was committed is safe, the rest becomes a gap.\n",
        env!("CARGO_PKG_VERSION")
    )
}

/// Writes from a thread of its own, because stderr may be full, or held by a writer that waits.
fn say_last_words(words: String) {
    let (done, said) = sync_channel(1);
    let speaker = thread::Builder::new().spawn(move || {
        std::io::stderr().write_all(words.as_bytes()).ok();
        done.send(()).ok();
    });
    if speaker.is_ok() {
        said.recv_timeout(LAST_WORDS_MAX).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn codes_are_those_that_scripts_and_units_rely_on() {
        let codes: Vec<_> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        assert_eq!(codes, [0, 64, 65, 70, 73, 74, 75, 77, 78]);
    }

    const CHILD: &str = "SIFTD_TEST_PANIC";

    /// This test, in a process of its own, which panics there.
    fn panicking(stderr: Stdio) -> std::process::Child {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "exit::tests::a_panic_in_any_thread_ends_with_70_and_one_line", "--nocapture"])
            .env(CHILD, "1")
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .unwrap()
    }

    #[test]
    fn a_panic_in_any_thread_ends_with_70_and_one_line() {
        if std::env::var_os(CHILD).is_some() {
            end_on_panic();
            thread::spawn(|| panic!("the tape\nis \u{1b}[31mtorn")).join().ok();
            return;
        }
        let output = panicking(Stdio::piped()).wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(70));
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains("src/exit.rs:") && said.contains("the tape\\u{a}is \\u{1b}[31mtorn"), "{said}");
    }

    #[test]
    fn a_panic_ends_the_process_even_if_nobody_can_hear_it() {
        let (unread, mut full) = std::io::pipe().unwrap();
        rustix::io::ioctl_fionbio(&full, true).unwrap();
        while full.write(&[b'x'; 4096]).is_ok() {}
        rustix::io::ioctl_fionbio(&full, false).unwrap();
        assert_eq!(panicking(Stdio::from(full)).wait().unwrap().code(), Some(70));
        drop(unread);
    }
}
