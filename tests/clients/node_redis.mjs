// node-redis with the protocol version of the first argument: resubscribes by itself.

import { createClient, WatchError, MultiErrorReply, RESP_TYPES } from "redis";
import { assert, check, fails, finish, largeBinary, parseInfo, until, url } from "./report.mjs";

const RESP = Number(process.argv[2]);

async function open() {
  const client = createClient({ url, RESP });
  client.on("error", () => {});
  await client.connect();
  return client;
}

const redis = await open();
await redis.flushAll();

await check("protocol as asked", async () => {
  assert.match(await redis.sendCommand(["CLIENT", "INFO"]), new RegExp(`resp=${RESP}\\b`));
});

await check("publish and subscribe", async () => {
  const subscriber = await open();
  const got = [];
  await subscriber.subscribe(["news", "sport"], (message, channel) => got.push([channel, message]));
  assert.equal(await redis.publish("news", "first"), 1);
  assert.equal(await redis.publish("sport", "\u{fc}\u{20ac}\u{1f600}"), 1);
  await until("two messages", () => got.length >= 2);
  assert.deepEqual(got, [["news", "first"], ["sport", "\u{fc}\u{20ac}\u{1f600}"]]);
  await subscriber.unsubscribe("news");
  assert.equal(await redis.publish("news", "nobody"), 0);
  subscriber.destroy();
});

await check("pattern subscribe", async () => {
  const subscriber = await open();
  const got = [];
  await subscriber.pSubscribe("user.*", (message, channel) => got.push([channel, message]));
  assert.equal(await redis.publish("user.created", "1"), 1);
  await until("the message", () => got.length >= 1);
  assert.deepEqual(got, [["user.created", "1"]]);
  await subscriber.pUnsubscribe("user.*");
  assert.equal(await redis.publish("user.created", "1"), 0);
  subscriber.destroy();
});

await check("sharded publish and subscribe", async () => {
  const subscriber = await open();
  const got = [];
  await subscriber.sSubscribe("shard", (message, channel) => got.push([channel, message]));
  assert.equal(await redis.sPublish("shard", "x"), 1);
  await until("the message", () => got.length >= 1);
  assert.deepEqual(got, [["shard", "x"]]);
  await subscriber.sUnsubscribe("shard");
  assert.equal(await redis.sPublish("shard", "x"), 0);
  subscriber.destroy();
});

await check("append: XADD, XRANGE, XLEN", async () => {
  assert.equal(await redis.xAdd("s", "1-1", { a: "1", b: "2" }), "1-1");
  const trim = { strategy: "MAXLEN", strategyModifier: "~", threshold: 1000 };
  assert.match(await redis.xAdd("s", "*", { a: "3" }, { TRIM: trim }), /^\d{13}-\d+$/);
  assert.deepEqual(plain(await redis.xRange("s", "-", "+", { COUNT: 1 })), [{ id: "1-1", message: { a: "1", b: "2" } }]);
  assert.equal(await redis.xLen("s"), 2);
  assert.equal((await redis.xInfoStream("s")).length, 2);
  await fails(redis.xAdd("s", "1-1", { a: "1" }), /^ERR The ID specified in XADD is equal or smaller/);
});

await check("blocking XREAD, woken by XADD", async () => {
  const reader = await open();
  const reading = reader.xRead({ key: "blocked", id: "$" }, { BLOCK: 8000 });
  await until("a blocked client", async () => parseInfo(await redis.info("clients")).blocked_clients === "1");
  const id = await redis.xAdd("blocked", "*", { k: "v" });
  assert.deepEqual(plain(await reading), [{ name: "blocked", messages: [{ id, message: { k: "v" } }] }]);
  assert.equal(await reader.xRead({ key: "blocked", id: "$" }, { BLOCK: 20 }), null);
  reader.destroy();
});

await check("group: create, read, acknowledge", async () => {
  assert.equal(await redis.xGroupCreate("g", "workers", "$", { MKSTREAM: true }), "OK");
  await fails(redis.xGroupCreate("g", "workers", "$"), /^BUSYGROUP /);
  const id = await redis.xAdd("g", "*", { k: "v" });
  const read = await redis.xReadGroup("workers", "one", { key: "g", id: ">" }, { COUNT: 10 });
  assert.deepEqual(plain(read), [{ name: "g", messages: [{ id, message: { k: "v" } }] }]);
  const [group] = await redis.xInfoGroups("g");
  assert.deepEqual([group.name, group.pending, group.lag], ["workers", 1, 0]);
  assert.equal(await redis.xAck("g", "workers", id), 1);
  assert.equal(await redis.xAck("g", "workers", id), 0);
  await fails(redis.xReadGroup("none", "one", { key: "g", id: ">" }), /^NOGROUP /);
});

