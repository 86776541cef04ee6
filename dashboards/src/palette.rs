//! One colour for one kind of state, on every board.

/// What a state means for the farm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As it should be.
    Good,
    /// On its way there: starting, synchronising, being repaired.
    Busy,
    /// Not yet a loss: waits, or is close to a limit.
    Wait,
    /// Something suffers.
    Warn,
    /// Broken.
    Bad,
    /// Switched off, or not meant to work.
    Off,
    /// Nobody knows.
    Unknown,
}

impl Tone {
    /// By the names of Grafana's palette, which have a light and a dark form; grey has no name there.
    pub(crate) const fn colour(self) -> &'static str {
        match self {
            Self::Good => "green",
            Self::Busy => "blue",
            Self::Wait => "yellow",
            Self::Warn => "orange",
            Self::Bad => "red",
            Self::Off => "#8e8e8e",
            Self::Unknown => "purple",
        }
    }
}
