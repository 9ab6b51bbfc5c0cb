import * as t from "../support.ts";
import { redis } from "bun";

// <<< Setup

const groups = async (stream: string) => ((await t.raw.send("XINFO", ["GROUPS", stream])) as any[]);

await t.check("createConsumerGroup makes the stream and the group, at its end by default", async () => {
  await createConsumerGroup("orders", "workers");
  t.assert.equal(await t.raw.send("XLEN", ["orders"]), 0);
  const [group] = await groups("orders");
  t.assert.equal(group.name, "workers");
  await t.xadd("orders", "5-5", { k: "v" });
  await createConsumerGroup("orders", "late");
  t.assert.equal((await groups("orders")).find(({ name }) => name === "late")["last-delivered-id"], "5-5");
});

await t.check("a start id is kept", async () => {
  await createConsumerGroup("orders", "from-start", "0");
  t.assert.equal((await groups("orders")).find(({ name }) => name === "from-start")["last-delivered-id"], "0-0");
});

await t.check("a second time: BUSYGROUP, which the function swallows, and nothing changes", async () => {
  const before = await groups("orders");
  await createConsumerGroup("orders", "from-start", "5-5");
  t.assert.deepEqual(await groups("orders"), before);
});

await t.check("other errors come through", async () => {
  await t.raw.set("text", "x");
  await t.assert.rejects(createConsumerGroup("text", "g"), /WRONGTYPE /);
  await t.assert.rejects(createConsumerGroup("orders", "g", "no-id"), /Invalid stream ID/);
});

await t.check("deleteConsumer returns how many pending entries went with it", async () => {
  await redis.send("XREADGROUP", ["GROUP", "from-start", "ann", "STREAMS", "orders", ">"]);
  t.assert.equal(await t.pendingCount("orders", "from-start"), 1);
  t.assert.equal(await deleteConsumer("orders", "from-start", "ann"), 1);
  t.assert.equal(await deleteConsumer("orders", "from-start", "ann"), 0);
  t.assert.equal(await t.pendingCount("orders", "from-start"), 0);
});

await t.check("deleteConsumerGroup", async () => {
  await deleteConsumerGroup("orders", "from-start");
  t.assert.deepEqual((await groups("orders")).map(({ name }) => name).sort(), ["late", "workers"]);
});

t.finish();
