import * as t from "../support.ts";
import { RedisClient } from "bun";

const tap = t.tap();
const subscriber = new RedisClient(tap.url);
await subscriber.connect();

const receivers: Record<string, number> = {};
t.after("send", async ([command]) => {
  if (command !== "PSUBSCRIBE") return;
  for (const channel of ["user.created", "user.updated", "user.deleted", "user", "users.created"]) {
    receivers[channel] = await t.raw.publish(channel, `about ${channel}`);
  }
});

// <<< Pattern Subscriptions

await t.check("the pattern matched the channels that the document names, and no others", () => {
  t.assert.deepEqual(receivers, { "user.created": 1, "user.updated": 1, "user.deleted": 1, user: 0, "users.created": 0 });
});

// Bun has no callback for pmessage, so the bytes on its connection are the proof.
await t.check("each message arrived once, as a push", () => {
  for (const channel of ["user.created", "user.updated", "user.deleted"]) {
    const message = `about ${channel}`;
    const frame = `>4\r\n$8\r\npmessage\r\n$6\r\nuser.*\r\n$${channel.length}\r\n${channel}\r\n$${message.length}\r\n${message}\r\n`;
    t.assert.equal(tap.received().split(frame).length, 2, channel);
  }
});

await t.check("after PUNSUBSCRIBE nothing arrives, and the connection works", async () => {
  t.assert.equal(await t.raw.publish("user.created", "x"), 0);
  t.assert.equal(await t.raw.send("PUBSUB", ["NUMPAT"]), 0);
  t.assert.equal(await subscriber.send("PING", []), "PONG");
});

t.finish();
