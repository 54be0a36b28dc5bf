//! Tests from outside: what the daemon is told, and what it does about it.
#![expect(clippy::too_many_lines, reason = "a transcript is as long as the life that it tells")]

#[cfg(test)]
mod decode;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod session;
#[cfg(test)]
mod simulate;
