//! How many messages the world makes in how much time.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::time::Duration;

/// The pace of the world: `2000` or `"2000/s"`, `"6/m"`, `"1/h"`, or `"max"`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Rate {
    /// So many messages in each such span, evenly.
    Paced { messages: u32, per: Duration },
    /// As fast as the connected clients take them; nothing while nobody is connected.
    Max,
}

impl Rate {
    pub const fn per_second(messages: u32) -> Self {
        Self::Paced { messages, per: Duration::from_secs(1) }
    }

    /// Reads `2000/s`, `6/m`, `1/h` or `max`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fault = || format!("{text:?} is not a rate; write \"2000/s\", \"6/m\", \"1/h\" or \"max\"");
        if text == "max" { Ok(Self::Max) } else { Self::paced(text).ok_or_else(fault) }
    }

    fn paced(text: &str) -> Option<Self> {
        let (messages, unit) = text.split_once('/')?;
        let seconds = match unit.trim() {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return None,
        };
        Some(Self::Paced { messages: messages.trim().parse().ok()?, per: Duration::from_secs(seconds) })
    }

    /// How many messages are due after `elapsed`; none at [`Rate::Max`], which goes by the room that clients have.
    pub fn due(self, elapsed: Duration) -> u64 {
        match self {
            Self::Max => 0,
            Self::Paced { messages, per } => {
                let due = elapsed.as_micros().saturating_mul(u128::from(messages)) / per.as_micros().max(1);
                u64::try_from(due).unwrap_or(u64::MAX)
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    PerSecond(u32),
    Text(String),
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Written::deserialize(from)? {
            Written::PerSecond(messages) => Ok(Self::per_second(messages)),
            Written::Text(text) => Self::parse(&text).map_err(D::Error::custom),
        }
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Max => to.serialize_str("max"),
            Self::Paced { messages, per } => to.serialize_str(&format!("{messages}/{}s", per.as_secs())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_count_in_a_span() {
        assert_eq!(Rate::parse("6/m").map(|rate| rate.due(Duration::from_secs(90))), Ok(9));
        assert_eq!(Rate::per_second(2000).due(Duration::from_millis(3)), 6);
        assert_eq!(Rate::parse("max"), Ok(Rate::Max));
        assert!(Rate::parse("fast").is_err());
        assert!(Rate::parse("5/d").is_err());
    }
}
