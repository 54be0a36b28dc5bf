//! What can go wrong in a soak, and what may follow from it.

/// A kind of trouble.
pub(super) struct Trouble {
    pub(super) name: &'static str,
    /// What the simulator is told.
    pub(super) cues: &'static [&'static str],
    /// The causes that its gaps may have; without any it must be borne without a gap.
    pub(super) causes: &'static [&'static str],
}

const fn cut(name: &'static str, causes: &'static [&'static str], cues: &'static [&'static str]) -> Trouble {
    Trouble { name, cues, causes }
}

const fn borne(name: &'static str, cues: &'static [&'static str]) -> Trouble {
    Trouble { name, cues, causes: &[] }
}

const RESET: &str = r#"{"do":{"close":{"how":"reset"}}}"#;
const GARBLED: &[&str] = &["server_error"];

/// Each of these ends the connection; a new one is made, and the gaps end.
pub(super) const CUTS: &[Trouble] = &[
    cut("closed with a code", &["server_closed"], &[r#"{"do":{"close":{"code":1011,"reason":"internal error"}}}"#]),
    cut("closed as if all were well", &["server_closed"], &[r#"{"do":{"close":{"code":1000}}}"#]),
    cut("closed without a word", &["network"], &[r#"{"do":{"close":{"how":"bare"}}}"#]),
    cut("reset", &["network"], &[RESET]),
    cut("half-open", &["silence"], &[r#"{"do":{"close":{"how":"half_open"}}}"#]),
    cut("maintenance", &["maintenance"], &[r#"{"do":{"say":{"message":"maintenance"}}}"#]),
    cut("asked to reconnect", &["maintenance"], &[r#"{"do":{"say":{"message":"reconnect"}}}"#]),
    cut("connection trouble", &["server_error"], &[r#"{"do":{"say":{"message":"connection-trouble"}}}"#]),
    cut("unknown failure", &["server_error"], &[r#"{"do":{"say":{"message":"unknown-failure"}}}"#]),
    cut("full capacity", &["capacity"], &[r#"{"do":{"say":{"message":"full-capacity"}}}"#]),
    cut("cut off as too slow", &["slow_consumer"], &[r#"{"do":{"say":{"message":"slow-disconnected"}}}"#]),
    cut(
        "warned as too slow, then reset",
        &["slow_consumer"],
        &[r#"{"do":{"say":{"message":"slow-warning"}}}"#, r#"{"when":{"delay":"2s"},"do":{"close":{"how":"reset"}}}"#],
    ),
    cut(
        "lag of 3 s, then reset",
        &["network"],
        &[
            r#"{"do":{"lag":{"hold":"3s"}}}"#,
            r#"{"when":{"delay":"4s"},"do":{"close":{"how":"reset"}}}"#,
            r#"{"when":{"delay":"4s"},"do":{"lag":{"hold":"0s"}}}"#,
        ],
    ),
    cut("refused twice", &["network"], &[r#"{"do":{"refuse":{"status":503,"times":2}}}"#, RESET]),
    cut("refused with Retry-After", &["network"], &[r#"{"do":{"refuse":{"status":429,"retry_after":"2"}}}"#, RESET]),
    cut("nobody listens for 3 s", &["network"], &[r#"{"do":{"stop_listening":{"lasts":"3s"}}}"#, RESET]),
    cut("a slow handshake", &["network"], &[r#"{"do":{"slow_handshake":{"pause":"2ms"}}}"#, RESET]),
    cut("text that is not UTF-8", GARBLED, &[r#"{"do":{"garbage":{"kind":"invalid_utf8"}}}"#]),
    cut("reserved bits", GARBLED, &[r#"{"do":{"garbage":{"kind":"reserved_bits"}}}"#]),
    cut("an unknown operation", GARBLED, &[r#"{"do":{"garbage":{"kind":"unknown_opcode"}}}"#]),
    cut("a masked frame", GARBLED, &[r#"{"do":{"garbage":{"kind":"masked"}}}"#]),
    cut("a ping too long", GARBLED, &[r#"{"do":{"garbage":{"kind":"long_ping"}}}"#]),
    cut("a continuation of nothing", GARBLED, &[r#"{"do":{"garbage":{"kind":"continuation"}}}"#]),
    cut("a frame of 25 MiB", &["oversize_frame"], &[r#"{"do":{"giant":{"bytes":"25MiB"}}}"#]),
    cut("a claim of 2^62 bytes", &["oversize_frame"], &[r#"{"do":{"claim":{"bytes":"4611686018427387904"}}}"#]),
];

/// Each of these must be borne without a gap.
pub(super) const BORNE: &[Trouble] = &[
    borne("no JSON", &[r#"{"do":{"garbage":{"kind":"not_json"}}}"#]),
    borne("broken JSON", &[r#"{"do":{"garbage":{"kind":"broken_json"}}}"#]),
    borne("unknown JSON", &[r#"{"do":{"garbage":{"kind":"unknown_json"}}}"#]),
    borne("odd JSON", &[r#"{"do":{"garbage":{"kind":"odd_json"}}}"#]),
    borne("an unknown status", &[r#"{"do":{"garbage":{"kind":"unknown_status"}}}"#]),
    borne("an empty frame", &[r#"{"do":{"garbage":{"kind":"empty"}}}"#]),
    borne("a byte-order mark", &[r#"{"do":{"garbage":{"kind":"byte_order_mark"}}}"#]),
    borne("a message of nobody", &[r#"{"do":{"garbage":{"kind":"stray_hash"}}}"#]),
    borne("two in an array", &[r#"{"do":{"garbage":{"kind":"array"}}}"#]),
    borne("two in a frame", &[r#"{"do":{"garbage":{"kind":"lines"}}}"#]),
    borne("one without an id", &[r#"{"do":{"garbage":{"kind":"no_id"}}}"#]),
    borne("a binary frame", &[r#"{"do":{"garbage":{"kind":"binary"}}}"#]),
    borne("a pong that nobody asked for", &[r#"{"do":{"garbage":{"kind":"pong"}}}"#]),
    borne("pings without pause", &[r#"{"do":{"pings":{"count":2000}}}"#]),
    borne("a message in 500 pieces", &[r#"{"do":{"fragments":{"pieces":500,"pings":true}}}"#]),
    borne("a message of 2 MiB", &[r#"{"do":{"giant":{"bytes":"2MiB"}}}"#]),
    borne("nothing sent for 2 s", &[r#"{"do":{"stall":{"what":"sending","lasts":"2s"}}}"#]),
    borne("nothing read for 2 s", &[r#"{"do":{"stall":{"what":"reading","lasts":"2s"}}}"#]),
    borne(
        "no ticks for 3 s",
        &[r#"{"do":{"ticks":{"every":"0s"}}}"#, r#"{"when":{"delay":"3s"},"do":{"ticks":{"every":"1s"}}}"#],
    ),
    borne("lag of 1 s", &[r#"{"do":{"lag":{"hold":"1s"}}}"#, r#"{"when":{"delay":"2s"},"do":{"lag":{"hold":"0s"}}}"#]),
    borne("a flood of 5,000", &[r#"{"do":{"burst":{"messages":5000}}}"#]),
    borne("200 deletes", &[r#"{"do":{"deletes":{"count":200}}}"#]),
    borne("20 early deletes", &[r#"{"do":{"deletes":{"count":20,"early":true}}}"#]),
];

/// One stream is switched off by the server, and later is fine again.
pub(super) const DISABLED: &str = "a stream is switched off";

/// Fifty streams are taken out of the list, and later are in it again.
pub(super) const LIST: &str = "the list changes";
