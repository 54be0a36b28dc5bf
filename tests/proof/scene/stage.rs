//! What a scene is made of, before it begins.

use super::diary::{Diary, micros};
use super::{KEY, Scene, settings};
use siftd::simulator::{Scenario, Server};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A scene that has not begun.
#[derive(Default)]
pub(crate) struct Stage {
    scenario: Scenario,
    pub(super) settings: String,
    pub(super) prefix: Vec<String>,
    pub(super) environment: Vec<(String, String)>,
    pub(super) archive: Option<PathBuf>,
    pub(super) starts_badly: bool,
    listed: Option<usize>,
    heals: bool,
}

impl Stage {
    /// A world, as `siftd simulate` reads it. It ticks every second unless it says otherwise.
    pub(crate) fn new(scenario: &str) -> Self {
        Self::laid(&[scenario])
    }

    /// The same of several texts, the later over the earlier.
    pub(crate) fn laid(scenarios: &[&str]) -> Self {
        let base: toml::Table = "[node]\ntick_every = \"1s\"\n".parse().unwrap();
        let laid = scenarios.iter().fold(base, |under, over| settings::laid(under, over.parse().unwrap()));
        let text = laid.to_string();
        Self::of(Scenario::parse(&text).unwrap_or_else(|fault| panic!("{fault}")))
    }

    pub(crate) fn of(scenario: Scenario) -> Self {
        Self { scenario, ..Self::default() }
    }

    /// Settings over those of [`settings::BASE`]; what is given later goes over what was given before.
    pub(crate) fn settings(mut self, more: &str) -> Self {
        let under: toml::Table = self.settings.parse().unwrap();
        self.settings = settings::laid(under, more.parse().unwrap()).to_string();
        self
    }

    /// `backfill.url` leads to the simulator.
    pub(crate) fn heals(mut self) -> Self {
        self.heals = true;
        self
    }

    /// Only the first so many streams of the world are in the list.
    pub(crate) fn listed(mut self, count: usize) -> Self {
        self.listed = Some(count);
        self
    }

    /// Runs the binary behind this command: `ip netns exec NAME`, `strace -o FILE`, `prlimit --nofile=20`.
    pub(crate) fn behind(mut self, prefix: &[&str]) -> Self {
        self.prefix = prefix.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    pub(crate) fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The archive is kept elsewhere: on a file system of its own, say.
    pub(crate) fn archive(mut self, path: &Path) -> Self {
        self.archive = Some(path.to_owned());
        self
    }

    /// The daemon may end before it says that it has started.
    pub(crate) fn starts_badly(mut self) -> Self {
        self.starts_badly = true;
        self
    }

    /// How late a history may begin: `[gap] starting`.
    pub(super) fn starting_us(&self) -> i64 {
        let settings: toml::Table = self.settings.parse().unwrap();
        let starting = settings.get("gap").and_then(|gap| gap.get("starting")).and_then(toml::Value::as_str);
        let starting = starting.map_or(60.0, |text| text.parse::<jiff::SignedDuration>().unwrap().as_secs_f64());
        micros(Duration::from_secs_f64(starting))
    }

    /// Makes the folder, starts the simulator, writes settings and list. The daemon is not started yet.
    pub(crate) fn open(self) -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(self.scenario.clone(), &folder.path().join("journal.jsonl")).unwrap();
        let streams = server.streams().to_vec();
        let url = server.url();
        let rest = self.heals.then(|| server.rest_url());
        let key = folder.path().join("api-key");
        std::fs::write(&key, KEY).unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        let diary = Diary::create(&folder.path().join("driver.jsonl"));
        let listed = (0..self.listed.unwrap_or(streams.len())).collect();
        let server = Some(server);
        let scene = Scene { stage: self, folder, server, url, rest, streams, diary, listed, daemon: None, watch: None };
        scene.write_list();
        scene.settings("");
        scene
    }
}
