//! Who is on a channel: the users of the sockets of this gateway that listen to it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;
use serde::Serialize;

use crate::news::{Form, News, What};
use crate::outbox::Outbox;

/// Who is on the channels.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    rooms: Mutex<HashMap<Arc<str>, Room>>,
}

#[derive(Debug, Default)]
struct Room {
    /// How many sockets each user has here.
    members: BTreeMap<Arc<str>, u64>,
    nameless: u64,
    /// Who wants to be told.
    watchers: HashMap<u64, (Form, Arc<Outbox>)>,
    next: u64,
}

/// Who is on a channel.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Present {
    /// The users, and how many sockets each has.
    pub(crate) members: BTreeMap<Arc<str>, u64>,
    /// How many sockets have no user.
    pub(crate) nameless: u64,
}

/// The place of a socket on a channel. Dropping it gives it up.
#[derive(Debug)]
pub(crate) struct Attendance {
    presence: Arc<Presence>,
    channel: Arc<str>,
    user: Option<Arc<str>>,
    watcher: Option<u64>,
}

impl Presence {
    /// Returns each pair of a channel and a user who is on it, or of somebody without a name.
    pub(crate) fn whereabouts(&self) -> Vec<(Arc<str>, Option<Arc<str>>)> {
        let rooms = self.rooms.lock();
        let all = rooms.iter().flat_map(|(channel, room)| {
            let nameless = (room.nameless > 0).then_some(None);
            let users = room.members.keys().cloned().map(Some).chain(nameless);
            users.map(|user| (Arc::clone(channel), user))
        });
        all.collect()
    }

    pub(crate) fn of(&self, channel: &str) -> Present {
        let rooms = self.rooms.lock();
        rooms.get(channel).map_or_else(Present::default, |room| Present {
            members: room.members.clone(),
            nameless: room.nameless,
        })
    }

    /// Notes that a socket listens to a channel. With `watcher`, it is told of who comes and goes from now on.
    pub(crate) fn attend(
        self: &Arc<Self>,
        channel: &Arc<str>,
        user: Option<&Arc<str>>,
        watcher: Option<(Form, &Arc<Outbox>)>,
    ) -> Attendance {
        let mut rooms = self.rooms.lock();
        let room = rooms.entry(Arc::clone(channel)).or_default();
        let is_new = match user {
            Some(user) => {
                let sockets = room.members.entry(Arc::clone(user)).or_default();
                *sockets += 1;
                *sockets == 1
            }
            None => {
                room.nameless += 1;
                false
            }
        };
        if let Some(user) = user.filter(|_| is_new) {
            room.tell(What::Join { channel: Arc::clone(channel), user: Arc::clone(user) });
        }
        let watcher = watcher.map(|(form, outbox)| {
            let id = room.next;
            room.next += 1;
            room.watchers.insert(id, (form, Arc::clone(outbox)));
            id
        });
        Attendance {
            presence: Arc::clone(self),
            channel: Arc::clone(channel),
            user: user.cloned(),
            watcher,
        }
    }
}

impl Room {
    fn tell(&self, what: What) {
        let news = News::new(what);
        for (form, watcher) in self.watchers.values() {
            watcher.tell(&news, *form);
        }
    }
}

impl Drop for Attendance {
    fn drop(&mut self) {
        let mut rooms = self.presence.rooms.lock();
        let Some(room) = rooms.get_mut(&self.channel) else { return };
        self.watcher.map(|id| room.watchers.remove(&id));
        match &self.user {
            None => room.nameless -= 1,
            Some(user) => {
                let left = room.members.get_mut(user).map_or(0, |sockets| {
                    *sockets -= 1;
                    *sockets
                });
                if left == 0 {
                    room.members.remove(user);
                    let (channel, user) = (Arc::clone(&self.channel), Arc::clone(user));
                    room.tell(What::Leave { channel, user });
                }
            }
        }
        if room.members.is_empty() && room.nameless == 0 {
            rooms.remove(&self.channel);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use futures_util::FutureExt as _;

    use super::*;
    use crate::config::Limits;

    fn said(outbox: &Outbox) -> Vec<String> {
        let taken = outbox.take(100).now_or_never().map(Result::unwrap).unwrap_or_default();
        taken.iter().map(|frame| frame.content().to_owned()).collect()
    }

    #[test]
    fn a_user_comes_with_the_first_socket_and_leaves_with_the_last() {
        let presence = Arc::new(Presence::default());
        let (channel, anna, ben) = ("c".into(), Arc::from("anna"), Arc::from("ben"));
        let outbox = Arc::new(Outbox::new(&Limits::default()));
        let watching = presence.attend(&channel, Some(&ben), Some((Form::Json, &outbox)));
        let first = presence.attend(&channel, Some(&anna), None);
        let second = presence.attend(&channel, Some(&anna), None);
        let nameless = presence.attend(&channel, None, None);
        let members = BTreeMap::from([(Arc::clone(&anna), 2), (ben, 1)]);
        assert_eq!(presence.of("c"), Present { members, nameless: 1 });
        drop(first);
        assert_eq!(said(&outbox), [r#"{"type":"join","channel":"c","user":"anna"}"#]);
        drop(second);
        assert_eq!(said(&outbox), [r#"{"type":"leave","channel":"c","user":"anna"}"#]);
        drop((watching, nameless));
        assert_eq!(presence.of("c"), Present::default());
        assert!(presence.rooms.lock().is_empty());
    }
}
