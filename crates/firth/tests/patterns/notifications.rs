//! Notifications.

use firth::backend::{Append, Batch, Fields, Write};
use firth::event_bus::{Heard, Listener};
use firth::notifications::{Followed, Inbox};
use firth::{Broker, EntryId, Error, Refusal};
use futures_util::future::join_all;
use futures_util::{Stream, StreamExt as _};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::document::Script;
use crate::server::{Kind, Server};
use crate::{Bench, cases};

cases![
    users_hear_what_is_for_them_and_for_all,
    nobody_can_be_named_broadcast,
    an_inbox_keeps_the_newest,
    what_is_delivered_is_also_live,
    what_has_been_read_is_known,
    devices_mark_at_the_same_time,
    a_device_goes_on_where_it_was,
    strange_entries_stop_no_inbox,
];

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Note {
    n: u64,
}

async fn next(listener: &mut Listener<Note>) -> (String, u64) {
    match listener.next().await {
        Some(Heard::Event(heard)) => (heard.channel.to_string(), heard.event.n),
        other => panic!("{other:?}"),
    }
}

async fn deliver(inbox: &Inbox<Note>, count: u64) -> Vec<EntryId> {
    let mut ids = Vec::new();
    for n in 0..count {
        ids.push(inbox.deliver(&Note { n }).await.unwrap());
    }
    ids
}

/// The newest notifications as a text: numbers, in brackets if they have been read.
async fn newest(inbox: &Inbox<Note>, limit: usize) -> String {
    let items = inbox.newest(limit).await.unwrap();
    let text = items.iter().map(|item| match (&item.content, item.is_read) {
        (Ok(note), true) => format!("({})", note.n),
        (Ok(note), false) => note.n.to_string(),
        (Err(_), _) => "?".to_owned(),
    });
    text.collect::<Vec<_>>().join(" ")
}

async fn users_hear_what_is_for_them_and_for_all(bench: Bench) {
    let notifications = bench.broker.notifications();
    let (one, other) = (bench.name("one"), bench.name("other"));
    let mut hears = notifications.listen::<Note>(&one).unwrap().await.unwrap();
    let others = bench.another().await.notifications();
    others.notify(&other, &Note { n: 1 }).await.unwrap();
    others.notify(&one, &Note { n: 2 }).await.unwrap();
    others.broadcast(&Note { n: 3 }).await.unwrap();
    assert_eq!(next(&mut hears).await, (format!("notifications:{one}"), 2));
    assert_eq!(next(&mut hears).await, ("notifications:broadcast".to_owned(), 3));
}

async fn nobody_can_be_named_broadcast(bench: Bench) {
    let notifications = bench.broker.notifications();
    let refused = |error: Error| matches!(error.refusal(), Some(Refusal::Malformed(_)));
    assert!(refused(notifications.notify("broadcast", &Note { n: 1 }).await.unwrap_err()));
    assert!(refused(notifications.listen::<Note>("broadcast").unwrap_err()));
    assert!(refused(notifications.inbox::<Note>("broadcast").unwrap_err()));
}

async fn an_inbox_keeps_the_newest(bench: Bench) {
    let notifications = bench.broker.notifications();
    let inbox = notifications.inbox::<Note>(&bench.name("user")).unwrap().keep(4);
    assert_eq!((inbox.unread().await.unwrap(), &*newest(&inbox, 9).await), (0, ""));
    let ids = deliver(&inbox, 6).await;
    assert_eq!((inbox.unread().await.unwrap(), &*newest(&inbox, 9).await), (4, "5 4 3 2"));
    assert_eq!(newest(&inbox, 2).await, "5 4");
    assert_eq!(inbox.remove(&[ids[0], ids[4]]).await.unwrap(), 1);
    assert_eq!(newest(&inbox, 9).await, "5 3 2");
}

async fn what_is_delivered_is_also_live(bench: Bench) {
    let notifications = bench.broker.notifications();
    let user = bench.name("user");
    let mut hears = notifications.listen::<Note>(&user).unwrap().await.unwrap();
    let inbox = bench.another().await.notifications().inbox::<Note>(&user).unwrap();
    inbox.deliver(&Note { n: 7 }).await.unwrap();
    assert_eq!(next(&mut hears).await.1, 7);
}

async fn what_has_been_read_is_known(bench: Bench) {
    let notifications = bench.broker.notifications();
    let inbox = notifications.inbox::<Note>(&bench.name("user")).unwrap();
    let ids = deliver(&inbox, 6).await;
    assert_eq!(inbox.mark_read(&[ids[3], EntryId::new(1, 1)]).await.unwrap(), 1);
    assert_eq!(inbox.mark_read(&[ids[3]]).await.unwrap(), 0);
    assert_eq!((inbox.unread().await.unwrap(), &*newest(&inbox, 9).await), (5, "5 4 (3) 2 1 0"));
    assert_eq!(inbox.mark_read_up_to(ids[1]).await.unwrap(), 2);
    assert_eq!(newest(&inbox, 9).await, "5 4 (3) 2 (1) (0)");
    assert_eq!(inbox.mark_read(&[ids[2], ids[5]]).await.unwrap(), 2);
    assert_eq!(
        (inbox.unread().await.unwrap(), &*newest(&inbox, 9).await),
        (1, "(5) 4 (3) (2) (1) (0)")
    );
    deliver(&inbox, 1).await;
    assert_eq!(inbox.unread().await.unwrap(), 2);
}

