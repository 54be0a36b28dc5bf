//! What we tell the service manager: ready, stopping, alive, and one line of status.

use std::env::var_os;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use sd_notify::NotifyState;

use crate::limits::STATUS_TEXT_MAX;

/// The way to the service manager (`sd_notify(3)`), or nowhere if none asked to be told.
///
/// Telling never waits and never fails: the socket does not block, and a manager that is gone or does not listen
/// changes nothing for us. (The library's own way of sending waits for room, so only its words are used.)
#[derive(Debug, Default)]
pub struct Systemd {
    socket: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Systemd {
    /// The manager that `$NOTIFY_SOCKET` and `$WATCHDOG_USEC` name; nowhere without them.
    pub fn of_environment() -> Self {
        let socket = var_os("NOTIFY_SOCKET").and_then(|name| socket_to(&name).ok());
        Self { socket, watchdog: sd_notify::watchdog_enabled().map(|granted| granted / 2) }
    }

    /// The daemon works: after the start, and after each reload.
    pub fn ready(&self) {
        self.tell(&[NotifyState::Ready]);
    }

    /// One line for `systemctl status`. Never put words of a peer into it.
    pub fn status(&self, line: &str) {
        let line: String = line.chars().filter(|c| !c.is_control()).take(STATUS_TEXT_MAX).collect();
        self.tell(&[NotifyState::Status(&line)]);
    }

    /// The daemon reads its settings again; [`Systemd::ready`] ends it.
    pub fn reloading(&self) {
        // systemd 253 and later want the moment in the same message.
        match NotifyState::monotonic_usec_now() {
            Ok(moment) => self.tell(&[NotifyState::Reloading, moment]),
            Err(_) => self.tell(&[NotifyState::Reloading]),
        }
    }

    /// The daemon is about to end.
    pub fn stopping(&self) {
        self.tell(&[NotifyState::Stopping]);
    }

    /// How often [`Systemd::watchdog`] is to be called: half of what the manager grants to *this* process.
    pub const fn watchdog_every(&self) -> Option<Duration> {
        self.watchdog
    }

    /// The daemon makes progress. To be called by the loop that does the work, not by a timer of its own, else it
    /// proves nothing.
    pub fn watchdog(&self) {
        self.tell(&[NotifyState::Watchdog]);
    }

    /// Start or stop takes longer: the manager is to wait this long from now on.
    pub fn extend_timeout(&self, span: Duration) {
        self.tell(&[NotifyState::ExtendTimeoutUsec(u32::try_from(span.as_micros()).unwrap_or(u32::MAX))]);
    }

    fn tell(&self, words: &[NotifyState<'_>]) {
        let Some((socket, address)) = &self.socket else { return };
        let message: Vec<String> = words.iter().map(ToString::to_string).collect();
        // A manager that cannot be told is no reason to do anything else.
        socket.send_to_addr(message.join("\n").as_bytes(), address).ok();
    }
}

/// A socket that does not block, and the address that `$NOTIFY_SOCKET` holds: a path, or `@` and an abstract name.
fn socket_to(name: &OsStr) -> io::Result<(UnixDatagram, SocketAddr)> {
    let address = match name.as_bytes() {
        [b'@', rest @ ..] => SocketAddr::from_abstract_name(rest)?,
        _ => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    Ok((socket, address))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Listener {
        socket: UnixDatagram,
        systemd: Systemd,
        _folder: tempfile::TempDir,
    }

    fn listener() -> Listener {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let systemd = Systemd { socket: Some(socket_to(path.as_os_str()).unwrap()), watchdog: None };
        Listener { socket, systemd, _folder: folder }
    }

    impl Listener {
        fn heard(&self) -> String {
            let mut buffer = [0; 4096];
            let length = self.socket.recv(&mut buffer).unwrap();
            String::from_utf8_lossy(buffer.get(..length).unwrap()).into_owned()
        }
    }

    #[test]
    fn each_word_reaches_the_manager() {
        let manager = listener();
        manager.systemd.ready();
        assert_eq!(manager.heard(), "READY=1");
        manager.systemd.watchdog();
        assert_eq!(manager.heard(), "WATCHDOG=1");
        manager.systemd.stopping();
        assert_eq!(manager.heard(), "STOPPING=1");
        manager.systemd.extend_timeout(Duration::from_secs(7));
        assert_eq!(manager.heard(), "EXTEND_TIMEOUT_USEC=7000000");
    }

    #[test]
    fn a_reload_says_when_in_the_same_message() {
        let manager = listener();
        manager.systemd.reloading();
        let heard = manager.heard();
        let moment = heard.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
        assert!(moment.parse::<u64>().unwrap() > 0);
    }

    #[test]
    fn a_status_cannot_smuggle_in_another_word() {
        let manager = listener();
        manager.systemd.status("live\nMAINPID=1\r\nWATCHDOG=trigger");
        assert_eq!(manager.heard(), "STATUS=liveMAINPID=1WATCHDOG=trigger");
        manager.systemd.status(&"x".repeat(100_000));
        assert_eq!(manager.heard().len(), "STATUS=".len() + STATUS_TEXT_MAX);
    }

    #[test]
    fn an_abstract_name_is_an_address_too() {
        let name = format!("siftd-test-{}", std::process::id());
        let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        let systemd = Systemd { socket: socket_to(OsStr::new(&format!("@{name}"))).ok(), watchdog: None };
        systemd.ready();
        let mut buffer = [0; 16];
        assert_eq!(socket.recv(&mut buffer).unwrap(), 7);
    }

    #[test]
    fn a_manager_that_is_absent_dead_or_deaf_does_no_harm() {
        Systemd::default().ready();
        let gone = listener();
        drop(gone.socket);
        gone.systemd.ready();
        // More than any socket's queue holds, and nobody reads: telling must return all the same.
        let deaf = listener();
        for _ in 0..10_000 {
            deaf.systemd.watchdog();
        }
        assert_eq!(deaf.heard(), "WATCHDOG=1");
    }
}
