//! Who reads the log, and in which form.

use std::env::var_os;
use std::ffi::OsStr;
use std::io::{IsTerminal, Write, stderr};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::fstat;
use tracing::Dispatch;
use tracing::level_filters::LevelFilter;
use tracing_journald::{Priority, PriorityMappings};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Registry, fmt};

use crate::config::LogFormat;

use super::LogError;
use super::event::TARGET;
use super::line::Form;

/// The subscriber for a format.
///
/// # Errors
/// If the journal is asked for by name and cannot be reached.
pub(super) fn choose(format: LogFormat) -> Result<Dispatch, LogError> {
    match format {
        LogFormat::Auto if is_journal(var_os("JOURNAL_STREAM").as_deref()) => Ok(journal().unwrap_or_else(|_| json())),
        LogFormat::Auto if stderr().is_terminal() => Ok(text()),
        LogFormat::Auto | LogFormat::Json => Ok(json()),
        LogFormat::Journald => journal().map_err(LogError::Journal),
        LogFormat::Text => Ok(text()),
    }
}

fn json() -> Dispatch {
    lines(Form::Json, stderr())
}

fn text() -> Dispatch {
    let refused = var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    lines(Form::Text { colours: stderr().is_terminal() && !refused }, stderr())
}

/// The journal's own protocol, which carries each field apart from the others.
fn journal() -> std::io::Result<Dispatch> {
    let priorities = PriorityMappings {
        error: Priority::Error,
        warn: Priority::Warning,
        info: Priority::Informational,
        debug: Priority::Debug,
        trace: Priority::Debug,
    };
    let layer = tracing_journald::layer()?
        .with_field_prefix(None)
        .with_syslog_identifier("siftd".into())
        .with_priority_mappings(priorities);
    Ok(Dispatch::new(Registry::default().with(layer).with(ours())))
}

/// Lines of a form into `out`. What cannot be written is dropped without a word: there is no other place for it.
pub(super) fn lines<W: Write + Send + 'static>(form: Form, out: W) -> Dispatch {
    let layer = fmt::layer().event_format(form).with_writer(Mutex::new(out)).log_internal_errors(false);
    Dispatch::new(Registry::default().with(layer).with(ours()))
}

/// What comes of the events that `speak` makes.
pub(super) fn written(form: Form, speak: impl FnOnce()) -> String {
    let page = Page::default();
    tracing::dispatcher::with_default(&lines(form, page.clone()), speak);
    page.text()
}

/// A place to write to that can be read again.
#[derive(Clone, Debug, Default)]
pub(super) struct Page(Arc<Mutex<Vec<u8>>>);

impl Page {
    pub(super) fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Lets nothing through that is not a notice.
fn ours() -> Targets {
    Targets::new().with_target(TARGET, LevelFilter::TRACE)
}

/// Whether `$JOURNAL_STREAM` (systemd.exec(5)) names what stderr is: its device and its inode, in decimal.
fn is_journal(stream: Option<&OsStr>) -> bool {
    let Some(stream) = stream.and_then(OsStr::to_str) else { return false };
    fstat(stderr()).is_ok_and(|file| stream == format!("{}:{}", file.st_dev, file.st_ino))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_journal_is_known_by_device_and_inode() {
        let file = fstat(stderr()).unwrap();
        assert!(is_journal(Some(OsStr::new(&format!("{}:{}", file.st_dev, file.st_ino)))));
        assert!(!is_journal(Some(OsStr::new(&format!("{}:{}", file.st_dev, file.st_ino + 1)))));
        assert!(!is_journal(None));
    }
}
