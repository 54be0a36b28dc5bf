//! No core dumps: a core would hold the API key.

use std::io;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Keeps the memory of this process from being written to a file or read by another process of the same user.
///
/// Both locks are needed: the kernel does not apply a core size of 0 to a core that is piped to a program
/// (core(5)), and a process that is not dumpable still would become so again after executing another program.
///
/// # Errors
/// The kernel's, if it refuses; the daemon should then not read its key.
pub fn forbid_core_dumps() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHILD: &str = "SIFTD_TEST_CORE_DUMP";

    #[test]
    fn neither_a_core_nor_a_debugger_gets_the_memory() {
        if std::env::var_os(CHILD).is_none() {
            // In a process of its own: the others here may still want to be looked into.
            let mut child = std::process::Command::new(std::env::current_exe().unwrap());
            child.args(["--exact", "host::core_dump::tests::neither_a_core_nor_a_debugger_gets_the_memory"]);
            let output = child.env(CHILD, "1").output().unwrap();
            assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains("1 passed"));
            return;
        }
        forbid_core_dumps().unwrap();
        assert_eq!(rustix::process::getrlimit(Resource::Core), Rlimit { current: Some(0), maximum: Some(0) });
        assert_eq!(rustix::process::dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    }
}
