import * as t from "../support.ts";
import { redis } from "bun";

const processed: Record<string, string>[] = [];
async function processOrder(fields: Record<string, string>): Promise<void> {
  if (fields.poison) throw new Error("poison");
  processed.push(fields);
}

// <<< Setup
// <<< Consumer Worker

/// Both workers share Bun's default connection: while one waits in XREADGROUP, the other's commands wait behind it.
const reads = () => t.until("a waiting worker", async () => (await t.blockedClients()) === 1);
const consumerErrors = () => t.errors.filter(([first]) => first === "Consumer error:");

await t.check("both workers start", () => {
  t.assert.deepEqual(t.logged.slice(0, 2), [
    ["Consumer worker-1 started for order-processors/orders"], ["Consumer worker-2 started for order-processors/orders"],
  ]);
});

if (t.mode === "array") {
  const orders = [{ n: "1", item: "a b" }, { n: "2", item: "" }, { n: "3", item: "\u{fc}\u{20ac}" }, { n: "4", item: "d" }];
  let poison = "";

  await t.check("every order is processed once", async () => {
    for (const order of orders) {
      await reads();
      await t.xadd("orders", "*", order);
    }
    await reads();
    poison = await t.xadd("orders", "*", { poison: "yes" });
    await t.until("all processed", () => processed.length >= orders.length, 20_000);
    const byNumber = [...processed].sort((a, b) => a.n.localeCompare(b.n));
    t.assert.deepEqual(byNumber, orders);
  });

  await t.check("what was processed is acknowledged; what failed stays pending", async () => {
    await t.until("one left pending", async () => (await t.pendingCount("orders", "order-processors")) === 1, 20_000);
    const [[id, consumer, , deliveries]] = (await t.raw.send("XPENDING", ["orders", "order-processors", "-", "+", "10"])) as any[];
    t.assert.equal(id, poison);
    t.assert.match(consumer, /^worker-[12]$/);
    t.assert.equal(deliveries, 1);
    t.assert.deepEqual(t.errors.map(t.text), [`Failed to process message ${poison}: Error: poison`]);
  });

  await t.check("both workers had their share", async () => {
    const consumers = (await t.raw.send("XINFO", ["CONSUMERS", "orders", "order-processors"])) as any[];
    t.assert.deepEqual(consumers.map(({ name }) => name).sort(), ["worker-1", "worker-2"]);
  });

  await t.check("a consumer of one's own: id, stream and fields, batches in order", async () => {
    await createConsumerGroup("numbers", "readers", "0");
    for (let n = 1; n <= 25; n += 1) await t.xadd("numbers", `${n}-0`, { n: String(n) });
    const got: StreamMessage[] = [];
    startConsumer("numbers", "readers", "one", async (message) => void got.push(message), { batchSize: 3, blockMs: 50 });
    // The default connection is freed by the workers' own time-outs only.
    await t.until("25 messages", async () => {
      if (got.length < 25) await t.xadd("orders", "*", { n: "9" });
      return got.length >= 25;
    }, 20_000);
    t.assert.deepEqual(got, Array.from({ length: 25 }, (_, i) => ({ id: `${i + 1}-0`, stream: "numbers", fields: { n: String(i + 1) } })));
  });
} else {
  await t.check("the map that RESP3 answers: read, never handled, never acknowledged", async () => {
    await reads();
    const id = await t.xadd("orders", "*", { n: "1" });
    await t.until("the worker's error", () => consumerErrors().length > 0);
    t.assert.ok(consumerErrors()[0][1] instanceof TypeError, t.text(consumerErrors()[0]));
    t.assert.deepEqual(processed, []);
    const [[pending, consumer]] = (await t.raw.send("XPENDING", ["orders", "order-processors", "-", "+", "10"])) as any[];
    t.assert.deepEqual([pending, consumer], [id, "worker-1"]);
  });
}

t.finish();
