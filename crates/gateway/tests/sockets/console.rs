//! The console's API in front of the real thing: our engine in the process, our server, and a Redis.

use std::sync::Arc;

use firth::backend::{GroupChange, GroupRead, Start};
use firth::event_store::{Expected, NewEvent};
use firth_gateway::{Config, Keys};
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::server::{Kind, Server};
use crate::stage::Stage;

const API_KEY: &str = "an api key of the tests";

fn config() -> Config {
    Config { keys: Keys::none().with_api_key(API_KEY).unwrap(), ..Config::default() }
}

async fn in_front_of(kind: Kind) -> (Server, Stage) {
    let server = Server::start(kind);
    let stage = Stage::at(&format!("redis://127.0.0.1:{}", server.port()), config()).await;
    (server, stage)
}

async fn get(stage: &Stage, path: &str) -> Value {
    let more = format!("Authorization: Bearer {API_KEY}");
    let (status, text) = stage.request("GET", &format!("/console/api/{path}"), &more).await;
    assert_eq!(status, 200, "{path} {text}");
    serde_json::from_str(&text).unwrap()
}

async fn post(stage: &Stage, path: &str, body: &Value) -> (u16, Value) {
    let more = format!("Authorization: Bearer {API_KEY}\r\n\r\n{body}");
    let (status, text) = stage.request("POST", &format!("/console/api/{path}"), &more).await;
    (status, serde_json::from_str(&text).unwrap())
}

async fn done(stage: &Stage, path: &str, body: Value) -> Value {
    let (status, answer) = post(stage, path, &body).await;
    assert_eq!(status, 200, "{path} {body} {answer}");
    answer
}

/// Returns one member of each item.
fn each(list: &Value, name: &str) -> Value {
    list["items"].as_array().unwrap().iter().map(|item| item[name].clone()).collect()
}

/// Delivers entries of a stream to a consumer, who never acknowledges.
async fn deliver(stage: &Stage, stream: &str, group: &str, consumer: &str, limit: usize) {
    let (stream, group): (Arc<str>, Arc<str>) = (stream.into(), group.into());
    let start = Start::Beginning;
    let create = GroupChange::Create { stream: stream.clone(), group: group.clone(), start };
    stage.broker.backend().change_group(create).await.unwrap();
    let read = GroupRead { stream, group, consumer: consumer.into(), limit, wait: None };
    assert_eq!(stage.broker.backend().read_group(read).await.unwrap().len(), limit);
}

