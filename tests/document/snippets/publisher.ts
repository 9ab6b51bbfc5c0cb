import * as t from "../support.ts";
import { RedisClient as Listener } from "bun";

const arrived: [string, string][] = [];
for (let i = 0; i < 2; i += 1) {
  const listener = new Listener(t.url);
  await listener.connect();
  if (i === 0) await listener.subscribe("events", (message, channel) => arrived.push([channel, message]));
  await listener.subscribe("notifications", (message, channel) => arrived.push([channel, message]));
}

// <<< Publisher

await t.check("publish returns how many subscribers received the message", () => {
  t.assert.equal(subscribers, 2);
  t.assert.deepEqual(t.logged, [["Message sent to 2 subscribers"]]);
});

await t.check("every subscriber got the message, once and whole", async () => {
  await t.until("three messages", () => arrived.length >= 3);
  const [[channel, event], ...others] = arrived;
  t.assert.equal(channel, "events");
  const { timestamp, ...rest } = JSON.parse(event);
  t.assert.deepEqual(rest, { type: "user.created", userId: "123" });
  t.assert.equal(typeof timestamp, "number");
  t.assert.deepEqual(others, [["notifications", "Hello!"], ["notifications", "Hello!"]]);
});

await t.check("with no subscriber listening, messages are lost", async () => {
  t.assert.equal(await redis.publish("nobody", "x"), 0);
});

t.finish();
