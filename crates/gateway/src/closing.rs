//! Why a socket is closed, and whether its client should come back.
//!
//! | code | meaning | come back |
//! |---|---|---|
//! | 1001 | the gateway stops | yes |
//! | 1009 | a message was too large | no |
//! | 4000 | the client does not keep up with what it is sent | yes |
//! | 4001 | no answer to a ping | yes |
//! | 4002 | the token has expired | yes, with a new one |
//! | 4003 | there are too many sockets | yes, later |
//! | 4500 | the token is missing or not valid, or does not allow it | no |
//! | 4502 | too many messages in a second | no |
//!
//! So a client comes back after 1001, after codes from 4000 to 4499, and when it was cut off without a code.

/// Why a socket is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closing {
    Stopping,
    TooLarge,
    Slow,
    Silent,
    Expired,
    Full,
    Unauthorized,
    TooMany,
}

impl Closing {
    pub(crate) fn code(self) -> u16 {
        match self {
            Closing::Stopping => 1001,
            Closing::TooLarge => 1009,
            Closing::Slow => 4000,
            Closing::Silent => 4001,
            Closing::Expired => 4002,
            Closing::Full => 4003,
            Closing::Unauthorized => 4500,
            Closing::TooMany => 4502,
        }
    }

    pub(crate) fn reason(self) -> &'static str {
        match self {
            Closing::Stopping => "the gateway stops: come back",
            Closing::TooLarge => "the message is too large",
            Closing::Slow => "you do not keep up: come back",
            Closing::Silent => "no answer to a ping: come back",
            Closing::Expired => "the token has expired: come back with a new one",
            Closing::Full => "too many sockets: come back later",
            Closing::Unauthorized => "the token is missing or not valid, or does not allow this",
            Closing::TooMany => "too many messages in a second",
        }
    }
}
