// ioredis with the protocol version of the first argument: INFO is its ready check, it resubscribes by itself.

import { Redis } from "ioredis";
import { assert, check, fails, finish, largeBinary, parseInfo, port, until } from "./report.mjs";

const protocol = Number(process.argv[2]);
const open = () => new Redis({ host: "127.0.0.1", port, protocol });
const redis = open();
await redis.flushall();

await check("protocol as asked", async () => {
  assert.match(await redis.client("INFO"), new RegExp(`resp=${protocol}\\b`));
});

await check("publish and subscribe", async () => {
  const subscriber = open();
  const got = [];
  subscriber.on("message", (channel, message) => got.push([channel, message]));
  assert.equal(await subscriber.subscribe("news", "sport"), 2);
  assert.equal(await redis.publish("news", "first"), 1);
  assert.equal(await redis.publish("sport", "\u{fc}\u{20ac}\u{1f600}"), 1);
  await until("two messages", () => got.length >= 2);
  assert.deepEqual(got, [["news", "first"], ["sport", "\u{fc}\u{20ac}\u{1f600}"]]);
  assert.equal(await subscriber.unsubscribe("news"), 1);
  assert.equal(await redis.publish("news", "nobody"), 0);
  assert.equal([await subscriber.ping()].flat()[0].toLowerCase(), "pong");
  subscriber.disconnect();
});

await check("pattern subscribe", async () => {
  const subscriber = open();
  const got = [];
  subscriber.on("pmessage", (...all) => got.push(all));
  assert.equal(await subscriber.psubscribe("user.*", "user.c[rx]eated"), 2);
  assert.equal(await redis.publish("user.created", "1"), 2);
  await until("both patterns", () => got.length >= 2);
  assert.deepEqual(got.sort(), [["user.*", "user.created", "1"], ["user.c[rx]eated", "user.created", "1"]]);
  assert.equal(await subscriber.punsubscribe("user.*"), 1);
  assert.equal(await redis.publish("user.created", "1"), 1);
  subscriber.disconnect();
});

await check("sharded publish and subscribe", async () => {
  const subscriber = open();
  const got = [];
  subscriber.on("smessage", (...all) => got.push(all));
  assert.equal(await subscriber.ssubscribe("shard"), 1);
  assert.equal(await redis.spublish("shard", "x"), 1);
  await until("the message", () => got.length >= 1);
  assert.deepEqual(got, [["shard", "x"]]);
  assert.equal(await subscriber.sunsubscribe("shard"), 0);
  subscriber.disconnect();
});

await check("append: XADD, XRANGE, XLEN", async () => {
  assert.equal(await redis.xadd("s", "1-1", "a", "1", "b", "2"), "1-1");
  assert.match(await redis.xadd("s", "MAXLEN", "~", 1000, "*", "a", "3"), /^\d{13}-\d+$/);
  assert.deepEqual(await redis.xrange("s", "-", "+", "COUNT", 1), [["1-1", ["a", "1", "b", "2"]]]);
  assert.equal(await redis.xlen("s"), 2);
  await fails(redis.xadd("s", "1-1", "a", "1"), /^ERR The ID specified in XADD is equal or smaller/);
});

await check("blocking XREAD, woken by XADD", async () => {
  const reader = open();
  const reading = reader.xread("BLOCK", 8000, "STREAMS", "blocked", "$");
  await until("a blocked client", async () => parseInfo(await redis.info("clients")).blocked_clients === "1");
  const id = await redis.xadd("blocked", "*", "k", "v");
  assert.deepEqual(await reading, [["blocked", [[id, ["k", "v"]]]]]);
  assert.equal(await reader.xread("BLOCK", 20, "STREAMS", "blocked", "$"), null);
  reader.disconnect();
});

await check("group: create, read, acknowledge", async () => {
  assert.equal(await redis.xgroup("CREATE", "g", "workers", "$", "MKSTREAM"), "OK");
  await fails(redis.xgroup("CREATE", "g", "workers", "$"), /^BUSYGROUP /);
  const id = await redis.xadd("g", "*", "k", "v");
  assert.deepEqual(await redis.xreadgroup("GROUP", "workers", "one", "COUNT", 10, "STREAMS", "g", ">"), [["g", [[id, ["k", "v"]]]]]);
  assert.equal(await redis.xack("g", "workers", id), 1);
  assert.equal(await redis.xack("g", "workers", id), 0);
  await fails(redis.xreadgroup("GROUP", "none", "one", "STREAMS", "g", ">"), /^NOGROUP /);
});