await check("pending: XPENDING, XCLAIM, XAUTOCLAIM", async () => {
  await redis.xGroupCreate("p", "workers", "0", { MKSTREAM: true });
  for (const id of ["1-1", "1-2", "1-3"]) await redis.xAdd("p", id, { k: id });
  await redis.xReadGroup("workers", "one", { key: "p", id: ">" });
  const summary = plain(await redis.xPending("p", "workers"));
  assert.deepEqual(summary, { pending: 3, firstId: "1-1", lastId: "1-3", consumers: [{ name: "one", deliveriesCounter: 3 }] });
  assert.deepEqual(plain(await redis.xClaim("p", "workers", "two", 0, "1-2")), [{ id: "1-2", message: { k: "1-2" } }]);
  const claimed = plain(await redis.xAutoClaim("p", "workers", "three", 0, "0-0", { COUNT: 2 }));
  assert.deepEqual(claimed, {
    nextId: "1-3", messages: [{ id: "1-1", message: { k: "1-1" } }, { id: "1-2", message: { k: "1-2" } }], deletedMessages: [],
  });
  const rows = await redis.xPendingRange("p", "workers", "-", "+", 10);
  assert.deepEqual(rows.map((row) => [row.id, row.consumer, row.deliveriesCounter]), [["1-1", "three", 2], ["1-2", "three", 3], ["1-3", "one", 1]]);
});

await check("MULTI and EXEC", async () => {
  assert.deepEqual(await redis.multi().set("tx", "5").incr("tx").exec(), ["OK", 6]);
  const error = await redis.multi().incr("tx").xLen("tx").exec().catch((e) => e);
  assert.ok(error instanceof MultiErrorReply);
  assert.equal(error.replies[0], 7);
  assert.match(error.replies[1].message, /^WRONGTYPE /);
});

await check("WATCH: a conflict aborts EXEC", async () => {
  const watcher = await open();
  await watcher.watch("tx");
  await redis.set("tx", "other");
  const error = await watcher.multi().set("tx", "mine").exec().catch((e) => e);
  assert.ok(error instanceof WatchError);
  assert.equal(await redis.get("tx"), "other");
  watcher.destroy();
});

await check("pipelining: 1000 commands, replies in order", async () => {
  const replies = await Promise.all(Array.from({ length: 1000 }, () => redis.incr("pipelined")));
  assert.deepEqual(replies, Array.from({ length: 1000 }, (_, i) => i + 1));
});

await check("strings: SET, GET, INCR, EXPIRE", async () => {
  assert.equal(await redis.set("str", "1"), "OK");
  assert.equal(await redis.incr("str"), 2);
  assert.equal(await redis.get("str"), "2");
  assert.equal(await redis.get("missing"), null);
  assert.equal(await redis.expire("str", 100), 1);
  assert.equal(await redis.ttl("str"), 100);
  await redis.set("short", "x", { expiration: { type: "PX", value: 30 } });
  await until("expiry", async () => (await redis.get("short")) === null);
});

await check("large binary payload, all byte values", async () => {
  const bytes = largeBinary();
  const binary = redis.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  await redis.set("large", bytes);
  assert.ok(bytes.equals(await binary.get("large")));
  await redis.xAdd("large-stream", "1-1", { b: bytes });
  const [entry] = await binary.xRange("large-stream", "-", "+");
  assert.ok(bytes.equals(entry.message.b));
});

await check("INFO", async () => {
  const info = parseInfo(await redis.info());
  assert.match(info.redis_version, /^\d+\.\d+\.\d+/);
  assert.ok(Number(info.connected_clients) >= 1);
});

await check("SCAN", async () => {
  await Promise.all(Array.from({ length: 300 }, (_, i) => redis.set(`scan:${i}`, "x")));
  const seen = new Set();
  for await (const keys of redis.scanIterator({ MATCH: "scan:*", COUNT: 50 })) keys.forEach((key) => seen.add(key));
  assert.equal(seen.size, 300);
});

await check("reconnect after CLIENT KILL", async () => {
  const victim = await open();
  const id = await victim.clientId();
  assert.equal(await redis.clientKill({ filter: "ID", id }), 1);
  await until("a new connection", () => victim.clientId().then((now) => now !== id, () => false));
  assert.equal(await victim.ping(), "PONG");
  victim.destroy();
});

await check("subscriptions back after CLIENT KILL", async () => {
  const subscriber = await open();
  const id = await subscriber.clientId();
  const got = [];
  await subscriber.subscribe("again", (message) => got.push(message));
  await subscriber.pSubscribe("patt*", (message) => got.push(message));
  await subscriber.sSubscribe("shard", (message) => got.push(message));
  assert.equal(await redis.clientKill({ filter: "ID", id }), 1);
  await until("channel", async () => (await redis.publish("again", "c")) === 1);
  await until("pattern", async () => (await redis.publish("pattern", "p")) === 1);
  await until("shard", async () => (await redis.sPublish("shard", "s")) === 1);
  await until("all messages", () => ["c", "p", "s"].every((message) => got.includes(message)));
  subscriber.destroy();
});

finish();

/// The client answers objects without a prototype; deepEqual wants plain ones.
function plain(value) {
  return JSON.parse(JSON.stringify(value));
}
