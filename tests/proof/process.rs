//! The process under force: signals in any number, a log and a manager that nobody reads, a thread that panics or
//! stands still, a processor that others have.

use rustix::process::Signal;
use serde_json::json;
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::scene::{Scene, Stage, skip, wait};

const BUSY: &str = "[world]\nstreams = 20\nrate = 200\n";

/// Waits until so many more rows are there.
fn more_rows(scene: &Scene, count: i64) {
    let before = scene.number("SELECT count(*) FROM interactions");
    scene.holds(&format!("SELECT count(*) > {before} + {count} FROM interactions"));
}

fn has(program: &str) -> bool {
    Command::new("sh").args(["-c", &format!("command -v {program}")]).stdout(Stdio::null()).status().unwrap().success()
}

/// A helper process that is killed with the test.
struct Helper(Child);

impl Helper {
    fn start(words: &[&str]) -> Self {
        let mut command = Command::new(words[0]);
        Self(
            command.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap(),
        )
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The thread of a process that has this name.
pub(crate) fn thread(pid: u32, name: &str) -> String {
    wait("the thread", || {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
        let mut named =
            tasks.filter(|task| fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim() == name));
        named.next().map(|task| task.file_name().to_string_lossy().into_owned())
    })
}

#[test]
fn a_storm_of_signals_and_two_orders_to_stop() {
    let mut scene = Stage::new(BUSY).open();
    scene.start();
    scene.watch();
    more_rows(&scene, 100);
    for _ in 0..300 {
        for signal in [Signal::HUP, Signal::USR1, Signal::PIPE] {
            scene.daemon().signal(signal);
        }
    }
    scene.until("reloaded");
    scene.daemon().signal(Signal::USR1);
    scene.until("state");
    more_rows(&scene, 200);
    assert_eq!(scene.number("SELECT count(*) FROM connections"), 1);
    scene.drain();
    let reloads = scene.number("SELECT count(*) FROM notices WHERE notice = 'reloaded'");
    assert!((1..300).contains(&reloads), "coalesced: {reloads}");
    for signal in [Signal::INT, Signal::HUP, Signal::TERM, Signal::USR1, Signal::INT] {
        scene.daemon().signal(signal);
    }
    let evidence = scene.end(&["stored"]);
    assert_eq!(crate::scene::number(&evidence.archive, "SELECT queue_frames FROM daemon").unwrap(), 0);
    let report = evidence.prove();
    assert_eq!(report.counted("in_gap"), 0, "{report}");
}

#[test]
fn an_order_to_stop_under_load_loses_nothing_that_came() {
    for signals in
        [&[Signal::TERM][..], &[Signal::INT], &[Signal::TERM, Signal::TERM], &[Signal::INT, Signal::INT, Signal::INT]]
    {
        let mut scene = Stage::new("[world]\nstreams = 20\nrate = 1000\n").open();
        scene.start();
        more_rows(&scene, 300);
        for signal in signals {
            scene.daemon().signal(*signal);
        }
        let stopping = scene.until("stopping");
        let stopped = scene.until("stopped");
        let at = |said: &serde_json::Value| {
            said["at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_millisecond()
        };
        let took = at(&stopped) - at(&stopping);
        assert!(took < 10_000, "{took} ms");
        scene.finish_as_it_is(&["stored"]);
    }
}

#[test]
fn a_second_daemon_leaves_and_the_first_does_not_notice() {
    let mut scene = Stage::new(BUSY).open();
    scene.start();
    more_rows(&scene, 100);
    for _ in 0..3 {
        let second = scene.answer("run");
        let said = String::from_utf8_lossy(&second.stderr).into_owned();
        assert_eq!(second.status.code(), Some(75), "{said}");
        assert!(said.contains(&format!("process {}", scene.daemon().pid())), "{said}");
    }
    more_rows(&scene, 100);
    let report = scene.finish(&["stored"]);
    assert_eq!(report.counted("in_gap"), 0, "{report}");
}

/// The threads of the daemon, by the names that the kernel shows.
const THREADS: &[&str] = &["siftd", "log", "archive-writer", "archive-log"];

/// There is no hook in the program that could panic: a debugger has the thread call what panics.
#[test]
fn a_panic_in_any_thread_ends_the_process_with_70() {
    if !has("gdb") {
        return skip("process::a_panic_in_any_thread_ends_the_process_with_70", "gdb is missing: apt-get install gdb");
    }
    for name in THREADS {
        let mut scene = Stage::new(BUSY).open();
        scene.start();
        more_rows(&scene, 50);
        // A thread that waits holds no lock that its panic would need.
        scene.cue(r#"{"do":{"rate":"1/h"}}"#, "cue");
        let pid = scene.daemon().pid();
        // On a busy machine the debugger takes longer than the silence limit, and the daemon sees that first.
        let fault = scene.fault(&format!("a panic in {name}"), &["crash", "silence", "suspended"]);
        let task = thread(pid, name);
        let panic = "call (void) 'core::panicking::panic_cannot_unwind'()";
        let find = format!("python [t.switch() for t in gdb.selected_inferior().threads() if t.ptid[1] == {task}]");
        let debugger = Command::new("gdb")
            .args(["-nx", "-batch", "-p", &pid.to_string(), "-ex", &find, "-ex", panic])
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&debugger.stdout).into_owned();
        let words = scene.ended_with(70);
        assert!(words.contains("a bug at ") && words.contains("please report this line"), "{name}: {words}\n{told}");
        scene.start();
        scene.over(fault, &json!({"exit": 70, "thread": name}));
        scene.finish(&["stored"]);
    }
}

/// What the manager hears within so many seconds.
fn heard(manager: &UnixDatagram, seconds: u64) -> Vec<String> {
    let mut words = Vec::new();
    let by = jiff::Timestamp::now() + Duration::from_secs(seconds);
    while jiff::Timestamp::now() < by {
        let mut buffer = [0; 4096];
        manager.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        if let Ok(length) = manager.recv(&mut buffer) {
            words.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
        }
    }
    words
}

fn feedings(words: &[String]) -> usize {
    words.iter().filter(|word| word.contains("WATCHDOG=1")).count()
}

#[test]
fn a_thread_that_stands_still_is_told_to_the_watchdog_by_silence() {
    if !has("strace") {
        let name = "process::a_thread_that_stands_still_is_told_to_the_watchdog_by_silence";
        return skip(name, "strace is missing: apt-get install strace");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    let mut scene = Stage::new(BUSY)
        .environment("NOTIFY_SOCKET", &path.display().to_string())
        .environment("WATCHDOG_USEC", "4000000")
        .open();
    scene.start();
    assert!(feedings(&heard(&manager, 4)) >= 1, "it is fed while all is well");
    let fault = scene.fault("the writer stands still", &["slow_consumer", "network", "silence"]);
    let task = thread(scene.daemon().pid(), "archive-writer");
    let calls = "--trace=futex,pwrite64,fdatasync";
    let strace = Helper::start(&[
        "strace",
        "-p",
        &task,
        calls,
        "-o",
        "/dev/null",
        "-e",
        "inject=futex,pwrite64,fdatasync:delay_enter=15000000",
    ]);
    let status = format!("/proc/{task}/status");
    wait("the tracer", || {
        fs::read_to_string(&status)
            .unwrap()
            .lines()
            .any(|line| line.starts_with("TracerPid:\t") && !line.ends_with("\t0"))
            .then_some(())
    });
    // What was under way when it was caught is over.
    drop(heard(&manager, 2));
    let silent = heard(&manager, 6);
    assert_eq!(feedings(&silent), 0, "{silent:?}");
    scene.daemon().signal(Signal::USR1);
    scene.until("state");
    drop(strace);
    more_rows(&scene, 50);
    scene.over(fault, &json!({"heard while it stood still": silent.len()}));
    assert!(feedings(&heard(&manager, 5)) >= 1, "it is fed again");
    scene.finish(&["stored"]);
}

#[test]
fn a_manager_that_is_absent_or_dead_or_watches_another() {
    let folder = tempfile::tempdir().unwrap();
    let dead = folder.path().join("dead");
    drop(UnixDatagram::bind(&dead).unwrap());
    let deaf = folder.path().join("deaf");
    let _deaf = UnixDatagram::bind(&deaf).unwrap();
    let places = [
        dead.display().to_string(),
        deaf.display().to_string(),
        "/nowhere/notify".to_owned(),
        "@nobody".to_owned(),
        "relative".to_owned(),
        String::new(),
    ];
    for place in places {
        let mut scene = Stage::new(BUSY)
            .environment("NOTIFY_SOCKET", &place)
            .environment("WATCHDOG_USEC", "20000")
            .environment("WATCHDOG_PID", "1")
            .open();
        scene.start();
        more_rows(&scene, 100);
        scene.daemon().signal(Signal::HUP);
        scene.until("reloaded");
        let report = scene.finish(&["stored"]);
        assert_eq!(report.counted("in_gap"), 0, "{place}: {report}");
    }
}

#[test]
fn a_log_that_is_closed() {
    let mut scene = Stage::new(BUSY).behind(&["sh", "-c", "exec \"$@\" 2>&-", "sh"]).starts_badly().open();
    scene.launch();
    scene.holds("SELECT state = 'live' FROM daemon");
    more_rows(&scene, 300);
    let report = scene.finish(&["stored"]);
    assert_eq!(report.counted("in_gap"), 0, "{report}");
}

#[test]
fn a_log_that_nobody_reads_costs_lines_and_they_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("log");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).unwrap();
    // Open and not read. It does not block, so that what is in it can be counted at the end.
    let nonblock = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap();
    let mut reader = OpenOptions::new().read(true).custom_flags(nonblock).open(&pipe).unwrap();
    let redirect = format!("exec \"$@\" 2>{}", pipe.display());
    let mut scene = Stage::new(BUSY).behind(&["sh", "-c", &redirect, "sh"]).starts_badly().open();
    scene.launch();
    scene.holds("SELECT state = 'live' FROM daemon");
    // Each order says a state of a few hundred bytes, far more than the pipe and the queue hold together.
    for _ in 0..40 {
        for _ in 0..200 {
            scene.daemon().signal(Signal::USR1);
            std::thread::park_timeout(Duration::from_millis(1));
        }
        more_rows(&scene, 1);
    }
    more_rows(&scene, 100);
    let mut text = Vec::new();
    let lost = wait("log-lost", || {
        scene.daemon().signal(Signal::USR1);
        let mut piece = [0; 4_096];
        while let Ok(length @ 1..) = reader.read(&mut piece) {
            text.extend_from_slice(&piece[..length]);
        }
        let said = String::from_utf8_lossy(&text);
        said.lines().find(|line| line.contains(r#""notice":"log-lost""#)).map(str::to_owned)
    });
    let lost: serde_json::Value = serde_json::from_str(&lost).unwrap();
    assert!(lost["count"].as_u64().unwrap() > 0, "{lost}");
    let report = scene.finish(&["stored"]);
    assert_eq!(report.counted("in_gap"), 0, "{report}");
    drop(reader);
}

#[test]
fn a_processor_that_others_have_is_no_reason_for_a_gap() {
    if !has("taskset") || !has("chrt") {
        let name = "process::a_processor_that_others_have_is_no_reason_for_a_gap";
        return skip(name, "taskset and chrt are missing: apt-get install util-linux");
    }
    let stage = Stage::new("[world]\nstreams = 10\nrate = 10\n").settings("[liveness]\nsilence = \"20s\"\n");
    let mut scene = stage.behind(&["taskset", "-c", "0", "nice", "-n", "19"]).open();
    scene.start();
    scene.watch();
    let others: Vec<Helper> =
        (0..3).map(|_| Helper::start(&["taskset", "-c", "0", "sh", "-c", "while :; do :; done"])).collect();
    let used = |pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap();
        let mut fields = stat.split(' ').map(|field| field.trim().parse::<u64>().unwrap());
        (fields.next().unwrap(), fields.next().unwrap())
    };
    let pid = scene.daemon().pid();
    let (ran, waited) = used(pid);
    for _ in 0..20 {
        scene.daemon().signal(Signal::USR1);
        std::thread::park_timeout(Duration::from_secs(1));
    }
    let (ran, waited) = (used(pid).0 - ran, used(pid).1 - waited);
    assert!(waited > ran, "it was starved: it ran for {ran} ns and waited for {waited} ns");
    drop(others);
    let report = scene.finish(&["stored"]);
    assert_eq!(report.counted("in_gap"), 0, "{report}");
}

#[test]
fn a_log_on_a_full_disk() {
    // /dev/full refuses every write with ENOSPC: the log is lost, the messages are not.
    assert!(File::options().write(true).open("/dev/full").unwrap().write_all(b"x").is_err());
    let mut scene = Stage::new(BUSY).behind(&["sh", "-c", "exec \"$@\" 2>/dev/full", "sh"]).starts_badly().open();
    scene.launch();
    scene.holds("SELECT state = 'live' FROM daemon");
    more_rows(&scene, 300);
    let report = scene.finish(&["stored"]);
    assert_eq!(report.counted("in_gap"), 0, "{report}");
}
