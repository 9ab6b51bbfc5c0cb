//! Streams that clients follow, and go on with after they were away.

use firth::EntryId;
use firth_gateway::Config;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::stage::{Socket, Stage};

/// Subscribes to the stream `s`; returns the answer.
async fn follow(client: &mut Socket, after: Option<EntryId>) -> Value {
    client.ask(json!({"do": "subscribe", "stream": "s", "after": after})).await
}

/// Expects entries with these numbers, and returns the id of the last.
async fn expect(client: &mut Socket, numbers: impl Iterator<Item = u64>) -> EntryId {
    let mut last = EntryId::MIN;
    for n in numbers {
        let entry = client.heard().await;
        assert_eq!(entry["type"], "entry", "{entry}");
        assert_eq!(entry["fields"], json!({"n": n.to_string()}), "{entry}");
        last = entry["id"].as_str().unwrap().parse().unwrap();
    }
    last
}

#[tokio::test]
async fn a_client_goes_on_where_it_was() {
    let stage = Stage::open(Config::default()).await;
    let first = stage.append("s", 0).await;
    let mut client = stage.client("").await;
    let reply = follow(&mut client, None).await;
    assert_eq!(reply, json!({"type": "reply", "after": first, "gap": null}));
    stage.append("s", 1).await;
    let last = expect(&mut client, 1..2).await;
    drop(client);
    for n in 2..2000 {
        stage.append("s", n).await;
    }
    let mut client = stage.client("").await;
    assert_eq!(follow(&mut client, Some(last)).await["gap"], Value::Null);
    expect(&mut client, 2..2000).await;
    stage.append("s", 2000).await;
    expect(&mut client, 2000..2001).await;
    let mut beginner = stage.client("").await;
    assert_eq!(follow(&mut beginner, Some(EntryId::MIN)).await["gap"], Value::Null);
    expect(&mut beginner, 0..2001).await;
}

#[tokio::test]
async fn what_was_trimmed_meanwhile_is_a_gap() {
    let stage = Stage::open(Config::default()).await;
    let first = stage.append("s", 0).await;
    for n in 1..10 {
        stage.append("s", n).await;
    }
    let last = stage.append_with("s", 10, Some(3)).await;
    let mut client = stage.client("").await;
    assert_eq!(follow(&mut client, Some(first)).await["gap"], "trimmed");
    let gap = json!({"type": "gap", "stream": "s", "reason": "trimmed"});
    assert_eq!(client.heard().await, gap);
    expect(&mut client, 8..11).await;
    // Whoever has the last one misses nothing, and whoever asks for all there is neither.
    for (after, missing) in [(last, 11..11), (EntryId::MIN, 8..11)] {
        let mut client = stage.client("").await;
        assert_eq!(follow(&mut client, Some(after)).await["gap"], Value::Null);
        expect(&mut client, missing).await;
    }
    // A stream that begins anew is not the one that it was.
    let mut client = stage.client("").await;
    let beyond = EntryId::new(last.ms + 1_000_000, 0);
    let reply = follow(&mut client, Some(beyond)).await;
    assert_eq!(reply, json!({"type": "reply", "after": "0-0", "gap": "reset"}));
}

#[tokio::test]
async fn a_follower_of_a_short_stream_is_told_of_gaps_only_if_there_are_some() {
    let stage = Stage::open(Config::default()).await;
    let mut client = stage.client("").await;
    follow(&mut client, None).await;
    let mut next = 0;
    for n in 0..200 {
        stage.append_with("s", n, Some(1)).await;
        // What is trimmed before it was read cannot come, but it may not be missing without a word.
        if n % 3 == 0 {
            let mut may_skip = false;
            while next <= n {
                let heard = client.heard().await;
                if heard["type"] == "gap" {
                    may_skip = true;
                    continue;
                }
                let got: u64 = heard["fields"]["n"].as_str().unwrap().parse().unwrap();
                assert!(got == next || may_skip && got > next, "{got} instead of {next}");
                (next, may_skip) = (got + 1, false);
            }
        }
    }
}

