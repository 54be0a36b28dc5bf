//! A client for the tests, and a reader of the journal.

use super::super::{Cue, Running, Scenario, Server, Totals};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::protocol::{Message, WebSocketConfig};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

/// Far longer than anything here takes: reaching it is a failure.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Stage {
    pub(super) running: Option<Running>,
    folder: TempDir,
}

impl Stage {
    pub(super) fn set(scenario: Scenario) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let running = Server::start(scenario, &folder.path().join("journal")).expect("a simulator");
        Self { running: Some(running), folder }
    }

    /// From TOML, as a user would write it.
    pub(super) fn of(text: &str) -> Self {
        Self::set(Scenario::parse(text).expect("a scenario"))
    }

    pub(super) fn running(&self) -> &Running {
        self.running.as_ref().expect("still running")
    }

    pub(super) fn hash(&self, place: usize) -> String {
        self.running().streams()[place].0.clone()
    }

    /// Fires a cue now.
    pub(super) fn cue(&self, json: &str) {
        let cue = Cue::parse(&format!(r#"{{"do":{json}}}"#)).expect("a cue");
        self.running().cue(cue).expect("taken");
    }

    pub(super) async fn client(&self) -> Client {
        Client::connect(&self.running().url()).await.expect("a connection")
    }

    /// Ends the run and reads its journal.
    pub(super) fn end(mut self) -> (Vec<Value>, Totals) {
        let totals = self.running.take().expect("still running").stop().expect("a whole journal");
        (self.journal(), totals)
    }

    pub(super) fn journal(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.path()).expect("a journal");
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("journal")
    }

    /// Waits until the journal has so many lines of this event.
    pub(super) async fn journaled(&self, event: &str, count: usize) -> Vec<Value> {
        let wanted = async {
            loop {
                let lines = of(&self.journal(), event);
                if lines.len() >= count {
                    return lines;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wanted).await.unwrap_or_else(|_| panic!("no {count} lines of {event}"))
    }
}

/// The lines of one event.
pub(super) fn of(journal: &[Value], event: &str) -> Vec<Value> {
    journal.iter().filter(|line| line["event"] == event).cloned().collect()
}

pub(super) struct Client(pub(super) WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    pub(super) async fn connect(url: &str) -> Result<Self, Error> {
        let config = WebSocketConfig::default().max_message_size(Some(64 << 20)).max_frame_size(Some(64 << 20));
        tokio::time::timeout(PATIENCE, connect_async_with_config(url, Some(config), true))
            .await
            .expect("an answer to the upgrade")
            .map(|(socket, _)| Self(socket))
    }

    pub(super) async fn send(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.expect("sent");
    }

    pub(super) async fn subscribe(&mut self, hash: &str) {
        self.send(&format!(r#"{{"action":"subscribe","hash":"{hash}"}}"#)).await;
    }

    pub(super) async fn next(&mut self) -> Option<Result<Message, Error>> {
        tokio::time::timeout(PATIENCE, self.0.next()).await.expect("something within 20 s")
    }

    /// The next text, pings left aside.
    pub(super) async fn text(&mut self) -> String {
        loop {
            match self.next().await {
                Some(Ok(Message::Text(text))) => return text.to_string(),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("a text was due, not {other:?}"),
            }
        }
    }

    pub(super) async fn json(&mut self) -> Value {
        serde_json::from_str(&self.text().await).expect("JSON")
    }

    /// The next status, interactions left aside.
    pub(super) async fn status(&mut self) -> Value {
        loop {
            let json = self.json().await;
            if json.get("status").is_some() {
                return json;
            }
        }
    }

    /// Everything up to the end: the texts, and what ended it.
    pub(super) async fn rest(&mut self) -> (Vec<String>, Option<Result<Message, Error>>) {
        let mut texts = Vec::new();
        loop {
            match self.next().await {
                Some(Ok(Message::Text(text))) => texts.push(text.to_string()),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                end => {
                    if matches!(end, Some(Ok(Message::Close(_)))) {
                        // The next read sends the answer to the close; there is nothing more to be read.
                        let after = self.next().await;
                        assert!(!matches!(after, Some(Ok(_))), "{after:?} after a close");
                    }
                    return (texts, end);
                }
            }
        }
    }
}
