//! What an operator can say to a shop that serves.

use std::io;
use std::thread;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// The signals that a shop listens to.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    /// Ends when whoever has started us is gone; none where that is nobody's concern.
    starter: Option<oneshot::Receiver<()>>,
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
pub(super) fn outlive_full_files() -> io::Result<()> {
    signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw())).map(drop)
}

/// Elsewhere nobody has asked for it.
#[cfg(not(target_os = "linux"))]
pub(super) fn outlive_full_files() -> io::Result<()> {
    Ok(())
}

/// Whoever has started us holds the other end of our stdin: however he ends, it ends with him.
fn starter() -> io::Result<oneshot::Receiver<()>> {
    let (ends, end) = oneshot::channel();
    thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        drop(ends);
    })?;
    Ok(end)
}

impl Signals {
    /// `until_stdin_ends`: the end of stdin is a signal, too.
    pub(super) fn new(until_stdin_ends: bool) -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            starter: if until_stdin_ends { Some(starter()?) } else { None },
        })
    }

    pub(super) async fn next(&mut self) -> Heard {
        let starter = &mut self.starter;
        let orphaned = async {
            match starter {
                Some(end) => drop(end.await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => Heard::End(Ending::Terminate),
            _ = self.interrupt.recv() => Heard::End(Ending::Interrupt),
            _ = self.hangup.recv() => Heard::Reload,
            () = orphaned => Heard::End(Ending::Terminate),
        }
    }

    pub(super) async fn end(&mut self) -> Ending {
        tokio::select! {
            _ = self.terminate.recv() => Ending::Terminate,
            _ = self.interrupt.recv() => Ending::Interrupt,
        }
    }
}
