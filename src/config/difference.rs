//! What a reload changes: key by key, secrets masked.

use std::fmt;

use toml::Table;

use super::key::{Applies, KEYS};
use super::settings::Settings;
use crate::peer_text::one_line;

/// A setting that is not what it was.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change {
    /// Section and name, `gap.margin`.
    pub key: &'static str,
    /// As TOML; `unset` if it was not there.
    pub old: String,
    pub new: String,
    pub applies: Applies,
}

impl fmt::Display for Change {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {} -> {}, {}", self.key, self.old, self.new, self.applies)
    }
}

impl Settings {
    /// The settings that differ in `new`, in the order of daemon.toml. Streams are not settings:
    /// they are subscribed and unsubscribed.
    pub fn difference(&self, new: &Self) -> Vec<Change> {
        let (before, after) = (self.shown(), new.shown());
        let changes = KEYS.iter().filter_map(|key| {
            let (old, new) = (value(&before, key.path), value(&after, key.path));
            (old != new).then_some(Change { key: key.path, old, new, applies: key.applies })
        });
        changes.chain(self.unseen(new)).collect()
    }

    /// Changes of what a file holds, where its name has stayed.
    fn unseen(&self, new: &Self) -> Vec<Change> {
        let (old_key, new_key) = (&self.source.api_key, &new.source.api_key);
        let key_changed = old_key.path() == new_key.path() && old_key != new_key;
        let tls_changed = self.tls.ca_file == new.tls.ca_file && self.tls.authorities != new.tls.authorities;
        let files = [("source.api_key_file", key_changed), ("tls.ca_file", tls_changed)];
        let changed = files.into_iter().filter(|(_, changed)| *changed);
        changed
            .map(|(key, _)| Change {
                key,
                old: "(what the file held)".to_owned(),
                new: "(what it holds now)".to_owned(),
                applies: Applies::NextConnection,
            })
            .collect()
    }

    /// Every setting by section and key, secrets masked.
    fn shown(&self) -> Table {
        Table::try_from(self).expect("every setting is a number, a text or true or false")
    }

    /// Every setting that is set as (key, TOML value), in the order of daemon.toml.
    pub(super) fn listed(&self) -> Vec<(&'static str, String)> {
        let table = self.shown();
        KEYS.iter().map(|key| (key.path, value(&table, key.path))).filter(|(_, value)| value != UNSET).collect()
    }
}

const UNSET: &str = "unset";

fn value(table: &Table, path: &str) -> String {
    let (section, name) = path.split_once('.').unwrap_or((path, ""));
    let value = table.get(section).and_then(|section| section.get(name));
    value.map_or_else(|| UNSET.to_owned(), |value| one_line(&value.to_string(), usize::MAX))
}
