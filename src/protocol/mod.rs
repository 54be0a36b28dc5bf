//! What a protocol must tell us: how to ask, and what a frame says. Pure: bytes in, signals out.

mod datasift;

pub use datasift::DataSift;

use secrecy::SecretString;

use crate::historic::{Ask, Call, Hint, Refusal, Reply, Told};
use crate::peer_text::Mask;
use crate::signal::{Class, Signal};

/// One server's language.
pub trait Protocol: Send {
    /// The address to connect to, identity included, and the same without any secret, fit to be shown.
    fn address(&self) -> Address;

    /// The message that asks for a stream.
    fn subscribe(&self, stream: &str) -> String;

    /// The message that ends a stream.
    fn unsubscribe(&self, stream: &str) -> String;

    /// What the body of an answer that refuses the connection means, if it is a known message.
    fn class_of(&self, body: &str) -> Option<Class>;

    /// Says what a frame says. Whatever cannot be understood is said as [`Signal::Unreadable`]; nothing of a frame
    /// is left unsaid.
    fn decode(&mut self, frame: &str, say: &mut dyn FnMut(Signal<'_>));
}

/// A server whose past messages can be asked for, over HTTP.
pub trait Archived: Send {
    /// The request that asks this. The identity is not in it.
    fn call(&self, ask: &Ask) -> Call;

    /// What the server counts a request as, in its credits.
    fn credits(&self, ask: &Ask) -> u64;

    /// What an answer to this says, or why it is none of use.
    ///
    /// # Errors
    /// If the server refused, or said what cannot be understood.
    fn told(&mut self, ask: &Ask, reply: &Reply) -> Result<Told, Refusal>;

    /// What an answer says about coming back.
    fn hint(&mut self, reply: &Reply) -> Hint;

    /// The streams that a message of several combined ones is said to be of, by the server and not by its author.
    fn marks(&self, payload: &str) -> Vec<String>;

    /// Says the rows of a page, in order. A message that names no stream is of the query's stream; whatever cannot be
    /// understood is said as [`Signal::Unreadable`].
    fn rows<'b>(&mut self, reply: &'b Reply, say: &mut dyn FnMut(Signal<'b>));
}

/// Where to connect.
#[derive(Clone, Debug)]
pub struct Address {
    /// With the identity in it: never to be shown.
    pub secret: SecretString,
    /// Without.
    pub shown: String,
    /// Hides the identity in whatever the server says about it.
    pub mask: Mask,
}
