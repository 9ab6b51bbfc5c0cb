//! An account whose balance is what has happened to it: `cargo run --example event_store`.
//!
//! `FIRTH_BROKER` names another broker than the one in memory, such as `redis://localhost`.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use firth::event_store::{AppendError, EventStore, Expected, Snapshot};
use firth::{Broker, EntryId};
use serde::{Deserialize, Serialize};

/// What can happen to an account.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
enum AccountEvent {
    Opened { owner: String },
    Deposited { cents: u64 },
    Withdrawn { cents: u64 },
}

/// What has become of an account.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Account {
    owner: String,
    cents: u64,
}

impl Account {
    fn apply(&mut self, event: AccountEvent) {
        match event {
            AccountEvent::Opened { owner } => self.owner = owner,
            AccountEvent::Deposited { cents } => self.cents += cents,
            AccountEvent::Withdrawn { cents } => self.cents -= cents,
        }
    }
}

async fn load(store: &EventStore, account: &str) -> Result<Snapshot<Account>, Box<dyn Error>> {
    let apply = |state: &mut Account, event: &firth::event_store::StoredEvent| {
        state.apply(event.decode()?);
        Ok(())
    };
    Ok(store.load(account, apply).await?)
}

/// Withdraws, if there is enough: reads, decides, and appends only if nobody was faster.
async fn withdraw(store: &EventStore, account: &str, cents: u64) -> Result<(), Box<dyn Error>> {
    loop {
        let found = load(store, account).await?;
        if found.state.cents < cents {
            return Err(
                format!("{} has only {} cents", found.state.owner, found.state.cents).into()
            );
        }
        let event = AccountEvent::Withdrawn { cents };
        match store.append(account, Expected::Version(found.version), &[event]).await {
            Ok(_) => return Ok(()),
            Err(AppendError::Conflict { .. }) => println!("somebody was faster, once more"),
            Err(error) => return Err(error.into()),
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::var("FIRTH_BROKER").unwrap_or_else(|_| "memory:".to_owned());
    let broker = Broker::connect(&address).await?;
    let store = broker.event_store("accounts");
    let account = format!("account-{}", std::process::id());

    let opened = AccountEvent::Opened { owner: "Ada".to_owned() };
    let deposited = AccountEvent::Deposited { cents: 100 };
    store.append(&account, Expected::New, &[opened, deposited]).correlation("request-1").await?;

    // Both find 100 cents, but only one can have 70 of them.
    let (one, other) = tokio::join!(withdraw(&store, &account, 70), withdraw(&store, &account, 70));
    for answer in [one, other] {
        match answer {
            Ok(()) => println!("withdrawn"),
            Err(error) => println!("refused: {error}"),
        }
    }

    for event in store.by_aggregate(&account).await? {
        println!("{} {:?}: {:?}", event.id, event.version, event.decode::<AccountEvent>()?);
    }
    store.save_snapshot(&account, &load(&store, &account).await?).await?;

    let counter = store.projection("how-many-events");
    let handled = counter.catch_up(async |_event| Ok::<(), firth::Error>(())).await?;
    println!(
        "the projection has handled {handled} events, now it is at {}",
        counter.checkpoint().await?
    );
    assert_ne!(counter.checkpoint().await?, EntryId::MIN);
    Ok(())
}
