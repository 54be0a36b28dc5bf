//! A process held at each system call that changes a file, so that it can be ended at any of them.
//!
//! One count runs over all threads of the process, in the order in which their calls come: the first start writes from
//! its main thread, later the writer and the mover of the log write, and none of their points hides another's.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;

/// What the process did to the files of a folder, call by call, and whether it was ended at the last of them.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) points: Vec<String>,
    pub(crate) killed: bool,
}

/// A process under watch.
#[derive(Debug)]
pub(crate) struct Tracer {
    thread: JoinHandle<Trace>,
}

impl Tracer {
    /// Watches `pid`, which must wait for something at present. It is killed when it enters the call with number
    /// `end_at` (from 1) that changes a file of `folder`; the call is not carried out.
    pub(crate) fn watch(pid: u32, folder: &Path, end_at: Option<usize>) -> Self {
        let pid = Pid::from_raw(i32::try_from(pid).unwrap());
        let folder = folder.canonicalize().unwrap();
        let (ready, held) = sync_channel(0);
        let thread = std::thread::spawn(move || {
            ptrace::seize(pid, Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_TRACECLONE).unwrap();
            ptrace::interrupt(pid).unwrap();
            waitpid(pid, Some(WaitPidFlag::__WALL)).unwrap();
            ptrace::syscall(pid, None).unwrap();
            ready.send(()).unwrap();
            Watch { pid, folder, end_at, points: Vec::new(), killed: false }.run()
        });
        Receiver::recv(&held).unwrap();
        Self { thread }
    }

    /// What it did, once it has ended.
    pub(crate) fn end(self) -> Trace {
        self.thread.join().unwrap()
    }
}

struct Watch {
    pid: Pid,
    folder: PathBuf,
    end_at: Option<usize>,
    points: Vec<String>,
    killed: bool,
}

impl Watch {
    fn run(mut self) -> Trace {
        while let Some(status) = self.next() {
            match status {
                WaitStatus::PtraceSyscall(thread) => {
                    self.look(thread);
                    go_on(thread, None);
                }
                WaitStatus::Stopped(thread, signal) => go_on(thread, Some(signal)),
                WaitStatus::PtraceEvent(thread, ..) => go_on(thread, None),
                // A thread has ended.
                WaitStatus::Exited(..)
                | WaitStatus::Signaled(..)
                | WaitStatus::Continued(_)
                | WaitStatus::StillAlive => {}
            }
        }
        Trace { points: self.points, killed: self.killed }
    }

    /// The next stop or end of a thread. Nothing at the end of the process: that is for whoever started it to hear.
    #[expect(clippy::wildcard_enum_match_arm, reason = "every other stop is taken the same way, whatever it is")]
    fn next(&self) -> Option<WaitStatus> {
        // Only what this thread traces: other threads of the test have children, too.
        let flags = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
        let peek = flags | WaitPidFlag::WEXITED | WaitPidFlag::WSTOPPED | WaitPidFlag::WNOWAIT;
        match waitid(Id::All, peek).ok()? {
            WaitStatus::Exited(thread, _) | WaitStatus::Signaled(thread, ..) if thread == self.pid => None,
            status => waitpid(status.pid()?, Some(flags)).ok(),
        }
    }

    /// A thread enters or leaves a call.
    fn look(&mut self, thread: Pid) {
        if self.killed || ptrace::syscall_info(thread).is_ok_and(|info| info.op != libc::PTRACE_SYSCALL_INFO_ENTRY) {
            return;
        }
        let Some(point) = self.point(thread) else { return };
        self.points.push(point);
        if Some(self.points.len()) == self.end_at {
            kill(self.pid, Signal::SIGKILL).unwrap();
            self.killed = true;
        }
    }

    /// The call and the file that it is about to change, if that is a file of the folder.
    fn point(&self, thread: Pid) -> Option<String> {
        let registers = ptrace::getregs(thread).ok()?;
        let name = match i64::try_from(registers.orig_rax).ok()? {
            libc::SYS_write => "write",
            libc::SYS_pwrite64 => "pwrite64",
            libc::SYS_fsync | libc::SYS_fdatasync => "sync",
            libc::SYS_ftruncate => "ftruncate",
            libc::SYS_fallocate => "fallocate",
            libc::SYS_fchmod => "fchmod",
            // These name a path. Only the archive's files are made, moved and removed by the daemon.
            libc::SYS_unlink => return Some("unlink".to_owned()),
            libc::SYS_unlinkat => return Some("unlinkat".to_owned()),
            libc::SYS_rename => return Some("rename".to_owned()),
            libc::SYS_openat if registers.rdx & u64::try_from(libc::O_CREAT).ok()? != 0 => {
                return Some("openat to create".to_owned());
            }
            _ => return None,
        };
        let file = fs::read_link(format!("/proc/{}/fd/{}", self.pid, registers.rdi)).ok()?;
        let file = if file == self.folder { Path::new(".") } else { file.strip_prefix(&self.folder).ok()? };
        Some(format!("{name} {}", file.display()))
    }
}

/// Lets a thread run to its next stop. One that was killed meanwhile is gone.
fn go_on(thread: Pid, signal: Option<Signal>) {
    match ptrace::syscall(thread, signal) {
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(error) => panic!("the daemon cannot be traced: {error}"),
    }
}
