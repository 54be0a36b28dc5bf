//! Any text as a frame: all of it is said, the same each time, and what is kept of it is where it was.

use siftd::limits::{ID_BYTES_MAX, KIND_BYTES_MAX};
use siftd::signal::{Interaction, Signal};

use super::{assert_keeps_the_key, decode, said};

pub(crate) fn holds(input: &[u8]) {
    let Ok(frame) = str::from_utf8(input) else { return };
    let blank = frame.trim_start_matches('\u{feff}').trim().is_empty();
    let told = said(frame);
    assert_eq!(told.is_empty(), blank, "something is passed over, or made of nothing");
    assert_eq!(told, said(frame), "the same frame says the same");
    decode(frame, |signal| match signal {
        Signal::Interaction(interaction) => {
            assert_inside(frame, interaction.payload);
            assert_keeps_the_key(&interaction.stream);
            assert_whole(interaction);
        }
        Signal::Delete(delete) => {
            assert_keeps_the_key(&delete.stream);
            delete.id.as_deref().inspect(|id| assert_id(id));
        }
        Signal::Unreadable(reason, part) => {
            assert_inside(frame, part);
            assert_keeps_the_key(reason);
        }
        Signal::Status(status) => {
            assert_keeps_the_key(&status.text);
            status.streams.iter().for_each(|name| assert_keeps_the_key(name));
        }
        Signal::Tick(_) => {}
    });
    assert_data_is_heard(frame, &told);
}

/// What is kept are the bytes of the frame, not a copy that may differ.
fn assert_inside(frame: &str, part: &str) {
    let (frame, part) = (frame.as_bytes().as_ptr_range(), part.as_bytes().as_ptr_range());
    assert!(frame.start <= part.start && part.end <= frame.end, "kept bytes that are not of the frame");
}

fn assert_id(id: &str) {
    let digest = id.strip_prefix("blake3:").is_some_and(|digits| digits.len() == 64);
    assert!(digest || (!id.is_empty() && id.len() <= ID_BYTES_MAX && !id.chars().any(char::is_control)), "{id:?}");
}

/// A message that is put into a frame of its own, under the name that it was given, says itself again.
fn assert_whole(interaction: &Interaction<'_>) {
    assert_id(&interaction.id);
    assert!(interaction.kind.len() <= KIND_BYTES_MAX && !interaction.kind.chars().any(char::is_control));
    assert!(interaction.created <= interaction.produced, "produced before it was posted");
    if interaction.stream == "***" {
        return;
    }
    let name = serde_json::Value::from(&*interaction.stream);
    let alone = format!(r#"{{"hash":{name},"data":{}}}"#, interaction.payload);
    assert_eq!(said(&alone), [format!("{:?}", Signal::Interaction(interaction.clone()))]);
}

/// An object with data is a message, an order to delete, or kept as unreadable, whatever else it says.
fn assert_data_is_heard(frame: &str, told: &[String]) {
    let Ok(serde_json::Value::Object(object)) = serde_json::from_str(frame) else { return };
    if object.get("data").is_some_and(|data| !data.is_null()) {
        let kinds = ["Interaction(", "Delete(", "Unreadable("];
        assert!(told.iter().any(|signal| kinds.iter().any(|kind| signal.starts_with(kind))), "{told:?}");
    }
}
