//! How the replies of XREAD and XREADGROUP are laid out: streams with their entries, as a map or as
//! an array of pairs.

use firth_resp::{ArrayMark, MapMark, Protocol, Reply};

use crate::context::Context;

/// How a reply is laid out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// The protocol of the client.
    pub(super) protocol: Protocol,
    /// Whether it is a map.
    pub(super) is_map: bool,
}

impl Layout {
    /// Returns the layout for the client that asks.
    pub(super) fn of(cx: &Context<'_, '_>) -> Self {
        Layout { protocol: cx.session.protocol, is_map: cx.answers_reads_with_map() }
    }

    /// Starts a reply.
    pub(super) fn open(self, reply: &mut Reply<'_>) -> Mark {
        if self.is_map { Mark::Map(reply.open_map()) } else { Mark::Array(reply.open_array()) }
    }

    /// Appends the name of a stream, whose entries follow.
    pub(super) fn write_key(self, reply: &mut Reply<'_>, key: &[u8]) {
        if !self.is_map {
            reply.array(2);
        }
        reply.bulk(key);
    }
}

/// The place of a reply whose length is not known yet.
#[derive(Debug)]
pub(super) enum Mark {
    Map(MapMark),
    Array(ArrayMark),
}

impl Mark {
    /// Ends the reply, or takes it back if there is nothing in it.
    pub(super) fn close(self, reply: &mut Reply<'_>, streams: usize) {
        match self {
            Mark::Map(mark) if streams == 0 => reply.cancel_map(mark),
            Mark::Map(mark) => reply.close_map(mark, streams),
            Mark::Array(mark) if streams == 0 => reply.cancel_array(mark),
            Mark::Array(mark) => reply.close_array(mark, streams),
        }
    }
}
