//! Why a demo could not be given, or did not come out as promised.

use std::io;
use std::path::PathBuf;

use crate::archive::reading::ReadError;
use crate::exit::Exit;

#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("the folder {} cannot be made or written ({error}): name another with --dir", .path.display())]
    Folder { path: PathBuf, error: io::Error },
    #[error("the folder {} is not empty, and a demo overwrites nothing: name another with --dir", .0.display())]
    NotEmpty(PathBuf),
    #[error("the demo cannot run here ({0}): are there too many open files or processes?")]
    Runtime(io::Error),
    #[error("the {who} cannot be started ({error}): is {} still this program?", .program.display())]
    Start { who: &'static str, program: PathBuf, error: io::Error },
    #[error("the {who} takes no orders ({error}): see {}", .log.display())]
    Order { who: &'static str, log: PathBuf, error: io::Error },
    #[error("the {who} ended too early ({how}); the end of its log {}:\n{tail}", .log.display())]
    Died { who: &'static str, how: String, log: PathBuf, tail: String },
    #[error("the {who} did not {what} within {seconds} s; the end of its log {}:\n{tail}", .log.display())]
    Late { who: &'static str, what: String, seconds: u64, log: PathBuf, tail: String },
    #[error("the journal {} cannot be read ({error}): is the disk full?", .path.display())]
    Journal { path: PathBuf, error: io::Error },
    #[error("{} line {line}: {error}: the journal was changed, or the simulator is at fault", .path.display())]
    Line { path: PathBuf, line: usize, error: serde_json::Error },
    #[error(transparent)]
    Archive(#[from] ReadError),
    #[error("the promise is broken, please report this with the folder of the demo:\n{0}")]
    Broken(String),
    #[error("standard output cannot be written ({0}): is the disk full that it goes to?")]
    Output(#[from] io::Error),
}

impl Failure {
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::NotEmpty(_) => Exit::Usage,
            Self::Folder { .. } => Exit::CannotCreate,
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Stopped,
            Self::Runtime(_) | Self::Start { .. } | Self::Journal { .. } | Self::Archive(_) | Self::Output(_) => {
                Exit::Storage
            }
            Self::Order { .. } | Self::Died { .. } | Self::Late { .. } | Self::Line { .. } | Self::Broken(_) => {
                Exit::Bug
            }
        }
    }
}
