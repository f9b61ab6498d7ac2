//! The last line of a terminal, on which stands what goes on right now. Other text makes it go away first.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// A terminal with a line that is drawn anew whenever something else has been written.
#[derive(Debug)]
pub(super) struct Screen(Way);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Error,
    Output,
}

/// Whether the line stands there. The terminal is one, whoever writes to it.
static DRAWN: AtomicBool = AtomicBool::new(false);

/// To the beginning of the line, and the line away.
const AWAY: &str = "\r\x1b[K";

impl Screen {
    /// Standard error where that is a terminal, else standard output.
    pub(super) fn find() -> Option<Self> {
        if std::env::var_os("TERM").is_some_and(|term| term == "dumb") {
            None
        } else if io::stderr().is_terminal() {
            Some(Self(Way::Error))
        } else if io::stdout().is_terminal() {
            Some(Self(Way::Output))
        } else {
            None
        }
    }

    /// Draws the line. Its text must be no wider than the terminal and have no control characters.
    pub(super) fn draw(&self, text: &str) {
        DRAWN.store(true, Ordering::Relaxed);
        self.write(&format!("{AWAY}{text}"));
    }

    /// Takes the line away, where it stands.
    pub(super) fn clear(&self) {
        self.write(away());
    }

    /// A terminal that is gone is nobody's trouble: the records are what counts.
    fn write(&self, text: &str) {
        if text.is_empty() {
            return;
        }
        let _ = match self.0 {
            Way::Error => io::stderr().write_all(text.as_bytes()),
            Way::Output => {
                let mut out = io::stdout();
                out.write_all(text.as_bytes()).and_then(|()| out.flush())
            }
        };
    }
}

/// What takes the line away, for whoever writes to the terminal next; nothing where it does not stand there.
pub(super) fn away() -> &'static str {
    if DRAWN.swap(false, Ordering::Relaxed) { AWAY } else { "" }
}
