// The document's own route beside the gateway's, in front of the same server: a page cannot tell one from the other.
import { fileURLToPath } from "node:url";
import { RedisClient } from "bun";
import { check, done, equal, gateway, until } from "./frame.mjs";

const source = fileURLToPath(new URL("elysia.ts", import.meta.url));
const route = Bun.spawn([process.execPath, source], { env: { ...process.env, PORT: "0" }, stdout: "pipe" });
process.on("exit", () => route.kill());
const { value } = await route.stdout.getReader().read();
const theirs = `ws://127.0.0.1:${Number(new TextDecoder().decode(value))}`;
const ours = gateway.replace("http", "ws");
const redis = new RedisClient(process.env.REDIS_URL);

async function connect(address, user) {
  const got = [];
  const socket = new WebSocket(`${address}/notifications/${user}`);
  socket.onmessage = ({ data }) => void got.push(typeof data === "string" ? data : { bytes: data.byteLength });
  await new Promise((resolve, reject) => Object.assign(socket, { onopen: resolve, onerror: reject }));
  return { socket, got, heard: () => got.filter((text) => text !== "probe") };
}

// The document's route opens its subscriptions behind the socket, so that only a message tells that they are there.
const name = `elysia-${Date.now()}`;
const pair = [await connect(theirs, name), await connect(ours, name)];
for (const channel of [name, "broadcast"]) {
  const had = pair.map(({ got }) => got.length);
  await until(`${channel} is listened to`, async () => {
    await redis.publish(`notifications:${channel}`, "probe");
    return pair.every(({ got }, n) => got.length > had[n]);
  });
}

const TEXTS = [
  '{"text":"hello","n":1}',
  "no JSON",
  "",
  " ",
  '"',
  "null",
  "two\nlines\r\nand a tab\t",
  "\u{fc}\u{20ac}\u{1f600}",
  "\u0000\u0001",
  "x".repeat(60_000),
];

await check("what is published arrives by both as the same frames in the same order", async () => {
  for (const [n, text] of TEXTS.entries()) await redis.publish(`notifications:${n % 2 === 0 ? name : "broadcast"}`, text);
  await redis.publish("notifications:broadcast", "the end");
  await until("both have all", () => pair.every(({ got }) => got.at(-1) === "the end"));
  equal(pair[0].heard(), [...TEXTS, "the end"]);
  equal(pair[1].heard(), pair[0].heard());
});

await check("what is another user's arrives by neither", async () => {
  await redis.publish(`notifications:${name}-2`, "not yours");
  await redis.publish("notifications:broadcast", "all");
  await until("both have it", () => pair.every(({ got }) => got.at(-1) === "all"));
  equal(pair.map(({ got }) => got.includes("not yours")), [false, false]);
});

await check("what a page says to either is no message to anybody", async () => {
  for (const { socket } of pair) socket.send('{"hello":"?"}');
  await redis.publish("notifications:broadcast", "still here");
  await until("both have it", () => pair.every(({ got }) => got.at(-1) === "still here"));
  equal(pair[1].heard(), pair[0].heard());
});

pair.forEach(({ socket }) => socket.close());
done();
