//! What is handled: an order, small as messages are.

use serde::{Deserialize, Serialize};

/// An order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    pub item: String,
    pub amount: u32,
}

impl Order {
    /// The order of this number.
    pub fn numbered(number: usize) -> Self {
        Order { item: format!("item-{}", number % 100), amount: (number % 7) as u32 + 1 }
    }
}

/// How many orders were handled, and what their amounts come to, so that reading them cannot be
/// left out.
#[derive(Debug, Default)]
pub struct Tally {
    handled: std::sync::atomic::AtomicUsize,
    amounts: std::sync::atomic::AtomicU64,
}

impl Tally {
    /// Handles an order.
    pub fn handle(&self, order: &Order) {
        use std::sync::atomic::Ordering::Relaxed;
        self.handled.fetch_add(1, Relaxed);
        self.amounts.fetch_add(order.amount.into(), Relaxed);
    }

    /// How many orders were handled.
    pub fn handled(&self) -> usize {
        self.handled.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Fails unless exactly the first so many orders were handled, each once.
    pub fn check(&self, orders: usize) -> crate::Outcome<()> {
        let expected: u64 =
            (0..orders).map(|number| u64::from(Order::numbered(number).amount)).sum();
        let amounts = self.amounts.load(std::sync::atomic::Ordering::Relaxed);
        if self.handled() != orders || amounts != expected {
            return Err(format!("handled {} of {orders} orders", self.handled()).into());
        }
        Ok(())
    }
}
