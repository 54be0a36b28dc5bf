//! `siftd simulate` as a program: what it prints, how it is steered, how it ends.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

struct Simulation {
    child: Child,
    out: BufReader<ChildStdout>,
    folder: TempDir,
}

impl Simulation {
    fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_siftd"))
            .current_dir(folder.path())
            .arg("simulate")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out, folder }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the end: code, and what standard error had to say.
    fn end(&mut self) -> (Option<i32>, String) {
        drop(self.child.stdin.take());
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap().code(), said)
    }

    fn journal(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.folder.path().join("simulator.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        // It has ended already if the test went well.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn events<'a>(journal: &'a [Value], event: &str) -> Vec<&'a Value> {
    journal.iter().filter(|line| line.get("event").is_some_and(|it| it == event)).collect()
}

#[test]
fn it_says_where_it_listens_writes_its_streams_and_ends_on_a_signal() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut simulation = Simulation::start(&["--scenario", "busy", "--streams", "30", "--streams-file", "streams"]);
        let listening = simulation.line();
        assert!(listening.starts_with("listening on ws://127.0.0.1:"), "{listening}");
        let rest = simulation.line();
        assert!(rest.starts_with("REST on http://127.0.0.1:") && rest.ends_with("/v1.6"), "{rest}");
        let streams = fs::read_to_string(simulation.folder.path().join("streams")).unwrap();
        assert_eq!(streams.lines().count(), 30);
        let (hash, label) = streams.lines().next().unwrap().split_once(' ').unwrap();
        assert_eq!((hash.len(), label), (32, "simulated-0000"));
        simulation.signal(signal);
        assert_eq!(simulation.end(), (Some(0), String::new()));
        assert!(simulation.line().starts_with("made "));
        let journal = simulation.journal();
        let url = journal.first().unwrap().get("url").unwrap().as_str().unwrap();
        assert_eq!(listening, format!("listening on {url}"));
        assert_eq!(rest, format!("REST on {}", journal.first().unwrap().get("rest_url").unwrap().as_str().unwrap()));
        assert_eq!(events(&journal, "end").len(), 1);
    }
}

#[test]
fn cues_on_standard_input_are_taken_and_faulty_ones_told() {
    let mut simulation = Simulation::start(&["--scenario", "quiet", "--control", "stdin"]);
    assert!(simulation.line().starts_with("listening on "));
    let stdin = simulation.child.stdin.as_mut().unwrap();
    writeln!(stdin, r#"{{"name":"a flood","do":{{"burst":{{"messages":7}}}}}}"#).unwrap();
    writeln!(stdin, r#"{{"do":{{"say":{{"message":"hello"}}}}}}"#).unwrap();
    writeln!(stdin, r#"{{"when":{{"after_messages":7}},"do":"exit"}}"#).unwrap();
    let (code, said) = simulation.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.starts_with("siftd simulate: cue left out: no message is called \"hello\"; the names are: "),
        "{said}"
    );
    let journal = simulation.journal();
    let names: Vec<_> = events(&journal, "cue").iter().filter_map(|line| line.get("name")?.as_str()).collect();
    assert_eq!(names, ["a flood", "exit"]);
    assert!(events(&journal, "produced").len() >= 7);
}

#[test]
fn what_cannot_be_run_is_refused_with_a_sentence() {
    let said = |arguments: &[&str]| Simulation::start(arguments).end();
    let (code, sentence) = said(&["--scenario", "bussy"]);
    assert_eq!(code, Some(64));
    assert!(sentence.contains("scenario bussy is neither a file") && sentence.contains("--list"), "{sentence}");
    let (code, sentence) = said(&["--rate", "fast"]);
    assert_eq!(code, Some(64));
    assert!(sentence.contains("\"fast\" is not a rate"), "{sentence}");
    let (code, sentence) = said(&["--listen", "nowhere"]);
    assert_eq!(code, Some(74));
    assert!(sentence.contains("\"nowhere\" is not an address to listen on"), "{sentence}");
}

#[test]
fn shipped_scenarios_are_listed_and_shown() {
    let mut simulation = Simulation::start(&["--list"]);
    let first = simulation.line();
    assert!(first.starts_with("quiet ") && first.ends_with('.'), "{first}");
    assert_eq!(simulation.end().0, Some(0));
    let mut simulation = Simulation::start(&["--scenario", "demo", "--show"]);
    assert!(simulation.line().starts_with("about = "));
    assert_eq!(simulation.end().0, Some(0));
}

#[test]
fn it_ends_by_itself_after_its_seconds() {
    let mut simulation = Simulation::start(&["--seconds", "1", "--rate", "100/s"]);
    assert_eq!(simulation.end(), (Some(0), String::new()));
    let journal = simulation.journal();
    let made = events(&journal, "produced").len();
    assert!((90..=130).contains(&made), "{made} in a second at 100/s");
}
