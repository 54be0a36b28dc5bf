//! Who may change what the daemon obeys: nobody beyond its own user and group.

use expect_test::expect;

use crate::config::{Folder, HASH, close_to};

const TRUSTING: &str = r#"[source]
url = "wss://stream.example.com/multi"
username = "acme"
streams_file = "streams.txt"
[tls]
ca_file = "ca.pem"
"#;

#[test]
fn a_file_that_others_may_change_or_replace_is_refused() {
    let folder = Folder::new();
    let authority = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap().cert.pem();
    let trusted = folder.write("ca.pem", authority);
    let config = folder.write("daemon.toml", TRUSTING);
    let list = folder.write("streams.txt", HASH);
    assert!(folder.load().is_ok());
    for file in [&config, &list, &trusted] {
        close_to(file, 0o646);
    }
    let changed = folder.plain(&folder.load().unwrap_err());
    for file in [&config, &list, &trusted] {
        close_to(file, 0o664);
    }
    assert!(folder.load().is_ok(), "a group may be trusted");
    close_to(folder.path(), 0o1777);
    assert!(folder.load().is_ok(), "a sticky folder lets nobody replace what is another's");
    close_to(folder.path(), 0o777);
    let replaced = folder.plain(&folder.load().unwrap_err());
    let faults = format!("{changed}\n--\n{replaced}").replace(&folder.path().display().to_string(), "FOLDER");
    expect![[r#"
        daemon.toml: the file may be changed by other users; run: chmod o-w daemon.toml
        daemon.toml:4:16: source.streams_file: streams.txt may be changed by other users; run: chmod o-w streams.txt
        daemon.toml:6:11: tls.ca_file: ca.pem may be changed by other users; run: chmod o-w ca.pem
        --
        daemon.toml: the file may be replaced by other users; run: chmod o-w FOLDER
        daemon.toml:1:2: source.api_key_file: api-key may be replaced by other users; run: chmod o-w FOLDER
        daemon.toml:4:16: source.streams_file: streams.txt may be replaced by other users; run: chmod o-w FOLDER
        daemon.toml:6:11: tls.ca_file: ca.pem may be replaced by other users; run: chmod o-w FOLDER"#]]
    .assert_eq(&faults);
}
