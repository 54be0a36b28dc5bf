//! The bytes of each kind of garbage.

use crate::simulator::cue::GarbageKind;
use crate::simulator::wire;
use fastrand::Rng;
use tokio_tungstenite::tungstenite::Bytes;
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};

const TICK: &str = r#"{"tick":1311694603,"status":"connected","message":"Waiting for data"}"#;
const MANY: usize = 100_000;

/// The frame, or what is there instead of one; nothing for the kinds that the world makes.
pub(super) fn bytes(kind: GarbageKind, rng: &mut Rng) -> Option<Bytes> {
    let text = |text: &str| Some(wire::text(text.as_bytes()));
    let head = |opcode| FrameHeader { opcode, ..FrameHeader::default() };
    let as_text = head(OpCode::Data(Data::Text));
    match kind {
        GarbageKind::Array | GarbageKind::Lines | GarbageKind::NoId => None,
        GarbageKind::NotJson => text("<html><body>502 Bad Gateway</body></html>"),
        GarbageKind::BrokenJson => {
            text(r#"{"hash":"4f3af38ad1c31646561bc814c3e69af5","data":{"interaction":{"id":"1e30b"#)
        }
        GarbageKind::DeepJson => text(&format!(r#"{{"data":{}{}}}"#, "[".repeat(MANY), "]".repeat(MANY))),
        GarbageKind::WideJson => {
            let keys: Vec<String> = (0..MANY).map(|n| format!("\"k{n}\":{n}")).collect();
            text(&format!("{{{}}}", keys.join(",")))
        }
        GarbageKind::UnknownJson => text(r#"{"weather":"fine","since":[1,2,3]}"#),
        GarbageKind::OddJson => text(r#"{"a":1e999,"b":"\ud800","c":1,"c":2,"d":-0}"#),
        GarbageKind::UnknownStatus => text(r#"{"status":"notice","message":"The weather is fine"}"#),
        GarbageKind::Empty => text(""),
        GarbageKind::ByteOrderMark => text(&format!("\u{feff}{TICK}")),
        GarbageKind::StrayHash => {
            let id = format!("1e30b1613c35a00{:017x}", rng.u64(..) >> 1);
            text(&format!(
                r#"{{"hash":"{:032x}","data":{{"interaction":{{"id":"{id}","type":"twitter"}}}}}}"#,
                rng.u128(..)
            ))
        }
        GarbageKind::Binary => Some(wire::binary(&[0, 1, 2, 0xff, 0xfe])),
        GarbageKind::Pong => Some(wire::pong(b"nobody asked")),
        GarbageKind::InvalidUtf8 => Some(wire::frame(&as_text, b"{\"message\":\"\xc3\x28 \xff\"}")),
        GarbageKind::ReservedBits => {
            Some(wire::frame(&FrameHeader { rsv1: true, rsv2: true, ..as_text }, TICK.as_bytes()))
        }
        GarbageKind::UnknownOpcode => Some(wire::frame(&head(OpCode::Data(Data::Reserved(5))), TICK.as_bytes())),
        GarbageKind::Masked => {
            // A mask of zeros leaves the payload as it is.
            Some(wire::frame(&FrameHeader { mask: Some([0; 4]), ..as_text }, TICK.as_bytes()))
        }
        GarbageKind::LongPing => Some(wire::ping(&[b'p'; 126])),
        GarbageKind::BadClose => Some(wire::frame(&head(OpCode::Control(Control::Close)), &[0x03, 0xed, 0xff, 0xfe])),
        GarbageKind::Continuation => Some(wire::frame(&head(OpCode::Data(Data::Continue)), TICK.as_bytes())),
        GarbageKind::Noise => Some(Bytes::from((0..256).map(|_| rng.u8(..)).collect::<Vec<u8>>())),
    }
}
