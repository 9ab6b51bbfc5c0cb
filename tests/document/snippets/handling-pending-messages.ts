import * as t from "../support.ts";
import { redis } from "bun";

// <<< Handling Pending Messages

const ids = ["1-1", "1-2", "1-3", "1-4"];
const entry = (id: string) => [id, ["n", id]];
await t.raw.send("XGROUP", ["CREATE", "orders", "workers", "0", "MKSTREAM"]);
for (const id of ids) await t.xadd("orders", id, { n: id });

await t.check("nothing delivered yet: an empty summary, no rows, nothing to claim", async () => {
  t.assert.deepEqual(await getPendingSummary("orders", "workers"), [0, null, null, null]);
  t.assert.deepEqual(await getPendingMessages("orders", "workers"), []);
  t.assert.deepEqual(await claimIdleMessages("orders", "workers", "ann", 0), []);
  t.assert.deepEqual(await autoClaimMessages("orders", "workers", "ann", 0), ["0-0", [], []]);
});

await t.raw.send("XREADGROUP", ["GROUP", "workers", "ann", "COUNT", "3", "STREAMS", "orders", ">"]);
await t.raw.send("XREADGROUP", ["GROUP", "workers", "ben", "STREAMS", "orders", ">"]);

const owners = async () =>
  ((await getPendingMessages("orders", "workers")) as any[]).map(([id, consumer, , deliveries]) => [id, consumer, deliveries]);

await t.check("getPendingSummary: count, range, and each consumer's share", async () => {
  t.assert.deepEqual(await getPendingSummary("orders", "workers"), [4, "1-1", "1-4", [["ann", "3"], ["ben", "1"]]]);
});

await t.check("getPendingMessages: id, owner, idle time, deliveries; count caps it", async () => {
  t.assert.deepEqual(await owners(), [["1-1", "ann", 1], ["1-2", "ann", 1], ["1-3", "ann", 1], ["1-4", "ben", 1]]);
  const rows = (await getPendingMessages("orders", "workers", 2)) as any[];
  t.assert.equal(rows.length, 2);
  t.assert.ok(rows.every(([, , idleMs]) => typeof idleMs === "number" && idleMs >= 0));
});

await t.check("claimIdleMessages leaves what is not idle for long enough", async () => {
  t.assert.deepEqual(await claimIdleMessages("orders", "workers", "eve", 3_600_000), []);
});

await t.check("claimIdleMessages moves idle entries, and counts the delivery", async () => {
  t.assert.deepEqual(await claimIdleMessages("orders", "workers", "eve", 0, 2), [entry("1-1"), entry("1-2")]);
  t.assert.deepEqual(await owners(), [["1-1", "eve", 2], ["1-2", "eve", 2], ["1-3", "ann", 1], ["1-4", "ben", 1]]);
});

await t.check("autoClaimMessages: cursor, entries, and what was deleted meanwhile", async () => {
  t.assert.deepEqual(await autoClaimMessages("orders", "workers", "zoe", 0, "0-0", 2), ["1-3", [entry("1-1"), entry("1-2")], []]);
  await t.raw.send("XDEL", ["orders", "1-3"]);
  t.assert.deepEqual(await autoClaimMessages("orders", "workers", "zoe", 0, "1-3"), ["0-0", [entry("1-4")], ["1-3"]]);
  t.assert.deepEqual(await owners(), [["1-1", "zoe", 3], ["1-2", "zoe", 3], ["1-4", "zoe", 2]]);
});

t.finish();
