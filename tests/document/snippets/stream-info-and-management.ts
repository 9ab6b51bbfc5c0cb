import * as t from "../support.ts";
import { redis } from "bun";

// <<< Stream Info and Management

for (let i = 1; i <= 1000; i += 1) t.xadd("s", `${i}-0`, { n: String(i) });
await t.raw.send("XGROUP", ["CREATE", "s", "g", "0"]);
await t.raw.send("XREADGROUP", ["GROUP", "g", "ann", "COUNT", "3", "STREAMS", "s", ">"]);
await t.raw.send("XACK", ["s", "g", "1-0"]);

await t.check("getStreamInfo", async () => {
  const info: any = await getStreamInfo("s");
  t.assert.equal(info.length, 1000);
  t.assert.equal(info.groups, 1);
  t.assert.equal(info["last-generated-id"], "1000-0");
  t.assert.equal(info["entries-added"], 1000);
  t.assert.equal(info["max-deleted-entry-id"], "0-0");
  t.assert.equal(info["recorded-first-entry-id"], "1-0");
  t.assert.deepEqual(info["first-entry"], ["1-0", ["n", "1"]]);
  t.assert.deepEqual(info["last-entry"], ["1000-0", ["n", "1000"]]);
});

await t.check("getStreamInfoFull", async () => {
  const info: any = await getStreamInfoFull("s", 2);
  t.assert.equal(info.length, 1000);
  t.assert.deepEqual(info.entries, [["1-0", ["n", "1"]], ["2-0", ["n", "2"]]]);
  const [group] = info.groups;
  t.assert.deepEqual([group.name, group["last-delivered-id"], group["entries-read"], group.lag, group["pel-count"]], ["g", "3-0", 3, 997, 2]);
  t.assert.deepEqual(group.pending.map(([id, consumer, , times]: any[]) => [id, consumer, times]), [["2-0", "ann", 1], ["3-0", "ann", 1]]);
  t.assert.deepEqual(group.consumers.map((one: any) => [one.name, one["pel-count"]]), [["ann", 2]]);
});

await t.check("getGroups", async () => {
  t.assert.deepEqual(((await getGroups("s")) as any[]).map((group) => ({ ...group })), [
    { name: "g", consumers: 1, pending: 2, "last-delivered-id": "3-0", "entries-read": 3, lag: 997 },
  ]);
});

await t.check("getConsumers", async () => {
  const [consumer, ...others] = (await getConsumers("s", "g")) as any[];
  t.assert.deepEqual([consumer.name, consumer.pending, others.length], ["ann", 2, 0]);
  t.assert.ok(consumer.idle >= 0);
});

await t.check("getStreamLength, of a missing stream too", async () => {
  t.assert.equal(await getStreamLength("s"), 1000);
  t.assert.equal(await getStreamLength("none"), 0);
});

await t.check("trimStream returns how many went, and leaves at least what was asked", async () => {
  const before = await getStreamLength("s");
  const trimmed = await trimStream("s", 500);
  const left = await getStreamLength("s");
  t.assert.equal(before - trimmed, left);
  t.assert.ok(left >= 500 && left < 1000, String(left));
});

await t.check("trimByMinId takes nothing at or after the id", async () => {
  const before = await getStreamLength("s");
  const trimmed = await trimByMinId("s", "900-0");
  const left = await t.entriesOf("s");
  t.assert.equal(before - trimmed, left.length);
  t.assert.ok(trimmed > 0 && left.length >= 101, String(left.length));
  t.assert.equal(left.at(-101)!.id, "900-0");
});

await t.check("deleteEntries returns how many there were", async () => {
  const before = await getStreamLength("s");
  t.assert.equal(await deleteEntries("s", "999-0", "998-0", "9999-0"), 2);
  t.assert.equal(await deleteEntries("s", "999-0"), 0);
  t.assert.equal(await getStreamLength("s"), before - 2);
});

await t.check("a stream that is not there", async () => {
  await t.assert.rejects(getStreamInfo("none"), /no such key/);
  await t.assert.rejects(getGroups("none"), /no such key/);
  t.assert.equal(await trimStream("none", 1), 0);
});

t.finish();
