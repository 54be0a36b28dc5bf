//! The calls that the REST side knows, and what each costs.

/// A call. Source: DataSift, REST API; the costs as recorded in the answers of version 1.6.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::simulator) enum Call {
    Compile,
    Prepare,
    Start,
    Get,
    Status,
    Stop,
    Pause,
    Resume,
    Update,
    Delete,
    PushCreate,
    PushGet,
    PushPause,
    PushResume,
    PushStop,
    PushDelete,
    PushLog,
    Pull,
}

impl Call {
    pub(in crate::simulator) const ALL: [Self; 18] = [
        Self::Compile,
        Self::Prepare,
        Self::Start,
        Self::Get,
        Self::Status,
        Self::Stop,
        Self::Pause,
        Self::Resume,
        Self::Update,
        Self::Delete,
        Self::PushCreate,
        Self::PushGet,
        Self::PushPause,
        Self::PushResume,
        Self::PushStop,
        Self::PushDelete,
        Self::PushLog,
        Self::Pull,
    ];

    /// Its path without the version.
    pub(in crate::simulator) const fn name(self) -> &'static str {
        match self {
            Self::Compile => "compile",
            Self::Prepare => "historics/prepare",
            Self::Start => "historics/start",
            Self::Get => "historics/get",
            Self::Status => "historics/status",
            Self::Stop => "historics/stop",
            Self::Pause => "historics/pause",
            Self::Resume => "historics/resume",
            Self::Update => "historics/update",
            Self::Delete => "historics/delete",
            Self::PushCreate => "push/create",
            Self::PushGet => "push/get",
            Self::PushPause => "push/pause",
            Self::PushResume => "push/resume",
            Self::PushStop => "push/stop",
            Self::PushDelete => "push/delete",
            Self::PushLog => "push/log",
            Self::Pull => "pull",
        }
    }

    pub(in crate::simulator) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|call| call.name() == name)
    }

    /// The call that a path means: `/v1.6/pull`, and the older `/pull` and `/pull.json`.
    pub(super) fn of_path(path: &str) -> Option<Self> {
        let path = path.trim_matches('/');
        let path = path.strip_suffix(".json").unwrap_or(path);
        let versioned = path.split_once('/').filter(|(first, _)| {
            let number = first.strip_prefix('v').unwrap_or_default();
            !number.is_empty() && number.chars().all(|c| c.is_ascii_digit() || c == '.')
        });
        Self::named(versioned.map_or(path, |(_, rest)| rest))
    }

    /// Credits; none for a call outside the scheme, whose answers do not speak of credits either.
    pub(super) const fn cost(self) -> Option<u64> {
        match self {
            // That of `historics/status` was not recorded; it is as its neighbours'.
            Self::Prepare | Self::Start | Self::Get | Self::Delete | Self::Status => Some(25),
            Self::Compile | Self::Stop | Self::Pause | Self::Resume | Self::Update | Self::PushCreate => Some(5),
            Self::PushGet | Self::PushPause | Self::PushResume | Self::PushStop | Self::PushDelete | Self::PushLog => {
                Some(1)
            }
            Self::Pull => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_means_a_call_in_any_version() {
        for path in ["/v1.6/pull", "/v1/pull", "/pull", "/pull.json", "/v1.2/pull.json"] {
            assert_eq!(Call::of_path(path), Some(Call::Pull), "{path}");
        }
        assert_eq!(Call::of_path("/v1.6/historics/prepare"), Some(Call::Prepare));
        for path in ["/", "/v1.6", "/video/pull", "/v1.6/push", "/v1.6/v1.6/pull"] {
            assert_eq!(Call::of_path(path), None, "{path}");
        }
    }
}
