//! What a cue makes the world do: messages of a kind, a size or a text.

use super::super::scenario::{Pick, Size};
use serde::{Deserialize, Serialize, Serializer};

/// One interaction of a given size.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Giant {
    /// Of its JSON.
    pub bytes: Size,
    #[serde(default)]
    pub stream: Option<Pick>,
}

/// One interaction in pieces.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Fragments {
    pub pieces: usize,
    /// A ping between each two.
    #[serde(default)]
    pub pings: bool,
    #[serde(default)]
    pub stream: Option<Pick>,
}

/// Many interactions at once.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Burst {
    pub messages: u32,
    /// Only for this stream.
    #[serde(default)]
    pub stream: Option<Pick>,
}

/// Many deletes at once.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Deletes {
    pub count: u32,
    /// Before their interactions, which follow at once.
    #[serde(default)]
    pub early: bool,
}

/// Recent messages once more.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Repeats {
    pub count: u32,
    /// Under the same id, but with other bytes.
    #[serde(default)]
    pub altered: bool,
}

/// One message, made by the world so that the journal knows it, with exactly this text.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Craft {
    /// What stands under `data`; the journal's line of the cue shows its beginning.
    #[serde(serialize_with = "beginning")]
    pub data: String,
    /// The id under which the journal is to know it; without one it is known by its bytes.
    #[serde(default)]
    pub id: Option<String>,
    #[serde(default)]
    pub stream: Option<Pick>,
    /// Whether it is an order to delete.
    #[serde(default)]
    pub delete: bool,
    /// The text of the frame, with `<HASH>` and `<DATA>` in it; the usual one if left out.
    #[serde(default)]
    pub frame: Option<String>,
}

/// A cue's line in the journal is for eyes: the message has a line of its own.
fn beginning<S: Serializer>(text: &str, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&text.chars().take(200).collect::<String>())
}
