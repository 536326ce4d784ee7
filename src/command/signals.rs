//! What an operator can say to a shop that serves.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that a shop listens to.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

/// A signal that ends the process.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ending {
    Terminate,
    Interrupt,
}

/// What a signal asks for.
pub(super) enum Heard {
    End(Ending),
    Reload,
}

impl Ending {
    /// As a shell would report a process that the signal had killed.
    pub(super) fn exit_code(self) -> u8 {
        match self {
            Self::Terminate => 143,
            Self::Interrupt => 130,
        }
    }
}

/// A file that may not grow any more (`ulimit -f`) is a full disk, and no reason to die of it: from here on the signal that
/// says so is heard, by nobody.
#[cfg(target_os = "linux")]
pub(super) fn outlive_full_files() -> std::io::Result<()> {
    signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw())).map(drop)
}

/// Elsewhere nobody has asked for it.
#[cfg(not(target_os = "linux"))]
pub(super) fn outlive_full_files() -> std::io::Result<()> {
    Ok(())
}

impl Signals {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    pub(super) async fn next(&mut self) -> Heard {
        tokio::select! {
            _ = self.terminate.recv() => Heard::End(Ending::Terminate),
            _ = self.interrupt.recv() => Heard::End(Ending::Interrupt),
            _ = self.hangup.recv() => Heard::Reload,
        }
    }

    pub(super) async fn end(&mut self) -> Ending {
        tokio::select! {
            _ = self.terminate.recv() => Ending::Terminate,
            _ = self.interrupt.recv() => Ending::Interrupt,
        }
    }
}
