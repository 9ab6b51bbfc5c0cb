// Bun's RedisClient: always RESP3, auto-pipelined, no resubscription after a reconnect.

import { RedisClient } from "bun";
import { assert, check, fails, finish, largeBinary, parseInfo, until, url } from "./report.mjs";

const open = async (options) => {
  const client = new RedisClient(url, options);
  await client.connect();
  return client;
};

const redis = await open();
await redis.send("FLUSHALL", []);
const receivers = async (channel) => (await redis.send("PUBSUB", ["NUMSUB", channel]))[1];

await check("protocol: HELLO 3 gave maps", async () => {
  const hello = await redis.send("HELLO", []);
  assert.equal(hello.proto, 3);
  assert.equal(hello.mode, "standalone");
});

await check("publish and subscribe", async () => {
  const subscriber = await open();
  const got = [];
  assert.equal(await subscriber.subscribe("news", (message, channel) => got.push([channel, message])), 1);
  assert.equal(await redis.publish("news", "first"), 1);
  assert.equal(await redis.publish("news", "second: \u{fc}\u{20ac}\u{1f600}"), 1);
  assert.equal(await redis.publish("elsewhere", "x"), 0);
  await until("two messages", () => got.length >= 2);
  assert.deepEqual(got, [["news", "first"], ["news", "second: \u{fc}\u{20ac}\u{1f600}"]]);
  await subscriber.unsubscribe("news");
  assert.equal(await redis.publish("news", "nobody"), 0);
  subscriber.close();
});

await check("subscribe: one subscriber, many channels, order kept", async () => {
  const subscriber = await open();
  const got = [];
  await subscriber.subscribe(["m1", "m2", "m3"], (message) => got.push(message));
  for (let i = 0; i < 100; i += 1) redis.publish(`m${(i % 3) + 1}`, String(i));
  await until("a hundred messages", () => got.length >= 100);
  assert.deepEqual(got, Array.from({ length: 100 }, (_, i) => String(i)));
  subscriber.close();
});

await check("pattern subscribe (raw)", async () => {
  const subscriber = await open();
  const reply = await subscriber.send("PSUBSCRIBE", ["user.*"]);
  assert.equal(reply.type, "psubscribe");
  assert.deepEqual(reply.data, ["user.*", 1]);
  assert.equal(await redis.publish("user.created", "1"), 1);
  assert.equal(await redis.publish("usercreated", "1"), 0);
  assert.equal(await subscriber.send("ECHO", ["still in step"]), "still in step");
  await subscriber.send("PUNSUBSCRIBE", ["user.*"]);
  assert.equal(await redis.publish("user.created", "1"), 0);
  subscriber.close();
});

await check("sharded publish and subscribe (raw)", async () => {
  const subscriber = await open();
  assert.deepEqual((await subscriber.send("SSUBSCRIBE", ["shard"])).data, ["shard", 1]);
  assert.equal(await redis.spublish("shard", "x"), 1);
  assert.equal(await redis.publish("shard", "x"), 0);
  assert.equal(await subscriber.send("ECHO", ["still in step"]), "still in step");
  assert.deepEqual((await subscriber.send("SUNSUBSCRIBE", ["shard"])).data, ["shard", 0]);
  subscriber.close();
});

await check("append: XADD, XRANGE, XLEN", async () => {
  assert.equal(await redis.send("XADD", ["s", "1-1", "a", "1", "b", "2"]), "1-1");
  assert.match(await redis.send("XADD", ["s", "*", "a", "3"]), /^\d{13}-\d+$/);
  assert.deepEqual((await redis.send("XRANGE", ["s", "-", "+", "COUNT", "1"])), [["1-1", ["a", "1", "b", "2"]]]);
  assert.equal(await redis.send("XLEN", ["s"]), 2);
  await fails(redis.send("XADD", ["s", "1-1", "a", "1"]), /^ERR The ID specified in XADD is equal or smaller/);
});

await check("blocking XREAD, woken by XADD", async () => {
  const reader = await open();
  const reading = reader.send("XREAD", ["BLOCK", "8000", "STREAMS", "blocked", "$"]);
  await until("a blocked client", async () => parseInfo(await redis.info("clients")).blocked_clients === "1");
  const id = await redis.send("XADD", ["blocked", "*", "k", "v"]);
  assert.deepEqual({ ...(await reading) }, { blocked: [[id, ["k", "v"]]] });
  assert.equal(await reader.send("XREAD", ["BLOCK", "20", "STREAMS", "blocked", "$"]), null);
  reader.close();
});

await check("group: create, read, acknowledge", async () => {
  assert.equal(await redis.send("XGROUP", ["CREATE", "g", "workers", "$", "MKSTREAM"]), "OK");
  await fails(redis.send("XGROUP", ["CREATE", "g", "workers", "$"]), /^BUSYGROUP /);
  const id = await redis.send("XADD", ["g", "*", "k", "v"]);
  const read = await redis.send("XREADGROUP", ["GROUP", "workers", "one", "COUNT", "10", "STREAMS", "g", ">"]);
  assert.deepEqual({ ...read }, { g: [[id, ["k", "v"]]] });
  assert.equal(await redis.send("XACK", ["g", "workers", id]), 1);
  assert.equal(await redis.send("XACK", ["g", "workers", id]), 0);
  await fails(redis.send("XREADGROUP", ["GROUP", "none", "one", "STREAMS", "g", ">"]), /^NOGROUP /);
});

