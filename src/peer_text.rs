//! Words of a peer, made harmless: one line, no control characters, bounded.

use std::fmt;

use crate::limits::PEER_TEXT_MAX;

/// What a server said, fit for a log line, a terminal, a notice or a reason in the archive.
///
/// Control characters, line and paragraph separators, and the characters that change the direction of writing are
/// written as escapes; what is longer than [`PEER_TEXT_MAX`] bytes is cut and ends in `…`.
#[derive(Clone, Debug, Default, Eq, PartialEq, serde::Serialize)]
#[serde(transparent)]
pub struct PeerText(String);

impl PeerText {
    pub fn of(raw: &str) -> Self {
        Self(one_line(raw.trim(), PEER_TEXT_MAX))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PeerText {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl From<PeerText> for String {
    fn from(text: PeerText) -> Self {
        text.0
    }
}

/// A text without the power to leave its line: harmful characters become escapes, and what is longer than `bytes_max`
/// is cut and ends in `…`.
pub fn one_line(raw: &str, bytes_max: usize) -> String {
    let mut text = String::with_capacity(raw.len().min(bytes_max));
    for character in raw.chars() {
        if text.len() >= bytes_max {
            text.push('…');
            break;
        }
        if is_harmful(character) {
            text.extend(character.escape_unicode());
        } else {
            text.push(character);
        }
    }
    text
}

/// Whether a character can forge a line, move a cursor or turn a line around.
pub fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_lose_their_power() {
        assert_eq!(
            PeerText::of("a\n<0>b\u{1b}[31m\u{202e}c\u{9b}").as_str(),
            "a\\u{a}<0>b\\u{1b}[31m\\u{202e}c\\u{9b}"
        );
    }

    #[test]
    fn long_words_are_cut() {
        let text = PeerText::of(&"é".repeat(10_000));
        assert!(text.as_str().len() < PEER_TEXT_MAX + 16);
        assert!(text.as_str().ends_with('…'));
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_said_stays_on_its_line(raw in "\\PC*|.*|[\\x00-\\x9f]*") {
            let text = PeerText::of(&raw);
            proptest::prop_assert!(!text.as_str().chars().any(is_harmful));
        }
    }
}
