//! What went wrong, and how often: a fault that never happened proves nothing.

use siftd::coverage::Cause;

/// Everything that can go wrong.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) enum Fault {
    Reset,
    ClosedByServer,
    Oversize,
    Silence,
    Stall,
    Maintenance,
    SlowWarning,
    SlowDisconnect,
    Down,
    Disabled,
    StreamTrouble,
    NoRoom,
    Credits,
    Suspend,
    Crash,
    CrashWithLoss,
    Stop,
    Reload,
    Garbled,
    QuarantineFull,
    AbsurdTick,
    Chatter,
    LostAnswer,
    Unnamed,
    DiskFails,
    DiskStalls,
    Unread,
    ClockForward,
    ClockBack,
    ServerForward,
    ServerBack,
    Duplicate,
    Delete,
}

impl Fault {
    pub(super) const ALL: [Self; 33] = [
        Self::Reset,
        Self::ClosedByServer,
        Self::Oversize,
        Self::Silence,
        Self::Stall,
        Self::Maintenance,
        Self::SlowWarning,
        Self::SlowDisconnect,
        Self::Down,
        Self::Disabled,
        Self::StreamTrouble,
        Self::NoRoom,
        Self::Credits,
        Self::Suspend,
        Self::Crash,
        Self::CrashWithLoss,
        Self::Stop,
        Self::Reload,
        Self::Garbled,
        Self::QuarantineFull,
        Self::AbsurdTick,
        Self::Chatter,
        Self::LostAnswer,
        Self::Unnamed,
        Self::DiskFails,
        Self::DiskStalls,
        Self::Unread,
        Self::ClockForward,
        Self::ClockBack,
        Self::ServerForward,
        Self::ServerBack,
        Self::Duplicate,
        Self::Delete,
    ];

    /// Whether this can be why a gap has that cause.
    fn explains(self, cause: Cause) -> bool {
        match cause {
            Cause::Network => matches!(self, Self::Reset | Self::Down | Self::Suspend),
            Cause::ServerClosed => self == Self::ClosedByServer,
            Cause::Maintenance => self == Self::Maintenance,
            Cause::Silence => matches!(self, Self::Silence | Self::Suspend | Self::Stall),
            Cause::SlowConsumer => matches!(self, Self::SlowWarning | Self::SlowDisconnect | Self::Unread),
            Cause::Capacity => self == Self::Down,
            Cause::Billing => self == Self::Credits,
            Cause::Disabled => self == Self::Disabled,
            Cause::OverLimit => self == Self::NoRoom,
            Cause::ServerError => matches!(
                self,
                Self::StreamTrouble
                    | Self::Down
                    | Self::Unnamed
                    | Self::LostAnswer
                    | Self::QuarantineFull
                    | Self::Stall
                    | Self::Silence
            ),
            Cause::OversizeFrame => self == Self::Oversize,
            Cause::LocalStorage => self == Self::DiskFails,
            Cause::Crash => matches!(self, Self::Crash | Self::CrashWithLoss),
            Cause::Suspended => self == Self::Suspend,
            Cause::Starting => !matches!(self, Self::Duplicate | Self::Delete | Self::Chatter),
            Cause::Shutdown => true,
            Cause::Auth | Cause::Rejected => false,
        }
    }
}

/// How often each fault happened.
#[derive(Clone, Debug)]
pub(super) struct Faults([u32; Fault::ALL.len()]);

impl Default for Faults {
    fn default() -> Self {
        Self([0; Fault::ALL.len()])
    }
}

impl Faults {
    pub(super) fn happened(&mut self, fault: Fault) {
        let at = Fault::ALL.iter().position(|other| *other == fault).unwrap();
        *self.0.get_mut(at).unwrap() += 1;
    }

    pub(super) fn count(&self, fault: Fault) -> u32 {
        self.iter().find(|(other, _)| *other == fault).map_or(0, |(_, count)| count)
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Fault, u32)> {
        Fault::ALL.into_iter().zip(self.0)
    }

    /// Whether what happened can be why a gap has that cause.
    pub(super) fn explain(&self, cause: Cause) -> bool {
        cause == Cause::Shutdown || self.iter().any(|(fault, count)| count > 0 && fault.explains(cause))
    }
}