#[tokio::test]
async fn a_storm_of_clients_that_were_away_loses_and_doubles_nothing() {
    const CLIENTS: usize = 300;
    let stage = Stage::open(Config::default()).await;
    let open = async || {
        let mut client = stage.client("").await;
        follow(&mut client, None).await;
        client
    };
    let mut clients = join_all((0..CLIENTS).map(|_| open())).await;
    stage.append("s", 0).await;
    let seen = join_all(clients.iter_mut().map(|client| expect(client, 0..1))).await;
    drop(clients);
    for n in 1..=100 {
        stage.append("s", n).await;
    }
    // While they come back, the stream goes on.
    let come_back = async |last: &EntryId| {
        let mut client = stage.client("").await;
        assert_eq!(follow(&mut client, Some(*last)).await["gap"], Value::Null);
        expect(&mut client, 1..=150).await;
        client
    };
    let go_on = async {
        for n in 101..=150 {
            stage.append("s", n).await;
            tokio::task::yield_now().await;
        }
    };
    let (clients, ()) = tokio::join!(join_all(seen.iter().map(come_back)), go_on);
    // Nothing came twice: the next thing that anybody hears is the next entry.
    stage.append("s", 151).await;
    for mut client in clients {
        expect(&mut client, 151..152).await;
    }
}

#[tokio::test]
async fn a_client_that_reads_slowly_catches_up_all_the_same() {
    let stage = Stage::open(Config::default()).await;
    let text = "x".repeat(100_000);
    for _ in 0..100 {
        let fields = firth::backend::Fields::from([("text", text.clone())]);
        let append = firth::backend::Append::new(std::sync::Arc::<str>::from("s"), fields);
        let batch = firth::backend::Batch::of(firth::backend::Write::Append(append));
        stage.broker.backend().write(batch).await.unwrap();
    }
    let mut client = stage.client("").await;
    follow(&mut client, Some(EntryId::MIN)).await;
    // Ten megabytes for a queue of one: they wait until there is room.
    for _ in 0..100 {
        tokio::task::yield_now().await;
        assert_eq!(client.heard().await["fields"]["text"].as_str().unwrap().len(), text.len());
    }
}

#[tokio::test]
async fn history_is_read_by_pieces() {
    let stage = Stage::open(Config::default()).await;
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(stage.append("s", n).await);
    }
    let mut client = stage.client("").await;
    let ask = json!({"do": "history", "stream": "s", "from": ids[1], "limit": 2});
    let reply = client.ask(ask).await;
    let entry = |n: usize| json!({"id": ids[n], "fields": {"n": n.to_string()}});
    assert_eq!(reply, json!({"type": "reply", "entries": [entry(1), entry(2)]}));
    let reply = client
        .ask(json!({"do": "history", "stream": "s", "to": ids[3], "newest": true, "limit": 2}))
        .await;
    assert_eq!(reply["entries"], json!([entry(3), entry(2)]));
}

#[tokio::test]
async fn an_event_stream_goes_on_behind_its_last_event() {
    let stage = Stage::open(Config::default()).await;
    let mut events = stage.events("/sse?stream=s&channel=news&after=0-0", "").await;
    let first = stage.append("s", 0).await;
    let entry = |id: EntryId, n: u64| {
        let json =
            json!({"type": "entry", "stream": "s", "id": id, "fields": {"n": n.to_string()}});
        (format!("id: {id}"), json)
    };
    let event = async |events: &mut crate::stage::Events| {
        let text = events.next().await;
        let (id, data) = text.split_once("\ndata: ").unwrap();
        (id.to_owned(), serde_json::from_str::<Value>(data).unwrap())
    };
    assert_eq!(event(&mut events).await, entry(first, 0));
    stage.publish("news", "hi").await;
    assert_eq!(events.next().await, r#"data: {"type":"message","channel":"news","data":"hi"}"#);
    drop(events);
    let second = stage.append("s", 1).await;
    let last = format!("Last-Event-ID: {first}");
    let mut events = stage.events("/sse?stream=s&after=0-0", &last).await;
    assert_eq!(event(&mut events).await, entry(second, 1));
    for n in 2..5 {
        stage.append_with("s", n, Some(1)).await;
    }
    let mut events = stage.events("/sse?stream=s", &last).await;
    let gap = r#"data: {"type":"gap","stream":"s","reason":"trimmed"}"#;
    assert_eq!(events.next().await, gap);
    assert_eq!(stage.get("/sse").await.0, 400);
    assert_eq!(stage.get("/sse?stream=s&after=x").await.0, 400);
}

#[tokio::test]
async fn an_event_stream_that_begins_now_says_where_that_is() {
    let stage = Stage::open(Config::default()).await;
    assert_eq!(stage.events("/sse?stream=s", "").await.next().await, "id: 0-0");
    let last = stage.append("s", 0).await;
    assert_eq!(stage.events("/sse?stream=s", "").await.next().await, format!("id: {last}"));
}
