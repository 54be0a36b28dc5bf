//! An archive of the first version that is large: what it takes to bring it to this one.

use std::os::unix::net::UnixDatagram;

use rustix::process::Signal;

use crate::first_version;
use crate::scene::Stage;

/// KiB. The archive is three times as large.
const MEMORY_MAX: i64 = 80 * 1024;

/// A number that hangs on every row of before.
const ROWS: &str = "SELECT sum(received * length(payload)) FROM interaction WHERE received < 1000000";

#[test]
fn a_large_archive_is_brought_to_this_version_in_bounded_memory_and_that_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_nonblocking(true).unwrap();
    let mut scene = Stage::new("[world]\nstreams = 4\nrate = \"2/s\"\n")
        .environment("NOTIFY_SOCKET", &path.display().to_string())
        .open();
    first_version::make(&scene.archive(), &scene.streams);
    first_version::fatten(&scene.archive(), 20_000, 12_000);
    let before = scene.number(ROWS);
    scene.launch();
    let upgraded = scene.until("upgraded");
    assert_eq!((&upgraded["from_version"], &upgraded["to_version"]), (&1.into(), &first_version::LAST.into()));
    scene.until("subscribed");
    let peak = scene.daemon().peak_kib();
    assert!(peak < MEMORY_MAX, "{peak} KiB");
    let mut words = Vec::new();
    let mut word = [0_u8; 4096];
    while let Ok(length) = manager.recv(&mut word) {
        words.push(String::from_utf8_lossy(word.get(..length).unwrap()).into_owned());
    }
    let place = |what: &str| words.iter().position(|word| word.contains(what)).unwrap_or_else(|| panic!("{words:?}"));
    assert!(place("EXTEND_TIMEOUT_USEC=900000000") < place("READY=1"));
    assert!(place("STATUS=bringing the archive to version 5, since 0 s") < place("READY=1"));
    scene.daemon().signal(Signal::TERM);
    let (code, said) = scene.buried();
    assert_eq!(code, Some(0), "{said}");
    let said =
        "SELECT count(*) FROM notices WHERE notice IN ('upgrading', 'upgraded') AND detail ->> 'from_version' = 1";
    assert_eq!(scene.number(said), 2);
    assert_eq!(first_version::version(&scene.archive()), first_version::LAST);
    assert_eq!(scene.number(ROWS), before);
}
