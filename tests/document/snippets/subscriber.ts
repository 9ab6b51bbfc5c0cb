import * as t from "../support.ts";

const handled: [string, string][] = [];
const handler = (message: string, channel: string) => void handled.push([channel, message]);

// The snippet unsubscribes at its end: what "events" delivers has to come while it is subscribed.
t.after("subscribe", async ([channel]) => {
  if (channel !== "events") return;
  await t.raw.publish("events", JSON.stringify({ type: "user.created" }));
  await t.until("the first event", () => t.logged.length > 0);
});

// <<< Subscriber

await t.check("the callback got message and channel", () => {
  t.assert.deepEqual(t.logged, [["[events] Event:", { type: "user.created" }]]);
});

await t.check("one connection, several channels", async () => {
  t.assert.equal(await t.raw.publish("channel1", "one"), 1);
  t.assert.equal(await t.raw.publish("channel2", "two"), 1);
  await t.until("both messages", () => handled.length >= 2);
  t.assert.deepEqual(handled, [["channel1", "one"], ["channel2", "two"]]);
});

await t.check("unsubscribe left only the named channel", async () => {
  t.assert.equal(await t.raw.publish("events", "{}"), 0);
  t.assert.equal(await t.subscribers("channel1"), 1);
  t.assert.equal(t.logged.length, 1);
});

t.finish();
