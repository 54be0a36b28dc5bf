//! What there is to say about a job, in words for the operator.

use std::time::Duration;

use crate::historic::{Refusal, Why};
use crate::peer_text::PeerText;

/// In hours, or in seconds if that is no hour.
pub(super) fn span(span: Duration) -> String {
    match span.as_secs() {
        seconds @ ..3_600 => format!("{seconds} s"),
        seconds => format!("{} h", seconds / 3_600),
    }
}

/// What was said, in one line.
pub(super) fn said(refusal: &Refusal) -> String {
    let text = PeerText::of(&refusal.text);
    match refusal.why {
        Why::Status(status) if text.as_str().is_empty() => format!("the server answered {status}"),
        Why::Status(status) => format!("the server answered {status}: {text}"),
        Why::Unheard | Why::Unreachable => format!("no answer: {text}"),
        Why::Unusable => format!("the answer makes no sense: {text}"),
        Why::Oversize => "the answer is larger than the bound".to_owned(),
        Why::Redirected => format!("the server sends us elsewhere: {text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::historic::Hint;

    #[test]
    fn a_span_is_told_in_seconds_below_an_hour_and_in_whole_hours_from_there_on() {
        for (seconds, told) in [(0, "0 s"), (3_599, "3599 s"), (3_600, "1 h"), (7_199, "1 h"), (432_000, "120 h")] {
            assert_eq!(span(Duration::from_secs(seconds)), told);
        }
    }

    #[test]
    fn what_was_said_is_told_in_one_line_with_what_it_means() {
        for (why, text, told) in [
            (Why::Status(400), "no\nway", "the server answered 400: no\\u{a}way"),
            (Why::Status(400), " ", "the server answered 400"),
            (Why::Unheard, "refused", "no answer: refused"),
            (Why::Unreachable, "cut off", "no answer: cut off"),
            (Why::Unusable, "<html>", "the answer makes no sense: <html>"),
            (Why::Oversize, "of 9 MB", "the answer is larger than the bound"),
            (Why::Redirected, "to a\tb", "the server sends us elsewhere: to a\\u{9}b"),
        ] {
            let refusal = Refusal { why, hint: Hint::default(), text: text.to_owned() };
            assert_eq!(said(&refusal), told, "{why:?}");
        }
    }
}
