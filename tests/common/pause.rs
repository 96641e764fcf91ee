//! A future that is pending once.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Ready the second time.
pub(crate) struct Pause(bool);

pub(crate) fn pause() -> Pause {
    Pause(false)
}

impl Future for Pause {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.0 {
            return Poll::Ready(());
        }
        self.0 = true;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}
