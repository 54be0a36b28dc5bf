//! What a protocol must tell us: how to ask, and what a frame says. Pure: bytes in, signals out.

mod datasift;

pub use datasift::DataSift;

use secrecy::SecretString;

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
