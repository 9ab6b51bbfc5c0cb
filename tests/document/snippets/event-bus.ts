import * as t from "../support.ts";

// <<< Event Bus

const orderEvents = () => t.logged.filter(([first]) => first === "Order event:").map(([, event]) => event);

await t.check("a subscribed handler gets the event; publish returns one receiver", async () => {
  await t.until("the subscription", async () => (await t.subscribers("orders")) === 1);
  t.assert.equal(await bus.publish("orders", { type: "paid", orderId: "124" }), 1);
  await t.until("the event", () => orderEvents().length > 0 && (orderEvents().at(-1) as any).type === "paid");
  t.assert.deepEqual(orderEvents().at(-1), { type: "paid", orderId: "124" });
});

const seen: any[] = [];
const throwing = () => {
  throw new Error("boom");
};
const recording = (event: any) => void seen.push(event);

await t.check("a handler that throws does not keep the next from its event", async () => {
  await bus.subscribe("alarms", throwing);
  await bus.subscribe("alarms", recording);
  t.assert.equal(await t.subscribers("alarms"), 1);
  await bus.publish("alarms", { level: 1 });
  await t.until("the event", () => seen.length > 0);
  t.assert.deepEqual(seen, [{ level: 1 }]);
  t.assert.deepEqual(t.errors.map(t.text), ["Handler error for alarms: Error: boom"]);
});

await t.check("a handler taken out gets nothing; the last one ends the subscription", async () => {
  bus.unsubscribe("alarms", throwing);
  t.assert.equal(await bus.publish("alarms", { level: 2 }), 1);
  await t.until("the event", () => seen.length > 1);
  bus.unsubscribe("alarms", recording);
  await t.until("no subscription", async () => (await t.subscribers("alarms")) === 0);
  t.assert.equal(await bus.publish("alarms", { level: 3 }), 0);
  t.assert.deepEqual(seen, [{ level: 1 }, { level: 2 }]);
  t.assert.equal(t.errors.length, 1);
});

await t.check("two buses, one by URL: each gets every event, in order", async () => {
  const other = new EventBus(t.url);
  await other.connect();
  await other.connect();
  const numbers: Record<string, number[]> = { first: [], second: [] };
  await bus.subscribe("numbers", (event) => void numbers.first.push(event.n));
  await other.subscribe("numbers", (event) => void numbers.second.push(event.n));
  for (let n = 0; n < 50; n += 1) t.assert.equal(await bus.publish("numbers", { n }), 2);
  await t.until("all events", () => numbers.first.length + numbers.second.length >= 100);
  const expected = Array.from({ length: 50 }, (_, n) => n);
  t.assert.deepEqual(numbers, { first: expected, second: expected });
  other.close();
  await t.until("one bus left", async () => (await t.subscribers("numbers")) === 1);
});

await t.check("close ends the subscriptions", async () => {
  bus.close();
  await t.until("none left", async () => (await t.subscribers("orders")) === 0);
});

t.finish();