await check("pending: XPENDING, XCLAIM, XAUTOCLAIM", async () => {
  await redis.send("XGROUP", ["CREATE", "p", "workers", "0", "MKSTREAM"]);
  for (const id of ["1-1", "1-2", "1-3"]) await redis.send("XADD", ["p", id, "k", id]);
  await redis.send("XREADGROUP", ["GROUP", "workers", "one", "STREAMS", "p", ">"]);
  assert.deepEqual(await redis.send("XPENDING", ["p", "workers"]), [3, "1-1", "1-3", [["one", "3"]]]);
  assert.deepEqual(await redis.send("XCLAIM", ["p", "workers", "two", "0", "1-2"]), [["1-2", ["k", "1-2"]]]);
  const claimed = await redis.send("XAUTOCLAIM", ["p", "workers", "three", "0", "0-0", "COUNT", "2"]);
  assert.deepEqual(claimed, ["1-3", [["1-1", ["k", "1-1"]], ["1-2", ["k", "1-2"]]], []]);
  const rows = await redis.send("XPENDING", ["p", "workers", "-", "+", "10"]);
  assert.deepEqual(rows.map(([id, consumer, , times]) => [id, consumer, times]), [["1-1", "three", 2], ["1-2", "three", 3], ["1-3", "one", 1]]);
});

await check("MULTI and EXEC", async () => {
  const replies = await Promise.all([
    redis.send("MULTI", []), redis.send("SET", ["tx", "5"]), redis.send("INCR", ["tx"]), redis.send("XLEN", ["tx"]), redis.send("EXEC", []),
  ].map((reply) => reply.catch((e) => e)));
  assert.deepEqual(replies.slice(0, 4), ["OK", "QUEUED", "QUEUED", "QUEUED"]);
  assert.deepEqual(replies[4].slice(0, 2), ["OK", 6]);
  assert.match(replies[4][2].message, /^WRONGTYPE /);
});

await check("WATCH: a conflict aborts EXEC", async () => {
  const watcher = await open();
  await watcher.send("WATCH", ["tx"]);
  await redis.set("tx", "other");
  await watcher.send("MULTI", []);
  await watcher.send("SET", ["tx", "mine"]);
  assert.equal(await watcher.send("EXEC", []), null);
  assert.equal(await redis.get("tx"), "other");
  watcher.close();
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
  assert.equal(await redis.exists("str"), true);
  await redis.send("SET", ["short", "x", "PX", "30"]);
  await until("expiry", async () => (await redis.get("short")) === null);
});

await check("large binary payload, all byte values", async () => {
  const bytes = largeBinary();
  assert.equal(await redis.set("large", bytes), "OK");
  assert.ok(bytes.equals(Buffer.from(await redis.getBuffer("large"))));
  await redis.send("XADD", ["large-stream", "1-1", "b", bytes]);
  assert.equal(await redis.send("XLEN", ["large-stream"]), 1);
});

await check("INFO", async () => {
  const info = parseInfo(await redis.info());
  assert.match(info.redis_version, /^\d+\.\d+\.\d+/);
  assert.ok(Number(info.connected_clients) >= 1);
});

await check("SCAN", async () => {
  await Promise.all(Array.from({ length: 300 }, (_, i) => redis.set(`scan:${i}`, "x")));
  const seen = new Set();
  let cursor = "0";
  do {
    const [next, keys] = await redis.scan(cursor, "MATCH", "scan:*", "COUNT", "50");
    keys.forEach((key) => seen.add(key));
    cursor = next;
  } while (cursor !== "0");
  assert.equal(seen.size, 300);
});

await check("reconnect after CLIENT KILL", async () => {
  const victim = await open();
  const id = await victim.send("CLIENT", ["ID"]);
  assert.equal(await redis.send("CLIENT", ["KILL", "ID", String(id)]), 1);
  await until("a new connection", () => victim.send("CLIENT", ["ID"]).then((now) => now !== id, () => false));
  assert.equal(await victim.send("PING", []), "PONG");
  victim.close();
});

await check("subscriber after CLIENT KILL: connected again, and free to subscribe again", async () => {
  const subscriber = await open();
  const id = await subscriber.send("CLIENT", ["ID"]);
  const got = [];
  await subscriber.subscribe("again", (message) => got.push(message));
  assert.equal(await redis.send("CLIENT", ["KILL", "ID", String(id), "TYPE", "pubsub"]), 1);
  await until("the subscription gone", async () => (await receivers("again")) === 0);
  await until("a new subscription", () => subscriber.subscribe("again", (message) => got.push(message)).then(() => true, () => false));
  await until("one receiver", async () => (await redis.publish("again", "x")) === 1);
  await until("the message", () => got.includes("x"));
  subscriber.close();
});

finish();
