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
