//! A consumer that reads and discards: what the WebSocket alone costs.

use futures_util::StreamExt as _;
use tokio_tungstenite::tungstenite::Message;

use super::clock;
use super::sample::Own;

/// Reads so many messages.
pub(crate) fn run(url: &str, messages: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let tcp = tokio::net::TcpStream::connect(url.trim_start_matches("ws://").trim_end_matches('/')).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        let (mut socket, _) = tokio_tungstenite::client_async(url, tcp).await.unwrap();
        let (mut seen, mut begun) = (0, None);
        while seen < messages {
            if let Message::Text(_) = socket.next().await.unwrap().unwrap() {
                begun.get_or_insert_with(|| (clock::start(), clock::spent()));
                seen += 1;
            }
        }
        let (begun, spent) = begun.unwrap();
        Own { seconds: begun.elapsed().as_secs_f64(), cpu: clock::spent().saturating_sub(spent).as_secs_f64() }.tell();
    });
}
