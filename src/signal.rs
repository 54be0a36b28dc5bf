//! What a server can say, whatever its protocol.

use std::borrow::Cow;

use crate::time::Time;

/// One thing a server said, borrowed from the frame that said it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Signal<'f> {
    /// A message of a stream.
    Interaction(Interaction<'f>),
    /// The order to remove an interaction from the store, in every stream.
    Delete(Delete<'f>),
    /// The server's clock, said only to show that it is there; `None` if it made no sense.
    Tick(Option<Time>),
    /// An answer, a warning or a failure.
    Status(Status<'f>),
    /// The server cannot be understood here: the reason, and the piece of the frame.
    Unreadable(String, &'f str),
}

/// One message of one stream.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Interaction<'f> {
    /// The name of the stream, as the server spells it.
    pub stream: Cow<'f, str>,
    /// The server's identifier, unique within a stream. Made of the payload where the server gave none.
    pub id: Cow<'f, str>,
    /// What kind of source it came from ("twitter", "blog", …); empty if not said.
    pub kind: Cow<'f, str>,
    /// When it was posted, by the server's clock.
    pub created: Option<Time>,
    /// The latest moment at which the server can be shown to have had it, by the server's clock; not before
    /// `created`. Bounds how long the message waited in the server's buffer.
    pub produced: Option<Time>,
    /// The message, byte for byte.
    pub payload: &'f str,
}

/// The order to forget one interaction.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Delete<'f> {
    /// The stream it came with; empty if none.
    pub stream: Cow<'f, str>,
    /// The interaction to remove; `None` if the order names it in no way that the store knows.
    pub id: Option<Cow<'f, str>>,
}

/// An answer, a warning or a failure, already classed by the protocol's own table.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Status<'f> {
    pub class: Class,
    /// The streams it names; none if it names none.
    pub streams: Vec<String>,
    /// The server's own words. Hostile until escaped.
    pub text: Cow<'f, str>,
}

/// What a status means for us: the left column of the table of reactions.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Class {
    /// The subscription stands.
    Acknowledged,
    /// The server is there and has nothing to say.
    Alive,
    /// The server found our request wrong: a mistake of ours.
    RequestRefused,
    /// We asked to end a subscription that did not exist. Harmless.
    NotSubscribed,
    /// This stream will not be served.
    StreamRejected,
    /// This stream is switched off for now or for good.
    StreamDisabled,
    /// This stream cannot be served at the moment.
    StreamTrouble,
    /// The connection carries as many streams as it may.
    TooManySubscriptions,
    /// The connection cannot be served at the moment.
    ConnectionTrouble,
    /// The service is full.
    Capacity,
    /// The account's balance cannot be read at the moment; not a lack of credits.
    BalanceUnknown,
    /// The account has no credits left.
    CreditsUsedUp,
    /// This node closes: connect to another one at once.
    Maintenance,
    /// Our own request to stop was heard.
    StopHeard,
    /// We consume too slowly and will be cut off.
    SlowWarning,
    /// We consumed too slowly and are cut off.
    SlowDisconnected,
    /// We are not who we say, or not welcome.
    IdentityRefused,
    /// Not in the table: a success or nothing that we know.
    UnknownSuccess,
    /// Not in the table: a warning.
    UnknownWarning,
    /// Not in the table: a failure.
    UnknownFailure,
}
