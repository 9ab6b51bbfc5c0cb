//! Keyspace notifications: events of keys, published on channels named after keys and events.

use firth_engine::pubsub::Space;
use firth_engine::{KeyEvent, Lsn};

use crate::fanout::{self, Said};
use crate::local::Local;
use crate::server::Server;

/// Published on `__keyspace@<db>__:<key>` (`K`).
pub const KEYSPACE: u32 = 1 << 0;
/// Published on `__keyevent@<db>__:<event>` (`E`).
pub const KEYEVENT: u32 = 1 << 1;

/// Publishes the events of a command, and what the transaction has said if it was one, in the order
/// in which that happened; nobody is told before the position of the changes is settled.
pub fn publish(
    server: &Server,
    local: &mut Local,
    events: Vec<KeyEvent>,
    said: Vec<Said>,
    lsn: Lsn,
) {
    let mut said = said.into_iter().peekable();
    for (number, event) in events.into_iter().enumerate() {
        while let Some(said) = said.next_if(|said| said.events_before <= number) {
            said.publish(server, local, lsn);
        }
        publish_event(server, local, &event, lsn);
    }
    for said in said {
        said.publish(server, local, lsn);
    }
}

fn publish_event(server: &Server, local: &mut Local, event: &KeyEvent, lsn: Lsn) {
    let kinds = local.config.keyspace_events.0;
    if kinds & KEYSPACE != 0 {
        let mut channel = format!("__keyspace@{}__:", event.db).into_bytes();
        channel.extend_from_slice(&event.key);
        fanout::publish(server, local, Space::Channel, &channel, event.name.as_bytes(), lsn);
    }
    if kinds & KEYEVENT != 0 {
        let channel = format!("__keyevent@{}__:{}", event.db, event.name).into_bytes();
        fanout::publish(server, local, Space::Channel, &channel, &event.key, lsn);
    }
}
