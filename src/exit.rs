//! Every way the process ends (stands in until the house's own is merged).

use std::process::{ExitCode, Termination};

/// Why the process ends; the codes follow sysexits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    Stopped,
    Usage,
    Damaged,
    Bug,
    CannotCreate,
    Storage,
    Held,
    IdentityRefused,
    Config,
}

impl Exit {
    pub const fn code(self) -> u8 {
        match self {
            Self::Stopped => 0,
            Self::Usage => 64,
            Self::Damaged => 65,
            Self::Bug => 70,
            Self::CannotCreate => 73,
            Self::Storage => 74,
            Self::Held => 75,
            Self::IdentityRefused => 77,
            Self::Config => 78,
        }
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self.code())
    }
}
