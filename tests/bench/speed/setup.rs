//! How long it takes until 5,000 streams are acknowledged: at the start, and after the server has closed.

use serde_json::Value;

use super::sample::Measures;
use super::stage::{Running, Stage, Trim};

/// A connection, and a second one after the server went away. Milliseconds; the back-off is left out.
pub(crate) fn subscribed(tls: bool) -> Measures {
    let stage = Stage::new();
    let trim = Trim { tls, ..Trim::default() };
    let (mut server, port) = stage.server(&trim);
    let mut daemon = stage.daemon(&trim, port);
    let opened = server.hear("opened");
    let connected = at(&daemon.hear("connected"));
    let first = server.hear("subscribed");
    let subscribed = at(&daemon.hear("subscribed"));
    let mut running = Running { server, daemon, archive: stage.archive(&trim) };
    let again = renewed(&mut running);
    running.stop();
    vec![
        ("subscribed", milliseconds(subscribed - connected)),
        ("server", milliseconds(number(&first, "at") - number(&first, "first"))),
        ("handshake", milliseconds(number(&opened, "at") - number(&opened, "accepted"))),
        ("again", again),
    ]
}

/// From the server's close until all streams are active again, in milliseconds; the back-off is left out.
pub(crate) fn renewed(running: &mut Running) -> f64 {
    running.server.order("close");
    let closing = number(&running.server.hear("closing"), "at");
    let lost = at(&running.daemon.hear("disconnected"));
    // In between the daemon waits, as it is told to.
    let accepted = number(&running.server.hear("opened"), "accepted");
    let again = at(&running.daemon.hear("subscribed"));
    milliseconds(lost - closing + again - accepted)
}

/// When a notice was said, in microseconds.
fn at(notice: &Value) -> i64 {
    notice["at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_microsecond()
}

fn number(event: &Value, name: &str) -> i64 {
    event[name].as_i64().unwrap()
}

fn milliseconds(micros: i64) -> f64 {
    f64::from(i32::try_from(micros).unwrap()) / 1000.0
}
