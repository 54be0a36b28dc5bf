//! Words of a peer, made harmless: one line, no control characters, bounded.

use std::borrow::Cow;
use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};

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

/// The forms of our secret that a peer may echo, so that its words can be told without it. In lower case: a name is
/// folded on its way, and a proxy may write the digits of `%2F` in either case.
#[derive(Clone, Debug, Default)]
pub struct Mask(Vec<SecretString>);

/// A secret shorter than this would blank out half of what is said.
const MASKED_MIN: usize = 6;

impl Mask {
    /// Hides the secret in each of these forms.
    pub fn of<'s>(forms: impl IntoIterator<Item = &'s str>) -> Self {
        let forms = forms.into_iter().filter(|form| form.len() >= MASKED_MIN);
        Self(forms.map(|form| SecretString::from(form.to_ascii_lowercase())).collect())
    }

    /// The text with `***` in place of the secret, whatever its case. To be done before the text is cut.
    pub fn hide<'t>(&self, text: impl Into<Cow<'t, str>>) -> Cow<'t, str> {
        let mut text = text.into();
        for form in &self.0 {
            if let Some(hidden) = without(&text, form.expose_secret()) {
                text = Cow::Owned(hidden);
            }
        }
        text
    }

    /// Whether a name is the secret itself. Cheap: for every message of a stream.
    pub fn is(&self, name: &str) -> bool {
        self.0.iter().any(|form| form.expose_secret().eq_ignore_ascii_case(name))
    }
}

/// The text with `***` wherever `form`, which is in lower case, stands in it; nothing if it does not.
fn without(text: &str, form: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let (mut told, mut rest) = (String::new(), 0);
    for (start, found) in lower.match_indices(form) {
        told.push_str(text.get(rest..start)?);
        told.push_str("***");
        rest = start + found.len();
    }
    if rest == 0 { None } else { Some(told + text.get(rest..)?) }
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
    fn an_echoed_secret_is_not_told() {
        let mask = Mask::of(["k3y+with/o", "k3y%2Bwith%2Fo", "short"]);
        assert_eq!(mask.hide("no k3y+with/o or k3y%2Bwith%2Fo, in short"), "no *** or ***, in short");
        assert_eq!(mask.hide("é K3Y%2bWITH%2fO é"), "é *** é", "whatever its case");
        assert!(mask.is("K3Y+with/o") && !mask.is("K3Y+with/o/n"));
        assert!(!format!("{mask:?}").contains("k3y"));
    }

    #[test]
    fn a_secret_of_six_characters_is_hidden_and_a_shorter_one_is_not() {
        let mask = Mask::of(["short", "longer"]);
        assert_eq!(mask.hide("no short and no longer words"), "no short and no *** words");
        assert!(mask.is("Longer") && !mask.is("short"));
        assert_eq!(Mask::of([""]).hide("as it is"), "as it is", "no secret is everywhere");
    }

    #[test]
    fn a_secret_is_hidden_wherever_it_stands_and_nothing_else_is() {
        let mask = Mask::of(["s3cret"]);
        for (said, told) in [
            ("s3cret", "***"),
            ("s3crets3cret", "******"),
            ("is s3cret", "is ***"),
            ("S3CRET is", "*** is"),
            ("as s3crets3crés3cret ends", "as ***s3cré*** ends"),
            ("s3cre", "s3cre"),
            ("", ""),
        ] {
            assert_eq!(mask.hide(said), told);
        }
        assert!(matches!(mask.hide("nothing of it"), Cow::Borrowed("nothing of it")), "and costs nothing");
    }

    #[test]
    fn words_are_trimmed_and_told_as_they_are() {
        let text = PeerText::of(" \r\n as it is\t");
        assert_eq!((text.as_str(), text.to_string().as_str()), ("as it is", "as it is"));
        assert_eq!(String::from(text), "as it is");
    }

    #[test]
    fn a_line_is_whole_up_to_its_bound_and_cut_behind_it() {
        for (raw, bytes_max, told) in [
            ("", 0, ""),
            ("a", 0, "…"),
            ("abcd", 4, "abcd"),
            ("abcde", 4, "abcd…"),
            ("abc\n", 4, "abc\\u{a}"),
            ("abc\nd", 4, "abc\\u{a}…"),
            ("abcé", 4, "abcé"),
            ("abcéd", 4, "abcé…"),
        ] {
            assert_eq!(one_line(raw, bytes_max), told, "{raw:?} in {bytes_max}");
        }
    }

    #[test]
    fn what_turns_a_line_around_is_harmful_and_its_neighbours_are_not() {
        for (first, last) in [
            ('\0', '\u{1f}'),
            ('\u{7f}', '\u{9f}'),
            ('\u{61c}', '\u{61c}'),
            ('\u{200b}', '\u{200f}'),
            ('\u{2028}', '\u{202e}'),
            ('\u{2060}', '\u{206f}'),
            ('\u{feff}', '\u{feff}'),
            ('\u{fff9}', '\u{fffb}'),
            ('\u{e0000}', '\u{e007f}'),
        ] {
            assert!((first..=last).all(is_harmful), "{first:?} to {last:?}");
            let beside = [u32::from(first).checked_sub(1), u32::from(last).checked_add(1)];
            for beside in beside.into_iter().flatten().filter_map(char::from_u32) {
                assert!(!is_harmful(beside), "{beside:?}");
            }
        }
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