async fn devices_mark_at_the_same_time(bench: Bench) {
    let user = bench.name("user");
    let inbox = bench.broker.notifications().inbox::<Note>(&user).unwrap();
    let ids = deliver(&inbox, 8).await;
    let marked = join_all(ids.iter().map(async |id| {
        let device = bench.another().await.notifications().inbox::<Note>(&user).unwrap();
        device.mark_read(&[*id, ids[0]]).await.unwrap()
    }));
    assert_eq!(marked.await.iter().sum::<u64>(), 8);
    assert_eq!(inbox.unread().await.unwrap(), 0);
}

type Item = Result<Followed<Note>, Error>;

async fn followed(items: &mut (impl Stream<Item = Item> + Unpin)) -> Option<u64> {
    match items.next().await.unwrap().unwrap() {
        Followed::Notification(item) => Some(item.content.unwrap().n),
        Followed::Gap => None,
        other => panic!("{other:?}"),
    }
}

async fn a_device_goes_on_where_it_was(bench: Bench) {
    let notifications = bench.broker.notifications();
    let inbox = notifications.inbox::<Note>(&bench.name("user")).unwrap().keep(3);
    let ids = deliver(&inbox, 5).await;
    let mut items = inbox.follow(ids[3]).await.unwrap();
    assert_eq!(followed(&mut items).await, Some(4));
    let (found, _) = tokio::join!(followed(&mut items), inbox.deliver(&Note { n: 9 }));
    assert_eq!(found, Some(9));
    // What was behind the second one is not all there any more.
    let mut items = inbox.follow(ids[1]).await.unwrap();
    assert_eq!(followed(&mut items).await, None);
    assert_eq!(followed(&mut items).await, Some(3));
    let mut items = inbox.follow(EntryId::MIN).await.unwrap();
    assert_eq!(followed(&mut items).await, Some(3));
}

async fn strange_entries_stop_no_inbox(bench: Bench) {
    let user = bench.name("user");
    let inbox = bench.broker.notifications().inbox::<Note>(&user).unwrap();
    deliver(&inbox, 1).await;
    let stream = format!("{{notifications:{user}}}:inbox");
    let strange = Write::Append(Append::new(stream, Fields::from([("n", "1")])));
    bench.broker.backend().write(Batch::of(strange)).await.unwrap();
    deliver(&inbox, 1).await;
    assert_eq!((inbox.unread().await.unwrap(), &*newest(&inbox, 9).await), (3, "0 ? 0"));
}

/// The document's functions notify our listener, and ours what its handlers listen to.
async fn beside_the_document(kind: Kind) {
    let script = Script::new(
        "Real-Time Notifications",
        r#"
        const subscriber = new RedisClient();
        await subscriber.connect();
        const heard = [];
        const done = new Promise((resolve) => {
            const listen = (message) => {
                heard.push(JSON.parse(message));
                if (heard.length === 2) resolve();
            };
            subscriber.subscribe("notifications:7", listen);
            subscriber.subscribe("notifications:broadcast", listen);
        });
        while ((await redis.send("PUBSUB", ["NUMSUB", "notifications:broadcast"]))[1] < 2) {}
        await notifyUser("8", { n: 1 });
        await broadcast({ n: 2 });
        await done;
        console.log(JSON.stringify(heard));
        process.exit(0);
        "#,
    );
    let Some(script) = script else { return };
    let server = Server::start(kind);
    let address = format!("redis://127.0.0.1:{}", server.port());
    let notifications = Broker::connect(&address).await.unwrap().notifications();
    let mut hears = notifications.listen::<Note>("8").unwrap().await.unwrap();
    let script = tokio::spawn(async move { script.run(&address, "notifications").await });
    assert_eq!(next(&mut hears).await, ("notifications:8".to_owned(), 1));
    assert_eq!(next(&mut hears).await, ("notifications:broadcast".to_owned(), 2));
    notifications.inbox("7").unwrap().deliver(&json!({ "text": "for you" })).await.unwrap();
    let lines = script.await.unwrap();
    let heard: Vec<Value> = serde_json::from_str(lines.last().unwrap()).unwrap();
    assert_eq!(heard, [json!({ "n": 2 }), json!({ "text": "for you" })]);
}

#[tokio::test]
async fn notifications_beside_the_document_on_firth() {
    beside_the_document(Kind::Firth).await;
}

#[tokio::test]
async fn notifications_beside_the_document_on_redis_7() {
    beside_the_document(Kind::Redis7).await;
}
