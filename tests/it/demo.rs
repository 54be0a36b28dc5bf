//! The demo through the real program: short, and with every trouble in it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use siftd::archive::reading::{Holder, holder};

fn demo(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_siftd"));
    command.args(["demo", "--seconds", "15", "--streams", "200", "--rate", "200", "--dir"]).arg(folder);
    command
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The numbers of a table's line.
fn numbers(said: &str, name: &str) -> Vec<f64> {
    let line = said.lines().find_map(|line| line.trim_start().strip_prefix(name)).unwrap_or_else(|| {
        panic!("no line {name:?} in\n{said}");
    });
    line.split_whitespace().map(|number| number.replace(',', "").parse().unwrap()).collect()
}

#[test]
fn a_short_demo_loses_nothing_and_has_a_gap_of_every_cause() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("demo");
    let output = demo(&folder).env("SIFTD__SOURCE__USERNAME", "somebody else").output().unwrap();
    let text = said(&output);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{complaint}\n{text}");
    assert_eq!(complaint, "");
    assert!(!text.contains('\u{1b}'), "no terminal, no escapes");
    for nothing in ["MISSING", "invented or altered", "stored twice", "not deleted though ordered"] {
        assert_eq!(numbers(&text, nothing), [0.0], "{nothing}");
    }
    let count = |name| numbers(&text, name).into_iter().sum::<f64>();
    let made = count("made for wanted streams");
    assert!(made > 2_000.0, "{text}");
    let parts = ["stored  ", "deleted by order", "in gaps", "before the first acknowledgement", "MISSING"].map(count);
    assert!((parts.iter().sum::<f64>() - made).abs() < 0.5, "{text}");
    assert!(count("stored  ") > made / 2.0, "{text}");
    for (cause, streams) in [
        ("billing", 197.0),
        ("crash", 197.0),
        ("disabled", 2.0),
        ("maintenance", 197.0),
        ("network", 197.0),
        ("rejected", 1.0),
        ("shutdown", 197.0),
        ("slow_consumer", 197.0),
    ] {
        assert_eq!(numbers(&text, cause).first(), Some(&streams), "{cause}\n{text}");
    }
    // Every gap that has ended is filled, and so nothing lies in one: what was sent is stored, or was deleted by order.
    assert!(count("in gaps") < 0.5, "{text}");
    for cause in ["billing", "crash", "maintenance", "network", "slow_consumer"] {
        let of_cause = numbers(&text, cause);
        assert_eq!(of_cause.get(1), of_cause.get(2), "{cause}: gaps, and those that are filled\n{text}");
        assert_eq!(of_cause.last(), Some(&0.0), "{cause}: nothing is lost\n{text}");
    }
    assert!(text.contains("every gap that had ended is filled, and everything sent is stored"), "{text}");
    assert_eq!(text.matches("\nsqlite3 -readonly -header ").count(), 3);
    assert!(text.ends_with("\ncomplete\n1\n"), "the last question asks whether a stream is proven complete\n{text}");
    let mut names: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names.retain(|name| !name.starts_with("archive.db-"));
    assert_eq!(
        names,
        [
            "api-key",
            "archive.db",
            "archive.db.lock",
            "backfill.log",
            "daemon.toml",
            "journal.jsonl",
            "siftd.log",
            "simulator.log",
            "streams.txt"
        ]
    );
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1, "nothing is written beside the folder");
}

/// Reads what a demo prints until a line holds this.
fn read_until(child: &mut Child, word: &str) {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let found = lines.by_ref().map(Result::unwrap).any(|line| line.contains(word));
    assert!(found, "the demo ended before it said {word:?}");
    // Read on, so that the demo can.
    std::thread::spawn(move || lines.count());
}

#[test]
fn a_demo_that_is_interrupted_leaves_no_process_behind() {
    let place = tempfile::tempdir().unwrap();
    let mut child = demo(place.path()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    read_until(&mut child, "all streams are answered");
    let archive = place.path().join("archive.db");
    let Holder::Daemon { pid: Some(daemon) } = holder(&archive) else { panic!("no daemon holds the archive") };
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(holder(&archive), Holder::Nobody);
    assert!(!Path::new(&format!("/proc/{daemon}")).exists());
    let journal = fs::read_to_string(place.path().join("journal.jsonl")).unwrap();
    assert!(journal.lines().last().unwrap().contains(r#""event":"end""#), "the simulator has ended in order");
}

#[test]
fn a_folder_that_will_not_do_is_refused() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("letter"), "dear").unwrap();
    let output = demo(place.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        format!(
            "siftd demo: the folder {} is not empty, and a demo overwrites nothing: name another with --dir\n",
            place.path().display()
        )
    );
    let output = demo(&place.path().join("letter/demo")).output().unwrap();
    assert_eq!(output.status.code(), Some(73));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot be made or written (Not a directory"));
}
