//! WebSocket frames as bytes (RFC 6455), written without a WebSocket object so that wrong ones can be written too.

use std::io::Cursor;
use tokio_tungstenite::tungstenite::Bytes;
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};

/// A client's message is an action of a few dozen bytes; more than this ends the connection.
const CLIENT_FRAME_MAX: u64 = 64 << 10;

/// What a client sent.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Heard {
    Text(Vec<u8>),
    Ping(Vec<u8>),
    Pong,
    Close,
}

/// A client that does not speak WebSocket, or says too much at once.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("not a WebSocket frame")]
    Frame(#[from] tokio_tungstenite::tungstenite::Error),
    #[error("a frame of {0} bytes, where a client has no reason to send more than {CLIENT_FRAME_MAX}")]
    TooLong(u64),
}

/// The header of a frame, as the given operation, for a payload of this length.
pub(super) fn header(header: &FrameHeader, length: u64, out: &mut Vec<u8>) {
    // A Vec takes every write.
    if header.format(length, out).is_err() {
        out.clear();
    }
}

fn plain(opcode: OpCode) -> FrameHeader {
    FrameHeader { opcode, ..FrameHeader::default() }
}

fn length(payload: &[u8]) -> u64 {
    u64::try_from(payload.len()).unwrap_or(u64::MAX)
}

/// One whole frame with any header.
pub(super) fn frame(head: &FrameHeader, payload: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(payload.len() + 14);
    header(head, length(payload), &mut out);
    out.extend_from_slice(payload);
    Bytes::from(out)
}

pub(super) fn text(payload: &[u8]) -> Bytes {
    frame(&plain(OpCode::Data(Data::Text)), payload)
}

/// The header alone of a text frame that claims so many bytes.
pub(super) fn claim(bytes: u64) -> Bytes {
    let mut out = Vec::new();
    header(&plain(OpCode::Data(Data::Text)), bytes, &mut out);
    Bytes::from(out)
}

pub(super) fn binary(payload: &[u8]) -> Bytes {
    frame(&plain(OpCode::Data(Data::Binary)), payload)
}

pub(super) fn ping(payload: &[u8]) -> Bytes {
    frame(&plain(OpCode::Control(Control::Ping)), payload)
}

pub(super) fn pong(payload: &[u8]) -> Bytes {
    frame(&plain(OpCode::Control(Control::Pong)), payload)
}

pub(super) fn close(code: u16, reason: &str) -> Bytes {
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(reason.as_bytes());
    frame(&plain(OpCode::Control(Control::Close)), &payload)
}

/// A text message in so many frames, optionally with a ping between each two.
pub(super) fn fragments(payload: &[u8], pieces: usize, pings: bool) -> Bytes {
    let pieces = pieces.max(1);
    let mut out = Vec::with_capacity(payload.len() + pieces.saturating_mul(20));
    let mut rest = payload;
    for left in (1..=pieces).rev() {
        let (piece, after) = rest.split_at(rest.len() / left);
        rest = after;
        let data = if left == pieces { Data::Text } else { Data::Continue };
        let head = FrameHeader { is_final: left == 1, ..plain(OpCode::Data(data)) };
        header(&head, length(piece), &mut out);
        out.extend_from_slice(piece);
        if pings && left != 1 {
            out.extend_from_slice(&ping(b"ping between fragments"));
        }
    }
    Bytes::from(out)
}

/// A frame's payload, given the frame as [`text`] made it.
pub(super) fn payload(frame: &Bytes) -> Bytes {
    let mut cursor = Cursor::new(frame.as_ref());
    match FrameHeader::parse(&mut cursor) {
        Ok(Some(_)) => frame.slice(usize::try_from(cursor.position()).unwrap_or(0)..),
        Ok(None) | Err(_) => Bytes::new(),
    }
}

/// Takes the first whole frame off what has been read, if one is there.
///
/// A message in several frames comes out as several; no client of this service sends one.
pub(super) fn take(read: &mut Vec<u8>) -> Result<Option<Heard>, Unreadable> {
    let mut cursor = Cursor::new(read.as_slice());
    let Some((head, length)) = FrameHeader::parse(&mut cursor)? else { return Ok(None) };
    let fits = usize::try_from(length).ok().filter(|_| length <= CLIENT_FRAME_MAX);
    let Some(fits) = fits else { return Err(Unreadable::TooLong(length)) };
    let start = usize::try_from(cursor.position()).unwrap_or(usize::MAX);
    let end = start.saturating_add(fits);
    let Some(masked) = read.get(start..end) else { return Ok(None) };
    let mask = head.mask.unwrap_or_default();
    let payload: Vec<u8> = masked.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
    read.drain(..end);
    Ok(Some(match head.opcode {
        OpCode::Data(_) => Heard::Text(payload),
        OpCode::Control(Control::Ping) => Heard::Ping(payload),
        OpCode::Control(Control::Pong | Control::Reserved(_)) => Heard::Pong,
        OpCode::Control(Control::Close) => Heard::Close,
    }))
}

/// Bytes from hexadecimal digits.
pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> =
        text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_digit(16)).collect::<Option<_>>()?;
    digits
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => u8::try_from(high * 16 + low).ok(),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(opcode: OpCode, payload: &[u8]) -> Vec<u8> {
        let mask = [1, 2, 3, 4];
        let covered: Vec<u8> = payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
        frame(&FrameHeader { mask: Some(mask), ..plain(opcode) }, &covered).to_vec()
    }

    #[test]
    fn frames_are_taken_one_by_one_and_only_whole() {
        let mut read = masked(OpCode::Data(Data::Text), b"{}");
        read.extend(masked(OpCode::Control(Control::Close), b""));
        let tail = read.split_off(read.len() - 1);
        assert_eq!(take(&mut read).unwrap(), Some(Heard::Text(b"{}".to_vec())));
        assert_eq!(take(&mut read).unwrap(), None);
        read.extend(tail);
        assert_eq!(take(&mut read).unwrap(), Some(Heard::Close));
        assert!(read.is_empty());
    }

    #[test]
    fn a_claim_beyond_reason_is_refused_before_it_is_read() {
        assert!(matches!(take(&mut claim(1 << 63).to_vec()), Err(Unreadable::TooLong(_) | Unreadable::Frame(_))));
    }

    #[test]
    fn hexadecimal_needs_whole_bytes() {
        assert_eq!(unhex("81 00ff"), Some(vec![0x81, 0, 0xff]));
        assert_eq!(unhex("810"), None);
        assert_eq!(unhex("8g"), None);
    }

    #[test]
    fn the_payload_of_a_frame_is_found_again() {
        for size in [0, 125, 126, 70_000] {
            let body = vec![b'x'; size];
            assert_eq!(payload(&text(&body)), body);
        }
    }
}
