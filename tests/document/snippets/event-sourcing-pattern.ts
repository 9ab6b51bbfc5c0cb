import * as t from "../support.ts";
import { redis } from "bun";

// <<< Event Sourcing Pattern

const GROUP = "projections";
const created = { type: "OrderCreated", aggregateId: "order-123", data: { items: [], total: 0 }, metadata: {} };
const added = { type: "ItemAdded", aggregateId: "order-123", data: { productId: "prod-1", quantity: 2 }, metadata: {} };
const [first, second] = await t.entriesOf("domain-events");

await t.check("append stored both events, data and metadata as JSON", () => {
  const { timestamp, ...fields } = first.fields;
  t.assert.deepEqual(fields, { type: "OrderCreated", aggregateId: "order-123", data: '{"items":[],"total":0}', metadata: "{}" });
  t.assert.ok(Math.abs(Number(timestamp) - Date.now()) < 60_000);
  t.assert.equal(second.fields.data, '{"productId":"prod-1","quantity":2}');
});

const processing = () => t.logged.filter(([text]) => text === "Processing event:").map(([, ...rest]) => rest);

if (t.mode === "array") {
  await t.check("subscribe hands over what was there, in order, and acknowledges it", async () => {
    await t.until("both events", () => processing().length >= 2, 15_000);
    t.assert.deepEqual(processing(), [["OrderCreated", first.id], ["ItemAdded", second.id]]);
    await t.until("no pending entry", async () => (await t.pendingCount("domain-events", GROUP)) === 0);
  });

  await t.check("subscribe hands over what comes", async () => {
    await t.until("the waiting reader", async () => (await t.blockedClients()) === 1);
    const id = await t.xadd("domain-events", "*", { type: "OrderPaid", aggregateId: "order-9", data: "1", metadata: "{}" });
    await t.until("the third event", () => processing().length >= 3);
    t.assert.deepEqual(processing()[2], ["OrderPaid", id]);
    await t.until("no pending entry", async () => (await t.pendingCount("domain-events", GROUP)) === 0);
  });

  await t.check("a handler that fails: said, left pending, and the loop goes on", async () => {
    const events: string[] = [];
    // Its commands wait behind the first reader's XREADGROUP, at most five seconds.
    store.subscribe("strict", "one", async (event) => {
      events.push(event.type);
      if (event.type === "ItemAdded") throw new Error("no such product");
    });
    await t.until("all three", () => events.length >= 3, 20_000);
    t.assert.deepEqual(events, ["OrderCreated", "ItemAdded", "OrderPaid"]);
    await t.until("one pending entry", async () => (await t.pendingCount("domain-events", "strict")) === 1, 20_000);
    t.assert.deepEqual(t.errors.map(t.text), [`Failed to handle event ${second.id}: Error: no such product`]);
  });
} else {
  await t.check("the map that RESP3 answers: subscribe fails at once, its entries stay pending", async () => {
    await t.until("the failed promise", () => t.unhandled.length > 0);
    const [error] = t.unhandled.splice(0);
    t.assert.ok(error instanceof TypeError, String(error));
    t.assert.deepEqual(processing(), []);
    t.assert.equal(await t.pendingCount("domain-events", GROUP), 2);
  });
}

await t.check("by aggregate, and since an id", async () => {
  const other = new EventStore("other-events");
  // Sent together: behind a blocked XREADGROUP on the same connection they wait once, not each.
  const [own, foreign, since, limited, otherId] = await Promise.all([
    store.getEventsForAggregate("order-123"),
    store.getEventsForAggregate("order-404"),
    store.getEventsSince(first.id),
    store.getEventsSince("0-0", 1),
    other.append({ type: "T", aggregateId: "a", data: null, metadata: { by: "me" } }),
  ]);
  t.assert.deepEqual(own, [created, added]);
  t.assert.deepEqual(foreign, []);
  t.assert.deepEqual(since[0], added);
  t.assert.deepEqual(limited, [created]);
  const [entry] = await t.entriesOf("other-events");
  t.assert.equal(entry.id, otherId);
  t.assert.equal(entry.fields.metadata, '{"by":"me"}');
});

t.finish();
