//! How many messages a client may send: a bucket that fills with time.

use std::time::Duration;

use tokio::time::Instant;

/// How many messages a client may still send.
#[derive(Debug)]
pub(crate) struct Rate {
    /// How much time one message stands for.
    price: Duration,
    /// When all that was sent will be paid for.
    paid_until: Instant,
    /// How far that may lie ahead.
    credit: Duration,
}

impl Rate {
    /// Allows so many per second, and twice as many at once.
    pub(crate) fn new(per_second: u32) -> Self {
        let price = Duration::from_secs(1) / per_second.max(1);
        Rate { price, paid_until: Instant::now(), credit: Duration::from_secs(2) }
    }

    /// Allows one every so often, and several at once if there was none for a while.
    pub(crate) fn every(price: Duration, at_once: u32) -> Self {
        Rate { price, paid_until: Instant::now(), credit: price * at_once }
    }

    /// Says whether it is as if nothing had ever been sent.
    pub(crate) fn is_rested(&self) -> bool {
        self.paid_until <= Instant::now()
    }

    /// Says whether there may be one message more, and counts it.
    pub(crate) fn allows(&mut self) -> bool {
        let now = Instant::now();
        let paid_until = self.paid_until.max(now) + self.price;
        if paid_until > now + self.credit {
            return false;
        }
        self.paid_until = paid_until;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_bucket_fills_with_time() {
        let mut rate = Rate::new(10);
        assert_eq!((0..100).filter(|_| rate.allows()).count(), 20);
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!((0..100).filter(|_| rate.allows()).count(), 5);
    }
}
