//! RESP2 and RESP3 in both directions, without IO.
//!
//! The server's half: [`RequestDecoder`] finds requests in received bytes and hands them out as
//! borrowed [`Request`]s; [`Reply`] (and the `write_*` functions below it) appends replies to an
//! output buffer. The client's half: [`encode_request`] writes commands, [`ReplyDecoder`] builds
//! [`Value`]s, and [`ReplyScanner`] only counts replies, for load generators.
//!
//! Nothing here reads sockets or clocks, and nothing panics or allocates by the word of foreign
//! bytes: a length that a peer announces costs no memory until its bytes have arrived.

mod decode;
mod digits;
mod error;
mod inline;
mod line;
mod reply;
mod reply_decode;
mod request;
mod scan;
mod value;
mod write;

pub use decode::{Authentication, Limits, RequestDecoder};
pub use error::ProtocolError;
pub use reply::{ArrayMark, MapMark, Protocol, Reply};
pub use reply_decode::{DEPTH_MAX, ReplyDecoder};
pub use request::{Arguments, OwnedRequest, Request};
pub use scan::ReplyScanner;
pub use value::Value;
pub use write::{
    encode_request, write_array_header, write_bulk, write_bulk_header, write_bulk_id,
    write_bulk_integer, write_bulk_unsigned, write_integer,
};
