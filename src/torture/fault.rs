//! Everything that can go wrong.

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The process is gone, at once.
    Kill,
    /// The process stands still for a while.
    Freeze,
    /// The operator stops it, and starts it again.
    Stop,
    /// The disk takes nothing more for a while.
    DiskFull,
    /// The configuration is read anew.
    Reload,
    /// The same, and it is wrong.
    BadReload,
    /// The shopkeeper pauses the sale for a while.
    Pause,
    /// More units come on sale.
    MoreUnits,
    /// Units are taken away.
    FewerUnits,
    /// The wall clock is set.
    Clock,
    /// PostgreSQL hangs up, and can't be reached for a while.
    PostgresAway,
    /// PostgreSQL says nothing for a while.
    PostgresSilent,
    /// It fails, panics, dawdles or dies between two steps.
    Failpoint,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Kill,
        Self::Freeze,
        Self::Stop,
        Self::DiskFull,
        Self::Reload,
        Self::BadReload,
        Self::Pause,
        Self::MoreUnits,
        Self::FewerUnits,
        Self::Clock,
        Self::PostgresAway,
        Self::PostgresSilent,
        Self::Failpoint,
    ];

    /// For people.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Freeze => "freeze",
            Self::Stop => "stop",
            Self::DiskFull => "disk full",
            Self::Reload => "reload",
            Self::BadReload => "bad reload",
            Self::Pause => "pause",
            Self::MoreUnits => "more units",
            Self::FewerUnits => "fewer units",
            Self::Clock => "clock",
            Self::PostgresAway => "PostgreSQL away",
            Self::PostgresSilent => "PostgreSQL silent",
            Self::Failpoint => "failpoint",
        }
    }
}
