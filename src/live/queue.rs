//! A queue with bounds in number and bytes, into which nobody waits to put something.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::sync::mpsc;

use super::Message;
use crate::Limits;

/// Makes both ends.
pub(super) fn queue(limits: &Limits) -> (Putter, Taker) {
    let (sender, receiver) = mpsc::channel(limits.queue_messages.max(1));
    let held = Arc::new(AtomicUsize::new(0));
    let dropped = Arc::new(AtomicU64::new(0));
    let putter = Putter {
        sender,
        held: Arc::clone(&held),
        dropped: Arc::clone(&dropped),
        most: limits.queue_bytes,
    };
    (putter, Taker { receiver, held, dropped })
}

/// The end into which messages are put.
#[derive(Debug)]
pub(super) struct Putter {
    sender: mpsc::Sender<Message>,
    held: Arc<AtomicUsize>,
    dropped: Arc<AtomicU64>,
    most: usize,
}

impl Putter {
    /// Puts a message in, or counts it where there is no room: one message has room always. `false`: nobody reads any
    /// more.
    pub(super) fn put(&self, message: &Message) -> bool {
        let bytes = message.payload.len();
        let held = self.held.load(Ordering::Relaxed);
        if held > 0 && held + bytes > self.most {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return !self.sender.is_closed();
        }
        self.held.fetch_add(bytes, Ordering::Relaxed);
        match self.sender.try_send(message.clone()) {
            Ok(()) => true,
            Err(error) => {
                self.held.fetch_sub(bytes, Ordering::Relaxed);
                self.dropped.fetch_add(1, Ordering::Relaxed);
                matches!(error, mpsc::error::TrySendError::Full(_))
            }
        }
    }
}

/// The end from which they are taken.
#[derive(Debug)]
pub(super) struct Taker {
    receiver: mpsc::Receiver<Message>,
    held: Arc<AtomicUsize>,
    dropped: Arc<AtomicU64>,
}

impl Taker {
    /// The next message; `None` once the connection is over and all were taken.
    pub(super) async fn take(&mut self) -> Option<Message> {
        let message = self.receiver.recv().await?;
        self.held.fetch_sub(message.payload.len(), Ordering::Relaxed);
        Some(message)
    }

    /// Messages that there was no room for.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}
