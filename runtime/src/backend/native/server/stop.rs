//! The signals that end the process.

use std::io;
#[cfg(unix)]
use std::pin::pin;

use crate::error::{Error, ErrorKind, Result};

use super::super::log_line;

/// Receives signals from now on, and returns a future that completes when the process receives
/// SIGTERM or ctrl-c. A ctrl-c after that ends the process at once.
///
/// # Errors
/// `Misconfigured` if the signals cannot be received.
pub(in super::super) fn signal() -> Result<impl Future<Output = ()> + Send> {
    let mut signals = Signals::new().map_err(|error| {
        let message = format!("signals cannot be received: {error}");
        Error::worker("start", ErrorKind::Misconfigured, message)
    })?;

    Ok(async move {
        signals.stop().await;
        log_line("stopping: waiting for requests and batches in progress");
        tokio::spawn(async move {
            signals.interrupt().await;
            std::process::exit(130);
        });
    })
}

/// `tokio::signal::ctrl_c` would receive nothing before its first poll.
#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn stop(&mut self) {
        let terminate = pin!(self.terminate.recv());
        let interrupt = pin!(self.interrupt.recv());
        futures_util::future::select(terminate, interrupt).await;
    }

    async fn interrupt(&mut self) {
        self.interrupt.recv().await;
    }
}

#[cfg(windows)]
struct Signals {
    interrupt: tokio::signal::windows::CtrlC,
}

#[cfg(windows)]
impl Signals {
    fn new() -> io::Result<Self> {
        let interrupt = tokio::signal::windows::ctrl_c()?;
        Ok(Self { interrupt })
    }

    async fn stop(&mut self) {
        self.interrupt.recv().await;
    }

    async fn interrupt(&mut self) {
        self.interrupt.recv().await;
    }
}
