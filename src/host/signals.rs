//! What an operator asks of the running daemon by a signal.

use std::future::pending;
use std::io;
use std::sync::Arc;

use futures_util::StreamExt;
use signal_hook::consts::signal::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGXFSZ};
use signal_hook_tokio::Signals;

/// A request of an operator or of the service manager.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Request {
    /// Stop in order; the name of the signal, for the notice.
    Stop(&'static str),
    /// Read settings and stream list again.
    Reload,
    /// Say the full state.
    State,
}

impl Request {
    const fn of_signal(signal: i32) -> Option<Self> {
        match signal {
            SIGTERM => Some(Self::Stop("SIGTERM")),
            SIGINT => Some(Self::Stop("SIGINT")),
            SIGHUP => Some(Self::Reload),
            SIGUSR1 => Some(Self::State),
            _ => None,
        }
    }
}

/// The requests as they come. A request that comes again before it was taken is one request.
///
/// From [`Requests::listen`] on, none of these signals ends the process by itself, however often it is sent.
/// (SIGPIPE does not either: Rust ignores it from the start of the program. Nor does SIGXFSZ, by which the kernel would
/// end a process whose file may not grow any further: the write fails instead, as on a full disk.)
pub struct Requests(Signals);

impl Requests {
    /// Takes over these signals. Needs a runtime with its input/output turned on.
    ///
    /// # Errors
    /// The kernel's, if a handler or its pipe cannot be made.
    pub fn listen() -> io::Result<Self> {
        signal_hook::flag::register(SIGXFSZ, Arc::default())?;
        Ok(Self(Signals::new([SIGTERM, SIGINT, SIGHUP, SIGUSR1])?))
    }

    /// Waits for the next request. Nothing is lost if the wait is given up.
    pub async fn next(&mut self) -> Request {
        loop {
            match self.0.next().await.map(Request::of_signal) {
                Some(Some(request)) => return request,
                Some(None) => {}
                None => pending::<()>().await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{Signal, getpid, kill_process};

    #[tokio::test]
    async fn every_signal_becomes_its_request_and_a_second_one_does_no_harm() {
        let mut requests = Requests::listen().unwrap();
        for (signal, request) in [
            (Signal::HUP, Request::Reload),
            (Signal::USR1, Request::State),
            (Signal::TERM, Request::Stop("SIGTERM")),
            (Signal::TERM, Request::Stop("SIGTERM")),
            (Signal::INT, Request::Stop("SIGINT")),
        ] {
            kill_process(getpid(), signal).unwrap();
            assert_eq!(requests.next().await, request);
        }
    }
}
