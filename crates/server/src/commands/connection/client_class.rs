//! The classes of clients that CLIENT LIST and CLIENT KILL tell apart.

use crate::args::is_word;
use crate::client::{Client, ClientState};
use crate::reply_error::{ReplyError, printable};

/// A class of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientClass {
    /// An ordinary client.
    Normal,
    /// The server that this one is a replica of, which there is none of.
    Primary,
    /// A replica of this server, which there are none of.
    Replica,
    /// A client that is subscribed.
    Pubsub,
}

impl ClientClass {
    /// Reads the name of a class.
    pub(super) fn parse(name: &[u8]) -> Result<Self, ReplyError> {
        let names = [
            ("normal", ClientClass::Normal),
            ("master", ClientClass::Primary),
            ("primary", ClientClass::Primary),
            ("replica", ClientClass::Replica),
            ("slave", ClientClass::Replica),
            ("pubsub", ClientClass::Pubsub),
        ];
        let found = names.iter().find(|(word, _)| is_word(name, word));
        found.map(|(_, class)| *class).ok_or_else(|| {
            ReplyError::new(format!("ERR Unknown client type '{}'", printable(name, 128)))
        })
    }

    /// Returns the class of a client.
    pub(super) fn of(client: &Client) -> Self {
        if client.is(ClientState::Subscribed) { ClientClass::Pubsub } else { ClientClass::Normal }
    }
}
