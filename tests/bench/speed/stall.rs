//! A disk that stalls: each sync of a process takes as long as it is told to.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::clock;
use super::process::Process;

/// A tracer that holds up each sync of one process. It ends with this value.
pub(crate) struct Stall(Child);

impl Stall {
    /// From now on each sync takes so long. In effect when it returns.
    pub(crate) fn of(process: &Process, each: Duration) -> Self {
        let (pid, micros) = (process.pid(), each.as_micros());
        let inject = format!("inject=fsync,fdatasync:delay_enter={micros}");
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-p", &pid.to_string(), "-e", "trace=fsync,fdatasync", "-e", &inject]);
        let child = strace.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.unwrap_or_else(|_| panic!("strace is missing: apt-get install strace"));
        clock::until("the tracer", Duration::from_millis(2), Duration::from_secs(10), || traced(pid).then_some(()));
        Self(child)
    }
}

impl Drop for Stall {
    fn drop(&mut self) {
        // Whom it traced goes on without it.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Whether every thread of a process has a tracer.
fn traced(pid: u32) -> bool {
    let held = |task: &Path| {
        let status = std::fs::read_to_string(task.join("status")).unwrap_or_default();
        status.lines().any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"))
    };
    std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().all(|task| held(&task.unwrap().path()))
}
