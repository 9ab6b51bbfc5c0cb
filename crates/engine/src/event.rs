//! Keyspace events: what happened to which key.

/// The class of a keyspace event, one bit each, with its letter in `notify-keyspace-events`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum EventClass {
    /// Commands that work on any type (`g`).
    Generic = 1 << 2,
    /// String commands (`$`).
    String = 1 << 3,
    /// Stream commands (`t`).
    Stream = 1 << 4,
    /// A key whose time was up (`x`).
    Expired = 1 << 5,
    /// A read of a key that is not there (`m`).
    Miss = 1 << 6,
    /// A key that was not there before (`n`).
    New = 1 << 7,
    /// A value that was replaced as a whole (`o`).
    Overwritten = 1 << 8,
    /// A value that was replaced by one of another type (`c`).
    TypeChanged = 1 << 9,
}

/// Which classes of events are wanted, as bits of [`EventClass`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventMask(pub u32);

impl EventMask {
    /// Says whether events of this class are wanted.
    pub fn has(self, class: EventClass) -> bool {
        self.0 & class as u32 != 0
    }
}

/// One keyspace event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyEvent {
    /// The database that the key is in.
    pub db: u8,
    /// The event's class.
    pub class: EventClass,
    /// The event's name, such as `xadd`.
    pub name: &'static str,
    /// The key.
    pub key: Box<[u8]>,
}
