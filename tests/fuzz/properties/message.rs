//! Frames built of what servers send: whatever stands beside a message, it comes out under its stream, byte for byte.

use arbitrary::{Result, Unstructured};
use serde_json::value::RawValue;
use siftd::protocol::Protocol as _;
use siftd::signal::Signal;

use super::{decoder, frame};

/// Keys that mean something, and some that do not.
const KEYS: &[&str] = &[
    "hash",
    "hashes",
    "data",
    "interaction",
    "id",
    "type",
    "deleted",
    "tick",
    "status",
    "message",
    "reconnect",
    "created_at",
    "received_at",
    "x",
    "\\u0068ash",
    "",
];

/// Scalars as servers and worse ones write them.
const SCALARS: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "1",
    "-1",
    "1e999",
    "0.1",
    "18446744073709551615",
    "1311694603",
    "\"\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"true\"",
    "\"Sat, 20 Oct 2012 17:10:20 +0000\"",
    "\"2012-10-20T17:10:20Z\"",
    "\"success\"",
    "\"failure\"",
    "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
    "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"",
    "\"\u{202e}\u{1f600}\"",
];

const STREAMS: &[&str] = &[
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "0123456789abcdef0123456789abcdef",
    "é",
    "x y",
];

pub(crate) fn holds(input: &[u8]) {
    let mut dice = Unstructured::new(input);
    // Dice that have run out throw zeros, so this does not fail; if it did, there would be nothing to try.
    let Ok(frames) =
        (0..dice.int_in_range(1..=3).unwrap_or(1)).map(|_| Sent::of(&mut dice)).collect::<Result<Vec<_>>>()
    else {
        return;
    };
    let separator = *dice.choose(&["", "\n", " "]).unwrap_or(&"");
    let whole: Vec<&str> = frames.iter().map(|sent| sent.frame.as_str()).collect();
    for text in [whole.join(separator), format!("[{}]", whole.join(","))] {
        frame::holds(text.as_bytes());
        let mut heard = Vec::new();
        decoder().decode(&text, &mut |signal| {
            if let Signal::Interaction(item) = signal {
                heard.push((item.stream.into_owned(), item.payload.to_owned()));
            }
        });
        let sent: Vec<_> = frames.iter().filter_map(|sent| sent.message.clone()).collect();
        assert_eq!(heard, sent, "{text}");
    }
}

/// One object, and the message that it carries for certain.
struct Sent {
    frame: String,
    message: Option<(String, String)>,
}

impl Sent {
    fn of(dice: &mut Unstructured<'_>) -> Result<Self> {
        if dice.ratio(1, 4)? {
            return Ok(Self { frame: object(dice, 3, &["data", "deleted"])?, message: None });
        }
        // A message in any spelling, beside anything that does not change what it is.
        let stream = *dice.choose(STREAMS)?;
        let payload = object(dice, 3, &["deleted", "interaction"])?;
        let mut pairs = vec![format!("\"hash\":\"{stream}\""), format!("\"data\":{payload}")];
        for _ in 0..dice.int_in_range(0..=2)? {
            let other = format!("\"x{}\":{}", pairs.len(), value(dice, 2)?);
            let place = dice.int_in_range(0..=pairs.len())?;
            pairs.insert(place, other);
        }
        let space = *dice.choose(&["", " ", "\n\t"])?;
        let frame = format!("{{{space}{}{space}}}", pairs.join(&format!("{space},{space}")));
        // Keys that come twice make an object that cannot be read; it is quarantined, which is kept too.
        let readable = serde_json::from_str::<Vec<&RawValue>>(&format!("[{payload}]")).is_ok();
        Ok(Self { frame, message: readable.then(|| (stream.to_ascii_lowercase(), payload)) })
    }
}

fn value(dice: &mut Unstructured<'_>, depth: usize) -> Result<String> {
    match dice.int_in_range(0..=5)? {
        0 | 1 if depth > 0 => object(dice, depth - 1, &[]),
        2 if depth > 0 => {
            let items: Result<Vec<_>> = (0..dice.int_in_range(0..=3)?).map(|_| value(dice, depth - 1)).collect();
            Ok(format!("[{}]", items?.join(",")))
        }
        3 => Ok(serde_json::Value::from(dice.arbitrary::<&str>()?.chars().take(12).collect::<String>()).to_string()),
        _ => Ok((*dice.choose(SCALARS)?).to_owned()),
    }
}

/// An object without these keys, and without any key twice.
fn object(dice: &mut Unstructured<'_>, depth: usize, without: &[&str]) -> Result<String> {
    let mut pairs: Vec<(&str, String)> = Vec::new();
    for _ in 0..dice.int_in_range(0..=4)? {
        let key = *dice.choose(KEYS)?;
        if without.contains(&key) || pairs.iter().any(|(known, _)| *known == key) {
            continue;
        }
        // The two spellings of one key count as one.
        if key.contains("0068") && pairs.iter().any(|(known, _)| *known == "hash")
            || key == "hash" && pairs.iter().any(|(known, _)| known.contains("0068"))
        {
            continue;
        }
        let space = *dice.choose(&["", " "])?;
        pairs.push((key, format!("\"{key}\":{space}{}", value(dice, depth)?)));
    }
    Ok(format!("{{{}}}", pairs.into_iter().map(|(_, pair)| pair).collect::<Vec<_>>().join(",")))
}
