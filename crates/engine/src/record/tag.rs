//! The tags of effects, which never change.

pub(super) const DATABASE: u8 = 0x00;
pub(super) const SET_STRING: u8 = 0x01;
pub(super) const REPLACE_STRING: u8 = 0x02;
pub(super) const WRITE_STRING: u8 = 0x03;
pub(super) const SET_DEADLINE: u8 = 0x04;
pub(super) const DELETE_KEY: u8 = 0x05;
pub(super) const RENAME: u8 = 0x06;
pub(super) const COPY: u8 = 0x07;
pub(super) const FLUSH: u8 = 0x08;
pub(super) const SWAP: u8 = 0x09;
pub(super) const CREATE_STREAM: u8 = 0x0a;

pub(super) const APPEND: u8 = 0x10;
pub(super) const APPEND_TO_NEW_NODE: u8 = 0x11;
pub(super) const TRIM_FRONT: u8 = 0x12;
pub(super) const TRIM_ENTRIES: u8 = 0x13;
pub(super) const DELETE_ENTRIES: u8 = 0x14;
pub(super) const SET_COUNTERS: u8 = 0x15;
pub(super) const SET_GROUP: u8 = 0x16;
pub(super) const DESTROY_GROUP: u8 = 0x17;
pub(super) const SEE_CONSUMER: u8 = 0x18;
pub(super) const DELETE_CONSUMER: u8 = 0x19;
pub(super) const OWN: u8 = 0x1a;
pub(super) const RELEASE: u8 = 0x1b;
pub(super) const FORGET: u8 = 0x1c;
pub(super) const FORGET_EVERYWHERE: u8 = 0x1d;
pub(super) const REMEMBER: u8 = 0x1e;
pub(super) const COUNT_DUPLICATE: u8 = 0x1f;
pub(super) const CONFIGURE_IDEMPOTENCE: u8 = 0x20;
pub(super) const SET_RETENTION: u8 = 0x21;