/// Goes through all that can be looked at and done.
async fn check(stage: &Stage) {
    streams_are_listed_and_searched(stage).await;
    groups_are_looked_after(stage).await;
    streams_are_changed(stage).await;
    dead_letters_are_brought_back(stage).await;
    events_are_shown(stage).await;
    channels_are_shown(stage).await;
    the_overview_knows(stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_front_of_the_engine() {
    check(&Stage::open(config()).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_front_of_firth() {
    let (_server, stage) = in_front_of(Kind::Firth).await;
    check(&stage).await;
    servers_tell_of_themselves(&stage, "firth").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_front_of_redis() {
    let (_server, stage) = in_front_of(Kind::Redis7).await;
    check(&stage).await;
    servers_tell_of_themselves(&stage, "redis").await;
    let acl = get(&stage, "acl").await;
    assert_eq!(acl["items"][0]["user"], "default", "{acl}");
}

async fn streams_are_listed_and_searched(stage: &Stage) {
    for (name, count) in [("list:a", 3), ("list:b", 1), ("list:c", 2)] {
        for n in 0..count {
            stage.append(name, n).await;
        }
    }
    let list = get(stage, "streams?match=list:&sort=length&order=desc&limit=2&fresh=true").await;
    assert_eq!((&list["total"], each(&list, "name")), (&json!(3), json!(["list:a", "list:c"])));
    let rest = get(stage, "streams?match=list:*&sort=length&order=desc&limit=2&offset=2").await;
    assert_eq!(each(&rest, "name"), json!(["list:b"]));
    assert!(list["items"][0]["bytes"].as_u64().unwrap() > 0, "{list}");

    let newest = get(stage, "entries?stream=list:a&limit=2").await;
    assert_eq!(each(&newest, "fields"), json!([[["n", "2"]], [["n", "1"]]]));
    let next = newest["next"].as_str().unwrap();
    let rest = get(stage, &format!("entries?stream=list:a&limit=2&to={next}")).await;
    assert_eq!((each(&rest, "fields"), &rest["next"]), (json!([[["n", "0"]]]), &Value::Null));
    let found = get(stage, "entries?stream=list:a&match=1&order=asc").await;
    assert_eq!((each(&found, "fields"), &found["scanned"]), (json!([[["n", "1"]]]), &json!(3)));
    assert_eq!(get(stage, "entries?stream=list:a&field=x").await["items"], json!([]));
    let id = found["items"][0]["id"].as_str().unwrap();
    let entry = get(stage, &format!("entry?stream=list:a&id={id}")).await;
    assert_eq!(entry["fields"], json!([["n", "1"]]));

    let one = get(stage, "stream?stream=list:a").await;
    assert_eq!((&one["length"], &one["retention"]), (&json!(3), &Value::Null));
    assert_eq!(one["lastId"], newest["items"][0]["id"]);
}

async fn groups_are_looked_after(stage: &Stage) {
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(json!(stage.append("orders", n).await));
    }
    deliver(stage, "orders", "mailers", "c1", 4).await;
    let group = get(stage, "group?stream=orders&group=mailers").await;
    assert_eq!((&group["pending"], &group["lag"]), (&json!(4), &json!(1)));
    assert_eq!(
        (&group["consumerList"][0]["name"], &group["ages"][0]["count"]),
        (&json!("c1"), &json!(4))
    );
    let groups = get(stage, "groups?stream=orders&fresh=true").await;
    assert_eq!((each(&groups, "name"), each(&groups, "lag")), (json!(["mailers"]), json!([1])));

    let pending = get(stage, "pending?stream=orders&group=mailers&limit=3").await;
    assert_eq!((each(&pending, "id"), &pending["next"]), (json!(ids[..3]), &ids[3]));
    assert_eq!(pending["items"][0]["entry"]["fields"], json!([["n", "0"]]));

    let named = |ids: &[Value]| json!({"stream": "orders", "group": "mailers", "ids": ids});
    assert_eq!(done(stage, "ack", named(&ids[..1])).await, json!({"count": 1}));
    let mut claim = named(&ids[1..2]);
    claim["consumer"] = json!("c2");
    assert_eq!(done(stage, "claim", claim).await["ids"], json!(ids[1..2]));
    assert_eq!(done(stage, "hand-back", named(&ids[2..4])).await["ids"], json!(ids[2..4]));
    let old = get(stage, "pending?stream=orders&group=mailers&minIdleMs=3600000").await;
    assert_eq!(each(&old, "id"), json!(ids[2..4]));
    let theirs = get(stage, "pending?stream=orders&group=mailers&consumer=c2").await;
    assert_eq!(each(&theirs, "id"), json!([ids[1]]));

    let remove = json!({"stream": "orders", "group": "mailers", "consumer": "c2", "confirm": "c2"});
    assert_eq!(done(stage, "consumer-remove", remove).await, json!({"pending": 1}));
    let create = json!({"stream": "orders", "group": "audit", "start": "beginning"});
    done(stage, "group-create", create.clone()).await;
    assert_eq!(post(stage, "group-create", &create).await.0, 409);
    let end = json!({"stream": "orders", "group": "audit", "start": "end"});
    done(stage, "group-move", end).await;
    let group = get(stage, "group?stream=orders&group=audit").await;
    assert_eq!((&group["lag"], &group["lastDelivered"]), (&json!(0), &ids[4]));
    let destroy = |confirm| json!({"stream": "orders", "group": "audit", "confirm": confirm});
    assert_eq!(post(stage, "group-destroy", &destroy("x")).await.0, 409);
    done(stage, "group-destroy", destroy("audit")).await;
    assert_eq!(post(stage, "group-destroy", &destroy("audit")).await.0, 404);
}

async fn streams_are_changed(stage: &Stage) {
    let mut ids = Vec::new();
    for n in 0..5 {
        let fields = json!([["n", n.to_string()], ["raw", {"base64": "/w=="}]]);
        let appended = done(stage, "append", json!({"stream": "s", "fields": fields})).await;
        ids.push(appended["id"].clone());
    }
    let first = get(stage, "entries?stream=s&order=asc&limit=1").await;
    assert_eq!(first["items"][0]["fields"], json!([["n", "0"], ["raw", {"base64": "/w=="}]]));
    assert_eq!(done(stage, "delete", json!({"stream": "s", "ids": [ids[4]]})).await["count"], 1);
    let dry = json!({"stream": "s", "before": ids[2], "dryRun": true});
    assert_eq!(done(stage, "trim", dry).await["count"], 2);
    let dry = json!({"stream": "s", "maxLength": 1, "dryRun": true});
    assert_eq!(done(stage, "trim", dry).await["count"], 3);
    assert_eq!(done(stage, "trim", json!({"stream": "s", "maxLength": 1})).await["count"], 3);
    assert_eq!(each(&get(stage, "entries?stream=s").await, "id"), json!([ids[3]]));
    let (stale, body) = ("1-1", json!({"stream": "s", "fields": [["a", "1"]], "id": "1-1"}));
    assert_eq!(post(stage, "append", &body).await.0, 409, "{stale}");
    streams_are_retained(stage).await;
    done(stage, "delete-stream", json!({"stream": "s", "confirm": "s"})).await;
    assert_eq!(get(stage, "entries?stream=s").await["items"], json!([]));
    // What only looked is not noted.
    let audit = get(stage, "audit?match=trim").await;
    assert_eq!(each(&audit, "outcome"), json!(["ok"]));
}

/// Sets and removes a policy where the backend has them, and is told so where it has not.
async fn streams_are_retained(stage: &Stage) {
    let wish = json!({"stream": "s", "maxEntries": 2, "evenUnacknowledged": true});
    assert_eq!(post(stage, "retain", &json!({"stream": "none", "maxEntries": 2})).await.0, 404);
    let told = get(stage, "stream?stream=s").await;
    if told["canRetain"] == json!(false) {
        assert_eq!(post(stage, "retain", &wish).await.0, 501);
        return;
    }
    assert_eq!(done(stage, "retain", wish).await["retained"], json!(true));
    let limits = json!({
        "maxAgeMs": null, "maxBytes": null, "maxEntries": 2, "evenUnacknowledged": true,
    });
    assert_eq!(get(stage, "stream?stream=s").await["retention"], limits);
    for n in 0..3 {
        done(stage, "append", json!({"stream": "s", "fields": [["n", n.to_string()]]})).await;
    }
    assert_eq!(get(stage, "stream?stream=s").await["length"], 2);
    assert_eq!(done(stage, "retain", json!({"stream": "s"})).await["retained"], json!(false));
    assert_eq!(get(stage, "stream?stream=s").await["retention"], json!(null));
}

/// Begins to bring letters back, and waits until that has ended.
async fn redrive(stage: &Stage, wish: Value) -> Value {
    let job = done(stage, "dead-letters/redrive", wish).await["job"].clone();
    loop {
        let job = get(stage, &format!("jobs/one?id={}", job.as_str().unwrap())).await;
        if job["state"] != "running" {
            return job;
        }
    }
}

async fn dead_letters_are_brought_back(stage: &Stage) {
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(json!(stage.append("jobs", n).await));
    }
    deliver(stage, "jobs", "g", "c1", 5).await;
    let bury = |ids: &[Value], reason| json!({"stream": "jobs", "group": "g", "ids": ids, "reason": reason});
    let dead = json!("{jobs}:dead");
    let moved = done(stage, "dead-letter", bury(&ids[..3], "timeout")).await;
    assert_eq!(moved, json!({"moved": 3, "deadLetters": dead}));
    // What is not pending any more is not moved again.
    assert_eq!(done(stage, "dead-letter", bury(&ids[2..], "no stock\nat all")).await["moved"], 2);

    let path = "%7Bjobs%7D:dead";
    let list = get(stage, "dead-letters?fresh=true&match=jobs").await;
    assert_eq!((each(&list, "stream"), each(&list, "length")), (json!([dead]), json!([5])));
    let reasons = get(stage, &format!("dead-letters/reasons?stream={path}")).await;
    assert_eq!(each(&reasons, "reason"), json!(["timeout", "no stock"]));
    assert_eq!(each(&reasons, "count"), json!([3, 2]));
    let stock = get(stage, &format!("dead-letters/letters?stream={path}&reason=no%20stock")).await;
    assert_eq!(each(&stock, "originalId"), json!([ids[4], ids[3]]));
    assert_eq!(stock["items"][0]["fields"], json!([["n", "4"]]));
    assert_eq!(stock["items"][0]["errorChain"], json!(["no stock", "at all"]));
    assert_eq!(each(&stock, "deliveries"), json!([1, 1]));

    let dry = json!({"stream": dead, "reason": "timeout", "dryRun": true});
    let would = done(stage, "dead-letters/redrive", dry).await;
    assert_eq!((&would["count"], would["sample"].as_array().unwrap().len()), (&json!(3), 3));
    assert_eq!(get(stage, "stream?stream=jobs").await["length"], 5, "it only looked");
    let first = would["sample"][0]["id"].clone();
    let job = redrive(stage, json!({"stream": dead, "ids": [first], "perSecond": 100})).await;
    assert_eq!(
        (&job["state"], &job["done"], &job["total"]),
        (&json!("done"), &json!(1), &json!(1))
    );
    let back = get(stage, "entries?stream=jobs&limit=1").await;
    assert_eq!(back["items"][0]["fields"], json!([["n", "0"], ["firth_redriven", "1"]]));

    let edit = json!({"id": stock["items"][0]["id"], "fields": [["n", "edited"]]});
    let job = redrive(stage, json!({"stream": dead, "edit": edit, "to": "elsewhere"})).await;
    assert_eq!((&job["state"], &job["done"]), (&json!("done"), &json!(1)), "{job}");
    let back = get(stage, "entries?stream=elsewhere").await;
    assert_eq!(back["items"][0]["fields"][0], json!(["n", "edited"]));
    assert_eq!(get(stage, &format!("stream?stream={path}")).await["length"], 3);
    // It is there no more.
    assert_eq!(
        post(stage, "dead-letters/redrive", &json!({"stream": dead, "edit": edit})).await.0,
        404
    );

    let purge = json!({"stream": dead, "reason": "no stock", "dryRun": true});
    assert_eq!(done(stage, "dead-letters/purge", purge).await["count"], 1);
    let all = json!({"stream": dead});
    assert_eq!(post(stage, "dead-letters/purge", &all).await.0, 409);
    let all = json!({"stream": dead, "confirm": dead});
    assert_eq!(done(stage, "dead-letters/purge", all).await["count"], 3);
    assert_eq!(get(stage, "jobs").await["items"].as_array().unwrap().len(), 2);
}

/// A job that would take minutes is stopped, and the rest of the letters stay.
#[tokio::test(flavor = "multi_thread")]
async fn a_redrive_is_stopped() {
    let stage = Stage::open(config()).await;
    let mut ids = Vec::new();
    for n in 0..100 {
        ids.push(json!(stage.append("jobs", n).await));
    }
    deliver(&stage, "jobs", "g", "c1", 100).await;
    done(&stage, "dead-letter", json!({"stream": "jobs", "group": "g", "ids": ids, "reason": "r"}))
        .await;
    let wish = json!({"stream": "{jobs}:dead", "perSecond": 1});
    let job = done(&stage, "dead-letters/redrive", wish.clone()).await["job"].clone();
    let path = format!("jobs/one?id={}", job.as_str().unwrap());
    while get(&stage, &path).await["done"] == 0 {}
    let job = done(&stage, "jobs/stop", json!({"id": job})).await;
    assert_eq!((&job["state"], &job["total"]), (&json!("stopped"), &json!(100)));
    let left = get(&stage, "stream?stream=%7Bjobs%7D:dead").await["length"].as_u64().unwrap();
    assert!(left >= 90, "{left}");
    // Somebody can go on at once.
    let more = json!({"stream": "{jobs}:dead", "perSecond": 100_000});
    assert_eq!(redrive(&stage, more).await["done"], left);
}

async fn events_are_shown(stage: &Stage) {
    let store = stage.broker.event_store("events");
    for n in 0..3 {
        let event = [NewEvent::new(if n == 0 { "Created" } else { "Added" }, json!({"n": n}))];
        store.append("order-1", Expected::Any, &event).await.unwrap();
    }
    let all = get(stage, "event-store/events?stream=events&limit=2").await;
    assert_eq!(
        (each(&all, "type"), each(&all, "version")),
        (json!(["Created", "Added"]), json!([1, 2]))
    );
    assert_eq!(all["items"][1]["data"], json!({"n": 1}));
    let next = all["next"].as_str().unwrap();
    let rest = get(stage, &format!("event-store/events?stream=events&from={next}")).await;
    assert_eq!(each(&rest, "version"), json!([3]));
    let added = get(stage, "event-store/events?stream=events&type=Added").await;
    assert_eq!(each(&added, "version"), json!([2, 3]));
    let one = get(stage, "event-store/aggregate?stream=events&id=order-1").await;
    assert_eq!((&one["version"], each(&one, "version")), (&json!(3), json!([1, 2, 3])));
    let types = get(stage, "event-store/types?stream=events").await;
    assert_eq!(types["items"][0], json!({"type": "Added", "count": 2}));
}

async fn channels_are_shown(stage: &Stage) {
    let bearer = format!("Authorization: Bearer {API_KEY}");
    let path = "/console/api/live/channel?channel=news&match=yes";
    let mut live = stage.events(path, &bearer).await;
    let mut tail = stage.events("/console/api/live/stream?stream=tail&match=2", &bearer).await;
    let mut user = stage.events("/console/api/live/user?user=anna", &bearer).await;
    let place = user.next().await;
    assert!(place.starts_with("event: presence\ndata: {\"channels\":[],\"sockets\":0"), "{place}");
    let path = format!("/notifications/anna?token={}", API_KEY.replace(' ', "%20"));
    let _anna = stage.socket(&path).await;
    let mut listener = stage.client(&format!("?token={}", API_KEY.replace(' ', "%20"))).await;
    listener.ask(json!({"do": "subscribe", "channel": "news"})).await;

    let channels = get(stage, "channels?match=news").await;
    assert_eq!(each(&channels, "name"), json!(["news"]));
    done(stage, "publish", json!({"channel": "news", "payload": "no"})).await;
    done(stage, "publish", json!({"channel": "news", "payload": "yes"})).await;
    let message = live.next().await;
    assert!(message.starts_with("event: message\n"), "{message}");
    assert!(message.contains(r#""channel":"news","payload":"yes""#), "{message}");
    for n in 0..3 {
        stage.append("tail", n).await;
    }
    let entry = tail.next().await;
    assert!(entry.contains("event: entry\n") && entry.contains(r#"[["n","2"]]"#), "{entry}");
    assert!(entry.starts_with("id: "), "{entry}");
    done(stage, "publish", json!({"channel": "notifications:anna", "payload": "hi"})).await;
    while !user.next().await.contains(r#""payload":"hi""#) {}

    let users = get(stage, "gateway/users").await;
    let anna = users["items"].as_array().unwrap().iter().find(|row| row["user"] == "anna");
    assert_eq!(anna, Some(&json!({"user": "anna", "sockets": 1, "channels": []})));
    let numbers = get(stage, "gateway").await;
    assert_eq!((&numbers["users"], &numbers["sockets"]), (&json!(1), &json!(5)), "{numbers}");
}

async fn the_overview_knows(stage: &Stage) {
    let bearer = format!("Authorization: Bearer {API_KEY}");
    let mut live = stage.events("/console/api/live/overview", &bearer).await;
    let told = loop {
        let event = live.next().await;
        let data = event.strip_prefix("event: overview\ndata: ").unwrap();
        let told: Value = serde_json::from_str(data).unwrap();
        if !told["streams"].is_null() {
            break told;
        }
    };
    assert_eq!(told["backend"]["state"], "connected");
    assert!(told["streams"]["count"].as_u64().unwrap() >= 3, "{told}");
    assert!(told["memory"]["usedBytes"].as_u64().unwrap() > 0, "{told}");
    let overview = get(stage, "overview").await;
    assert!(!overview["history"].as_array().unwrap().is_empty());
    assert!(!overview["health"].as_array().unwrap().is_empty());
}

async fn servers_tell_of_themselves(stage: &Stage, kind: &str) {
    assert_eq!(get(stage, "overview").await["backend"]["kind"], kind);
    let info = get(stage, "info").await;
    assert!(info["items"][0]["fields"]["redis_version"].is_string(), "{info}");
    let clients = get(stage, "clients?sort=age&order=desc&limit=1").await;
    assert!(clients["items"][0]["fields"]["addr"].is_string(), "{clients}");
    let config = get(stage, "config?match=maxmemory").await;
    assert!(each(&config, "name").as_array().unwrap().contains(&json!("maxmemory")), "{config}");
    assert!(get(stage, "slow-log").await["items"].is_array());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_servers_password_logs_in() {
    let server = Server::start_with(Kind::Redis7, &["--requirepass", "open sesame"]);
    let url = format!("redis://:open%20sesame@127.0.0.1:{}", server.port());
    let stage = Stage::at(&url, Config::default()).await;
    let log_in = async |password: &str| {
        let body = json!({"password": password});
        let more = format!("Origin: http://{}\r\n\r\n{body}", stage.address);
        let (status, text) = stage.request("POST", "/console/api/session", &more).await;
        (status, serde_json::from_str::<Value>(&text).unwrap())
    };
    let (status, session) = log_in("open sesame").await;
    assert_eq!((status, &session["role"]), (200, &json!("admin")));
    assert_eq!(session["backend"], format!("redis://127.0.0.1:{}", server.port()));
    assert!(!session.to_string().contains("sesame"));
    assert_eq!(log_in("open says me").await.0, 401);
    assert_eq!(stage.get("/console/api/streams").await.0, 401);
}

/// Says how long lists of many streams take; nothing about that is asserted.
#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stderr, reason = "it tells, and asserts nothing about it")]
async fn ten_thousand_streams_are_listed() {
    for kind in [Kind::Firth, Kind::Redis7] {
        let (_server, stage) = in_front_of(kind).await;
        let append = |n: u32| {
            let stage = &stage;
            async move { stage.append(&format!("many:{n:05}"), u64::from(n)).await }
        };
        stream::iter(0..10_000).map(append).buffer_unordered(100).count().await;
        let mut took = Vec::new();
        for path in [
            "streams?match=many:",
            "streams?match=many:&sort=bytes&order=desc",
            "streams?match=many:*99&sort=lag&offset=50",
        ] {
            let begun = Instant::now();
            let list = get(&stage, path).await;
            took.push(begun.elapsed());
            assert_eq!(list["items"].as_array().unwrap().len(), 50);
            assert_eq!(list["total"], if path.contains("99") { 100 } else { 10_000 });
        }
        eprintln!("{kind:?}: 10,000 streams listed in {took:?}, the first time not known before");
    }
}
