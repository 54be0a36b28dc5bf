//! Any text as daemon.toml: settings that hold, or faults that can be read, each at a place in the file.

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use siftd::command::check::effective;
use siftd::config::{Loaded, Place, Surroundings, load_in};
use siftd::limits::STREAMS_MAX;
use tempfile::TempDir;

use super::{KEY, assert_keeps_the_key, assert_tellable, brings_the_key};

thread_local! {
    static FOLDER: TempDir = folder();
}

/// A folder in memory, with a key and a list of streams.
pub(super) fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.unwrap();
    let key = folder.path().join("api-key");
    fs::write(&key, KEY).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(folder.path().join("streams.txt"), "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa acme\n").unwrap();
    folder
}

pub(crate) fn holds(input: &[u8]) {
    // The key is looked for in what is told, so it must not come from the file itself.
    if brings_the_key(input) {
        return;
    }
    FOLDER.with(|folder| {
        fs::write(folder.path().join("daemon.toml"), input).unwrap();
        match load_in(None, &Surroundings::default().within(folder.path())) {
            Ok(loaded) => assert_holds(&loaded),
            Err(faults) => {
                assert!(!faults.is_empty());
                let lines = input.split(|byte| *byte == b'\n').count();
                for fault in &faults {
                    assert_tellable(&fault.to_string());
                    if let Place::Spot { file, line, column } = fault.place()
                        && file.ends_with("daemon.toml")
                    {
                        assert!((1..=lines).contains(line) && *column >= 1, "{fault}: there are {lines} lines");
                    }
                }
            }
        }
    });
}

fn assert_holds(loaded: &Loaded) {
    let settings = &loaded.settings;
    let source = &settings.source;
    assert!(!source.streams.is_empty() && source.streams.len() <= source.max_streams);
    assert!(source.max_streams <= STREAMS_MAX && source.subscribe_window <= STREAMS_MAX);
    assert!(source.max_frame <= settings.queue.max_bytes && source.max_frame <= settings.archive.quarantine_max);
    assert!(source.url.starts_with("wss://") || source.allow_insecure || stays_here(&source.url), "{}", source.url);
    assert!(settings.archive.path.is_absolute());
    let shown = effective(loaded);
    shown.lines().for_each(assert_tellable);
    assert_keeps_the_key(&format!("{settings:?} {}", serde_json::to_value(settings).unwrap()));
    loaded.warnings.iter().for_each(|warning| assert_tellable(&warning.to_string()));
}

/// Whether an address leads to this host, read in another way than the settings read it.
fn stays_here(url: &str) -> bool {
    let authority = url.trim_start_matches("ws://").split('/').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
