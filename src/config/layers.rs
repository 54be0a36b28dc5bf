//! Defaults below the file below the environment, made into structs.

use ::config::{Config, ConfigError, Value};
use serde::Deserialize;

use super::document::Written;
use super::key::{Absent, KEYS};
use super::settings::{Archive, Backfill, Gap, Kind, Liveness, Log, Queue, Reconnect, Retention};
use super::shape::Given;
use super::units::{size, span};
use std::time::Duration;

/// The settings as they are written: the files that they name are not read yet.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Layered {
    pub(super) source: LayeredSource,
    pub(super) archive: Archive,
    pub(super) log: Log,
    pub(super) reconnect: Reconnect,
    pub(super) liveness: Liveness,
    pub(super) queue: Queue,
    pub(super) gap: Gap,
    pub(super) backfill: Backfill,
    pub(super) retention: Retention,
    #[serde(default)]
    pub(super) tls: LayeredTls,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LayeredSource {
    pub(super) kind: Kind,
    pub(super) url: Option<String>,
    pub(super) username: Option<String>,
    pub(super) api_key_file: String,
    pub(super) streams_file: Option<String>,
    pub(super) max_streams: usize,
    pub(super) subscribe_window: usize,
    #[serde(with = "span")]
    pub(super) connect_timeout: Duration,
    #[serde(with = "size")]
    pub(super) max_frame: usize,
    pub(super) allow_insecure: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LayeredTls {
    pub(super) ca_file: Option<String>,
}

/// Lays the file over the defaults and the environment over both.
///
/// Every value was judged before, so an error here is a disagreement between the table of the keys
/// and the structs.
pub(super) fn lay(file: &Written, environment: &Written) -> Result<Layered, ConfigError> {
    let mut defaults = Config::builder();
    for key in KEYS {
        if let Absent::Default(text) = key.absent {
            let value = key.shape.judge(&Given::Loose(text));
            let value = value.map_err(|complaint| ConfigError::Message(complaint.to_string()))?;
            defaults = defaults.set_default(key.path, Value::new(None, value))?;
        }
    }
    let layers = defaults.add_source(layer(file)?).add_source(layer(environment)?);
    layers.build()?.try_deserialize()
}

fn layer(written: &Written) -> Result<Config, ConfigError> {
    let mut layer = Config::builder();
    for (path, (value, place)) in &written.values {
        let value = Value::new(Some(&place.to_string()), value.clone());
        layer = layer.set_override(*path, value)?;
    }
    layer.build()
}
