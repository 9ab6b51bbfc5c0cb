import * as t from "../support.ts";
import { redis } from "bun";

// <<< Dead Letter Queue

await t.raw.send("XGROUP", ["CREATE", "orders", "workers", "0", "MKSTREAM"]);
for (const n of ["1", "2", "3"]) await t.xadd("orders", `${n}-0`, { n, item: `item ${n}` });
await t.raw.send("XREADGROUP", ["GROUP", "workers", "ann", "STREAMS", "orders", ">"]);

await t.check("moveToDeadLetter copies the entry with its story, and acknowledges it", async () => {
  await moveToDeadLetter("orders", "workers", "orders:dead", "1-0", "bad address");
  await moveToDeadLetter("orders", "workers", "orders:dead", "2-0", "poison");
  const dead = await t.entriesOf("orders:dead");
  t.assert.deepEqual(dead.map(({ fields: { moved_at, ...fields } }) => fields), [
    { original_stream: "orders", original_id: "1-0", original_group: "workers", reason: "bad address", n: "1", item: "item 1" },
    { original_stream: "orders", original_id: "2-0", original_group: "workers", reason: "poison", n: "2", item: "item 2" },
  ]);
  t.assert.ok(dead.every(({ fields }) => Math.abs(Number(fields.moved_at) - Date.now()) < 60_000));
  t.assert.equal(await t.pendingCount("orders", "workers"), 1);
  t.assert.equal((await t.entriesOf("orders")).length, 3);
});

await t.check("a message that is gone moves nothing", async () => {
  await moveToDeadLetter("orders", "workers", "orders:dead", "9-0", "unknown");
  t.assert.equal((await t.entriesOf("orders:dead")).length, 2);
});

await t.check("processDeadLetters takes out what the handler says, and leaves the rest", async () => {
  const seen: string[] = [];
  await processDeadLetters("orders:dead", async (fields) => {
    seen.push(fields.original_id);
    return fields.reason === "poison";
  });
  t.assert.deepEqual(seen, ["1-0", "2-0"]);
  t.assert.deepEqual((await t.entriesOf("orders:dead")).map(({ fields }) => fields.original_id), ["1-0"]);
});

await t.check("an empty dead-letter stream: the handler is not called", async () => {
  await processDeadLetters("nothing:dead", () => t.assert.fail("called"));
});

t.finish();
