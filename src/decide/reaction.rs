//! The table of reactions: what each class of message, and each fault, makes us do.

use std::time::Duration;

use super::Ladder;
use super::subscriptions::Refusal;
use crate::coverage::Cause;
use crate::fault::Fault;
use crate::limits::RETRY_AFTER_MAX;
use crate::signal::Class;

/// What to do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reaction {
    /// The stream is active: coverage begins, its gap ends.
    Acknowledge,
    /// A sign of life, no more.
    Live,
    /// Nothing.
    Ignore,
    /// An error of ours: say what we sent, do not send it again at once.
    OwnMistake,
    /// This stream is out; the others go on.
    Refuse(Refusal),
    /// This stream is asked for again, later and later.
    RetryStream,
    /// No more streams fit: leave the rest out.
    Overflow,
    /// Close if it stands; connect again after a wait of this ladder, and not before `least`.
    Redial { cause: Cause, ladder: Ladder, least: Duration },
    /// Close if it stands; connect again at once, unless the server sent us away a moment ago.
    RedialNow { cause: Cause },
    /// Catch up; nothing more is proven on this connection.
    SpeedUp,
    /// Close; the account is empty: wait for the operator, try once an hour.
    Pause,
    /// Close; at the start, or after one more try, give up.
    Identity,
    /// A status that is not in the table: say it, then do this.
    Unknown(Box<Reaction>),
}

const NO_LEAST: Duration = Duration::ZERO;

/// The reaction to a status. `attributed` is whether it concerns a stream that we know.
pub fn of_class(class: Class, attributed: bool) -> Reaction {
    let trouble = |cause| Reaction::Redial { cause, ladder: Ladder::Trouble, least: NO_LEAST };
    match class {
        Class::Acknowledged => Reaction::Acknowledge,
        Class::Alive => Reaction::Live,
        Class::NotSubscribed => Reaction::Ignore,
        Class::RequestRefused => Reaction::OwnMistake,
        Class::StreamRejected => Reaction::Refuse(Refusal::Rejected),
        Class::StreamDisabled => Reaction::Refuse(Refusal::Disabled),
        Class::StreamTrouble => Reaction::RetryStream,
        Class::TooManySubscriptions => Reaction::Overflow,
        Class::ConnectionTrouble | Class::BalanceUnknown => trouble(Cause::ServerError),
        Class::Capacity => trouble(Cause::Capacity),
        // We never ask for it: whoever did, this node serves us no more.
        Class::StopHeard => Reaction::RedialNow { cause: Cause::ServerClosed },
        Class::Maintenance => Reaction::RedialNow { cause: Cause::Maintenance },
        Class::SlowWarning => Reaction::SpeedUp,
        Class::SlowDisconnected => Reaction::RedialNow { cause: Cause::SlowConsumer },
        Class::CreditsUsedUp => Reaction::Pause,
        Class::IdentityRefused => Reaction::Identity,
        Class::UnknownSuccess | Class::UnknownWarning => Reaction::Unknown(Box::new(Reaction::Live)),
        Class::UnknownFailure if attributed => Reaction::Unknown(Box::new(Reaction::RetryStream)),
        Class::UnknownFailure => Reaction::Unknown(Box::new(trouble(Cause::ServerError))),
    }
}

/// The reaction to a failed attempt or a lost connection.
pub fn of_fault(fault: &Fault) -> Reaction {
    let cause = fault.cause();
    match fault {
        Fault::Silent(_) | Fault::Suspended(_) => Reaction::RedialNow { cause },
        Fault::Unreachable(_)
        | Fault::Tls(_)
        | Fault::Closed { .. }
        | Fault::Broken(_)
        | Fault::Garbled(_)
        | Fault::Oversize { .. } => Reaction::Redial { cause, ladder: Ladder::Network, least: NO_LEAST },
        Fault::Refused { status, retry_after, class, .. } => {
            let least = retry_after.map_or(NO_LEAST, |wait| wait.min(RETRY_AFTER_MAX));
            of_refusal(*status, *class, least, cause)
        }
    }
}

/// The reaction to an answer other than 101. A known message in its body says more than its status code.
fn of_refusal(status: u16, class: Option<Class>, least: Duration, cause: Cause) -> Reaction {
    match class.map(|class| of_class(class, false)) {
        Some(Reaction::Redial { cause, ladder, .. }) => Reaction::Redial { cause, ladder, least },
        Some(Reaction::RedialNow { cause }) if least.is_zero() => Reaction::RedialNow { cause },
        Some(Reaction::RedialNow { cause }) => Reaction::Redial { cause, ladder: Ladder::Network, least },
        Some(reaction @ (Reaction::Pause | Reaction::Identity)) => reaction,
        _ if matches!(status, 401 | 403) => Reaction::Identity,
        _ => Reaction::Redial { cause, ladder: Ladder::Trouble, least },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reaction to an attempt that was refused with this status, perhaps with words that are known, and a wait.
    fn refused(status: u16, class: Option<Class>, seconds: Option<u64>) -> Reaction {
        let retry_after = seconds.map(Duration::from_secs);
        of_fault(&Fault::Refused { status, retry_after, class, text: String::new() })
    }

    #[test]
    fn known_words_in_a_refusal_say_more_than_its_status_and_its_wait_is_kept() {
        let redial = |cause, ladder, seconds| Reaction::Redial { cause, ladder, least: Duration::from_secs(seconds) };
        let (network, trouble) = (Ladder::Network, Ladder::Trouble);
        for (status, class, seconds, due) in [
            (503, None, None, redial(Cause::ServerError, trouble, 0)),
            (503, None, Some(90), redial(Cause::ServerError, trouble, 90)),
            (503, None, Some(3_601), redial(Cause::ServerError, trouble, 3_600)),
            (429, None, Some(5), redial(Cause::Capacity, trouble, 5)),
            (503, Some(Class::Capacity), Some(7), redial(Cause::Capacity, trouble, 7)),
            (401, Some(Class::ConnectionTrouble), None, redial(Cause::ServerError, trouble, 0)),
            (503, Some(Class::Maintenance), None, Reaction::RedialNow { cause: Cause::Maintenance }),
            (503, Some(Class::Maintenance), Some(7), redial(Cause::Maintenance, network, 7)),
            (503, Some(Class::CreditsUsedUp), Some(7), Reaction::Pause),
            (503, Some(Class::IdentityRefused), None, Reaction::Identity),
            (401, None, None, Reaction::Identity),
            (403, None, Some(7), Reaction::Identity),
            (402, None, None, redial(Cause::ServerError, trouble, 0)),
            // What concerns one stream, or nothing that we know, is no reason by itself.
            (503, Some(Class::StreamRejected), Some(7), redial(Cause::ServerError, trouble, 7)),
        ] {
            assert_eq!(refused(status, class, seconds), due, "{status} {class:?} {seconds:?}");
        }
    }
}
