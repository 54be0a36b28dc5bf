//! What must hold for any input: the bodies of the fuzz targets, which `cargo test` runs over `tests/corpus` as well.

pub(crate) mod answer;
pub(crate) mod frame;
pub(crate) mod line;
pub(crate) mod message;
pub(crate) mod settings;
pub(crate) mod status;
pub(crate) mod streams;

use secrecy::SecretString;
use siftd::peer_text::is_harmful;
use siftd::protocol::{DataSift, Protocol as _};
use siftd::signal::Signal;

/// A key that is in no input of the corpus unless it was put there to be found.
pub(crate) const KEY: &str = "c4n4ry+Key/of%the&Fuzz";

/// The same as it stands in the address.
pub(crate) const KEY_SENT: &str = "c4n4ry%2BKey%2Fof%25the%26Fuzz";

/// A decoder for an account with that key.
fn decoder() -> DataSift {
    DataSift::new("wss://stream.example/multi", "acme", SecretString::from(KEY))
}

/// Hands everything that a frame says to `take`.
fn decode(frame: &str, mut take: impl FnMut(&Signal<'_>)) {
    decoder().decode(frame, &mut |signal| take(&signal));
}

/// What a frame says, in the words of `Debug`.
fn said(frame: &str) -> Vec<String> {
    let mut said = Vec::new();
    decode(frame, |signal| said.push(format!("{signal:?}")));
    said
}

/// A text that is told stays on its line and is no vessel for the key.
fn assert_tellable(text: &str) {
    assert!(!text.chars().any(is_harmful), "not harmless: {text:?}");
    assert_keeps_the_key(text);
}

fn assert_keeps_the_key(text: &str) {
    let text = text.to_ascii_lowercase();
    for form in [KEY, KEY_SENT] {
        assert!(!text.contains(&form.to_ascii_lowercase()), "the key is told: {text:?}");
    }
}

/// Whether an input brings the key itself: what is told of it may then be the input's own.
fn brings_the_key(input: &[u8]) -> bool {
    input.to_ascii_lowercase().windows(6).any(|part| part == b"c4n4ry")
}
