//! A consumer as it is written in an afternoon: it reads some messages, stores them, and reads on when they are stored.

use std::path::Path;

use rusqlite::{Connection, params};
use serde_json::Value;
use tokio_tungstenite::tungstenite::{Message, connect};

use super::frames::stream_name;
use super::sample::tell;

/// Rows in a commit.
const BATCH: usize = 1_000;

/// Subscribes, and stores what comes until the connection ends.
pub(crate) fn run(url: &str, file: &Path, streams: usize) {
    let db = Connection::open(file).unwrap();
    db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).unwrap();
    db.pragma_update(None, "synchronous", "FULL").unwrap();
    db.execute_batch("CREATE TABLE interaction (id TEXT, stream TEXT, payload TEXT, UNIQUE (id, stream)) STRICT")
        .unwrap();
    let (mut socket, _) = connect(url).unwrap();
    for place in 0..streams {
        let hash = stream_name(place);
        socket.send(Message::text(format!(r#"{{"action":"subscribe","hash":"{hash}"}}"#))).unwrap();
    }
    let (mut subscribed, mut rows) = (0, Vec::new());
    while let Ok(message) = socket.read() {
        let Message::Text(text) = message else { continue };
        let told: Value = serde_json::from_str(&text).unwrap();
        if told["status"] == "success" {
            subscribed += 1;
            if subscribed == streams {
                tell(&serde_json::json!({ "event": "subscribed" }));
            }
        }
        let (Some(hash), Some(id)) = (told["hash"].as_str(), told["data"]["interaction"]["id"].as_str()) else {
            continue;
        };
        rows.push((id.to_owned(), hash.to_owned(), told["data"].to_string()));
        if rows.len() >= BATCH {
            store(&db, &mut rows);
        }
    }
    tell(&serde_json::json!({ "event": "cut" }));
    store(&db, &mut rows);
    tell(&serde_json::json!({ "event": "stored" }));
}

fn store(db: &Connection, rows: &mut Vec<(String, String, String)>) {
    let mut insert = db.prepare_cached("INSERT OR IGNORE INTO interaction VALUES (?1, ?2, ?3)").unwrap();
    db.execute_batch("BEGIN").unwrap();
    for (id, stream, payload) in rows.drain(..) {
        insert.execute(params![id, stream, payload]).unwrap();
    }
    db.execute_batch("COMMIT").unwrap();
}
