//! The way to the server: dial, read, write. Acts, and decides nothing.

mod dial;
pub mod http;
mod stream;
mod websocket;

pub use dial::{DialError, Dialed, Dialer, tls};
pub use websocket::{Event, Socket};
