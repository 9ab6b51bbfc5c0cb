import * as t from "../support.ts";
import { RedisClient, redis } from "bun";

// <<< Parsing Stream Results

await t.xadd("events", "1-1", { type: "created", user: "1" });
await t.xadd("events", "1-2", { type: "deleted" });
const expected = [{ id: "1-1", fields: { type: "created", user: "1" } }, { id: "1-2", fields: { type: "deleted" } }];
const read = ["STREAMS", "events", "0"];

await t.check("no result: no entries", async () => {
  t.assert.deepEqual(parseStreamEntries(await redis.send("XREAD", ["STREAMS", "nothing", "0"])), []);
});

if (t.mode === "array") {
  await t.check("XREAD: the entries with their fields", async () => {
    t.assert.deepEqual(parseStreamEntries(await redis.send("XREAD", read)), expected);
  });
  await t.check("XREADGROUP: the same", async () => {
    await redis.send("XGROUP", ["CREATE", "events", "g", "0"]);
    t.assert.deepEqual(parseStreamEntries(await redis.send("XREADGROUP", ["GROUP", "g", "c", "STREAMS", "events", ">"])), expected);
  });
} else {
  await t.check("XREAD: the map that RESP3 answers is not what the function can walk", async () => {
    const result = await redis.send("XREAD", read);
    t.assert.deepEqual(Object.keys(result), ["events"]);
    t.assert.throws(() => parseStreamEntries(result), TypeError);
  });
}

// On every server and in either protocol: the function takes the first entry's fields for the list of entries.
await t.check("XRANGE: the function misreads it, whatever the server", async () => {
  const result = await redis.send("XRANGE", ["events", "-", "+"]);
  t.assert.deepEqual(result, [["1-1", ["type", "created", "user", "1"]], ["1-2", ["type", "deleted"]]]);
  t.assert.throws(() => parseStreamEntries(result), TypeError);
  t.assert.deepEqual(parseStreamEntries([["1-2", ["type", "deleted"]]]).map(({ id }) => id), ["t", "d"]);
});

if (t.server === "firth") {
  await t.check("CLIENT FIRTH-READ-REPLY array: this connection only", async () => {
    const [chosen, other] = [new RedisClient(t.url), new RedisClient(t.url)];
    await t.raw.send("CONFIG", ["SET", "stream-read-reply", "map"]);
    t.assert.equal(await chosen.send("CLIENT", ["FIRTH-READ-REPLY", "array"]), "OK");
    t.assert.deepEqual(parseStreamEntries(await chosen.send("XREAD", read)), expected);
    t.assert.deepEqual(Object.keys(await other.send("XREAD", read)), ["events"]);
    await chosen.send("XGROUP", ["CREATE", "events", "chosen", "0"]);
    const delivered = await chosen.send("XREADGROUP", ["GROUP", "chosen", "c", "STREAMS", "events", ">"]);
    t.assert.deepEqual(parseStreamEntries(delivered), expected);
    t.assert.equal(await chosen.send("CLIENT", ["FIRTH-READ-REPLY", "map"]), "OK");
    t.assert.deepEqual(Object.keys(await chosen.send("XREAD", read)), ["events"]);
  });
}

t.finish();