await check("pending: XPENDING, XCLAIM, XAUTOCLAIM", async () => {
  await redis.xgroup("CREATE", "p", "workers", "0", "MKSTREAM");
  for (const id of ["1-1", "1-2", "1-3"]) await redis.xadd("p", id, "k", id);
  await redis.xreadgroup("GROUP", "workers", "one", "STREAMS", "p", ">");
  assert.deepEqual(await redis.xpending("p", "workers"), [3, "1-1", "1-3", [["one", "3"]]]);
  assert.deepEqual(await redis.xclaim("p", "workers", "two", 0, "1-2"), [["1-2", ["k", "1-2"]]]);
  const claimed = await redis.xautoclaim("p", "workers", "three", 0, "0-0", "COUNT", 2);
  assert.deepEqual(claimed, ["1-3", [["1-1", ["k", "1-1"]], ["1-2", ["k", "1-2"]]], []]);
  const rows = await redis.xpending("p", "workers", "-", "+", 10);
  assert.deepEqual(rows.map(([id, consumer, , times]) => [id, consumer, times]), [["1-1", "three", 2], ["1-2", "three", 3], ["1-3", "one", 1]]);
});

await check("MULTI and EXEC", async () => {
  const replies = await redis.multi().set("tx", "5").incr("tx").xlen("tx").exec();
  assert.deepEqual(replies.slice(0, 2), [[null, "OK"], [null, 6]]);
  assert.match(replies[2][0].message, /^WRONGTYPE /);
  await fails(redis.multi().call("NOSUCHCOMMAND").exec(), /^EXECABORT /);
});

await check("WATCH: a conflict aborts EXEC", async () => {
  const watcher = open();
  await watcher.watch("tx");
  await redis.set("tx", "other");
  assert.equal(await watcher.multi().set("tx", "mine").exec(), null);
  assert.equal(await redis.get("tx"), "other");
  watcher.disconnect();
});

await check("pipelining: 1000 commands, replies in order", async () => {
  const pipeline = redis.pipeline();
  for (let i = 0; i < 1000; i += 1) pipeline.incr("pipelined");
  assert.deepEqual(await pipeline.exec(), Array.from({ length: 1000 }, (_, i) => [null, i + 1]));
});

await check("strings: SET, GET, INCR, EXPIRE", async () => {
  assert.equal(await redis.set("str", "1"), "OK");
  assert.equal(await redis.incr("str"), 2);
  assert.equal(await redis.get("str"), "2");
  assert.equal(await redis.get("missing"), null);
  assert.equal(await redis.expire("str", 100), 1);
  assert.equal(await redis.ttl("str"), 100);
  await redis.set("short", "x", "PX", 30);
  await until("expiry", async () => (await redis.get("short")) === null);
});

await check("large binary payload, all byte values", async () => {
  const bytes = largeBinary();
  await redis.set("large", bytes);
  assert.ok(bytes.equals(await redis.getBuffer("large")));
  await redis.xadd("large-stream", "1-1", "b", bytes);
  const [[, [, value]]] = await redis.xrangeBuffer("large-stream", "-", "+");
  assert.ok(bytes.equals(value));
});

await check("INFO", async () => {
  const info = parseInfo(await redis.info());
  assert.match(info.redis_version, /^\d+\.\d+\.\d+/);
  assert.ok(Number(info.connected_clients) >= 1);
});

await check("SCAN", async () => {
  const pipeline = redis.pipeline();
  for (let i = 0; i < 300; i += 1) pipeline.set(`scan:${i}`, "x");
  await pipeline.exec();
  const seen = new Set();
  for await (const keys of redis.scanStream({ match: "scan:*", count: 50 })) keys.forEach((key) => seen.add(key));
  assert.equal(seen.size, 300);
});

await check("reconnect after CLIENT KILL", async () => {
  const victim = open();
  const id = await victim.client("ID");
  assert.equal(await redis.client("KILL", "ID", id), 1);
  await until("a new connection", () => victim.client("ID").then((now) => now !== id, () => false));
  assert.equal(await victim.ping(), "PONG");
  victim.disconnect();
});

await check("subscriptions back after CLIENT KILL", async () => {
  const subscriber = open();
  const id = await subscriber.client("ID");
  const got = [];
  subscriber.on("message", (_, message) => got.push(message));
  subscriber.on("pmessage", (_, __, message) => got.push(message));
  subscriber.on("smessage", (_, message) => got.push(message));
  await subscriber.subscribe("again");
  await subscriber.psubscribe("patt*");
  await subscriber.ssubscribe("shard");
  assert.equal(await redis.client("KILL", "ID", id), 1);
  await until("channel", async () => (await redis.publish("again", "c")) === 1);
  await until("pattern", async () => (await redis.publish("pattern", "p")) === 1);
  await until("shard", async () => (await redis.spublish("shard", "s")) === 1);
  await until("all messages", () => ["c", "p", "s"].every((message) => got.includes(message)));
  subscriber.disconnect();
});

finish();
