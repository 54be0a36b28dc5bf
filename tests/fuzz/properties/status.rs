//! Any words as a status: one status comes of them, its class does not hang on the spelling, and telling them is safe.

use siftd::limits::PEER_TEXT_MAX;
use siftd::peer_text::{Mask, PeerText};
use siftd::protocol::Protocol as _;
use siftd::signal::Signal;

use super::{KEY, KEY_SENT, assert_keeps_the_key, assert_tellable, decode, decoder};

const WORDS: &[&str] = &["success", "failure", "error", "warning", "FAILURE", " error ", "notice", ""];

/// The first byte chooses the status word, the rest is the message; `\u{1}` in it stands for the key, `\u{2}` for the
/// key as it was sent.
pub(crate) fn holds(input: &[u8]) {
    let Some((choice, text)) = input.split_first() else { return };
    let Ok(text) = str::from_utf8(text) else { return };
    let text = text.replace('\u{1}', KEY).replace('\u{2}', KEY_SENT);
    let word = WORDS.get(usize::from(*choice) % WORDS.len()).copied().unwrap_or_default();

    let (class, told) = read(word, &text);
    assert_tellable(PeerText::of(&told).as_str());
    assert!(PeerText::of(&told).as_str().len() <= PEER_TEXT_MAX + 16, "not cut");
    let spread = text.replace(' ', "  \u{a0}").to_ascii_uppercase();
    assert_eq!(class, read(word, &spread).0, "the class hangs on case or space");
    assert_eq!(decoder().class_of(&text), decoder().class_of(&spread));

    let mask = Mask::of([KEY, KEY_SENT]);
    let masked = mask.hide(text.as_str());
    assert_keeps_the_key(&masked);
    let lower = text.to_ascii_lowercase();
    if ![KEY, KEY_SENT].iter().any(|form| lower.contains(&form.to_ascii_lowercase())) {
        assert_eq!(masked, text, "words without the key are told as they are");
    }
}

/// The class of a status and the words that would be told.
fn read(word: &str, text: &str) -> (String, String) {
    let frame = serde_json::json!({ "status": word, "message": text }).to_string();
    let mut found = Vec::new();
    decode(&frame, |signal| match signal {
        Signal::Status(status) => found.push((format!("{:?}", status.class), status.text.clone().into_owned())),
        Signal::Interaction(_) | Signal::Delete(_) | Signal::Tick(_) | Signal::Unreadable(..) => {
            panic!("a status says {signal:?}")
        }
    });
    assert_eq!(found.len(), 1, "one status in, one status out");
    found.remove(0)
}
