//! The settings of a scene: the waits are short, since the rows are not about their length.

use std::path::Path;
use toml::{Table, Value};

/// What every scene begins with.
pub(crate) const BASE: &str = r#"
[source]
kind = "datasift"
username = "acme"
streams_file = "streams.txt"
connect_timeout = "3s"

[log]
format = "json"
level = "trace"

[reconnect]
network_step = "200ms"
network_max = "2s"
trouble_first = "500ms"
trouble_max = "4s"
identity_retry = "2s"
billing_probe = "2s"

[liveness]
silence = "6s"
acknowledgement = "3s"

[gap]
margin = "1s"
"#;

/// The text of daemon.toml: the base, and the tables that are laid over it.
pub(super) fn text(url: &str, rest: Option<&str>, archive: &Path, over: &[&str]) -> String {
    let mut settings: Table = BASE.parse().unwrap();
    let places = format!("[source]\nurl = {:?}\n[archive]\npath = {:?}\n", url, archive.display().to_string());
    let rest = rest.map_or_else(String::new, |rest| format!("[backfill]\nurl = {rest:?}\n"));
    for more in [places.as_str(), rest.as_str()].iter().chain(over) {
        settings = laid(settings, more.parse().unwrap());
    }
    settings.to_string()
}

/// One table over another, key by key.
pub(super) fn laid(mut under: Table, over: Table) -> Table {
    for (key, value) in over {
        let both = match (under.remove(&key), value) {
            (Some(Value::Table(under)), Value::Table(over)) => Value::Table(laid(under, over)),
            (_, value) => value,
        };
        under.insert(key, both);
    }
    under
}
