//! The process itself: nothing listens, nothing is inherited that is not needed, and nothing else is started.

use std::fs;

use crate::scene::Stage;

#[test]
fn it_listens_nowhere_and_starts_nothing() {
    let mut scene = Stage::new("[world]\nstreams = 2\nrate = 50\n").open();
    scene.start();
    let pid = scene.daemon().pid();
    let sockets: Vec<String> = fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok())
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    assert!(!sockets.is_empty(), "the connection to the server is one");
    let listening = |table: &str| {
        let text = fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap();
        text.lines().filter(|line| line.split_whitespace().nth(3) == Some("0A")).map(str::to_owned).collect::<Vec<_>>()
    };
    for table in ["tcp", "tcp6"] {
        for line in listening(table) {
            let inode = line.split_whitespace().nth(9).unwrap_or_default().to_owned();
            assert!(!sockets.contains(&inode), "it listens: {line}");
        }
    }
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    assert_eq!(children.trim(), "", "it has started another process");
    scene.holds("SELECT count(*) > 10 FROM interactions");
    scene.finish(&["stored"]);
}
