// Data as a shop would have it, for the console: streams with groups that are behind, dead letters, events, channels.
import { createHmac } from "node:crypto";
import Redis from "ioredis";
import WebSocket from "ws";
import { port, url } from "./place.mjs";

export const secret = "a secret for the tests of the console, long enough";
export const apiKey = "an API key for the tests";

/** A token of a user, with a role in the console or without. */
export function token(user, role) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const firth = { role, subscribe: ["*"], publish: ["*"] };
  const text = `${part({ alg: "HS256", typ: "JWT" })}.${part({ sub: user, exp: Math.floor(Date.now() / 1000) + 3600, firth })}`;
  return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
}

/** Asks the console's API as a program does. */
export async function post(path, body) {
  const answer = await fetch(`${url}/console/api/${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`);
  return JSON.parse(text);
}

const NAMES = ["Anna", "Ben", "Clara", "David", "Emma", "Farid", "Greta", "Hugo"];
const STATES = ["paid", "packed", "shipped", "delivered"];
const FAILURES = [
  ["smtp: 421 mailbox busy", 9],
  ["template order-paid: no field total", 4],
  ["timeout after 30 s", 2],
];

/** Fills the backend; what is connected is closed by the function it returns. */
export async function fill() {
  const redis = new Redis(port);
  await orders(redis);
  await events(redis);
  for (let n = 0; n < 60; n += 1) await redis.xadd(`sensor:${n % 12}`, "*", "celsius", (18 + (n % 9) / 2).toFixed(1));
  await redis.xgroup("CREATE", "sensor:3", "alarms", "0");
  await redis.config("SET", "slowlog-log-slower-than", "0");
  await redis.xrange("orders", "-", "+");
  await redis.config("SET", "slowlog-log-slower-than", "10000");
  const listener = new Redis(port);
  await listener.subscribe("news", "orders:changed", "prices");
  await listener.psubscribe("sensors:*");
  const sockets = await Promise.all(["anna", "anna", "ben", "clara"].map(connect));
  return () => {
    sockets.forEach((socket) => socket.close());
    listener.disconnect();
    redis.disconnect();
  };
}

/** Orders, two groups that work on them, and what they could not work on. */
async function orders(redis) {
  for (let n = 0; n < 240; n += 1) {
    const order = { customer: NAMES[n % NAMES.length], total: 20 + ((n * 37) % 180), items: [`book-${n % 17}`, `cup-${n % 5}`] };
    await redis.xadd("orders", "*", "type", STATES[n % STATES.length], "order", `order-${1000 + n}`, "data", JSON.stringify(order));
  }
  await redis.xgroup("CREATE", "orders", "mailers", "0");
  await redis.xgroup("CREATE", "orders", "invoices", "0");
  for (const [group, consumer, count] of [["mailers", "mailer-1", 40], ["mailers", "mailer-2", 25], ["invoices", "invoice-1", 200]]) {
    const [[, entries]] = await redis.xreadgroup("GROUP", group, consumer, "COUNT", count, "STREAMS", "orders", ">");
    const ids = entries.map(([id]) => id);
    if (group === "invoices") await redis.xack("orders", group, ...ids.slice(6));
    if (consumer === "mailer-2") await redis.xack("orders", group, ...ids.slice(10));
    if (consumer !== "mailer-1") continue;
    await redis.xack("orders", group, ...ids.slice(20));
    for (const [reason, many] of FAILURES) {
      await post("dead-letter", { stream: "orders", group, ids: ids.splice(0, many), reason });
    }
  }
}

/** An event store, as the library writes it. */
async function events(redis) {
  const life = ["OrderCreated", "OrderPaid", "OrderPacked", "OrderShipped"];
  for (let n = 0; n < 40; n += 1) {
    const [order, version] = [`order-${1000 + Math.floor(n / 4)}`, (n % 4) + 1];
    const data = version === 1 ? { customer: NAMES[n % 8], total: 20 + n } : { by: NAMES[(n + version) % 8] };
    await redis.xadd(
      "domain-events", "*", "type", life[n % 4], "aggregateId", order, "data", JSON.stringify(data),
      "metadata", JSON.stringify({ correlationId: `c-${n}` }), "timestamp", String(Date.now()), "version", String(version),
    );
  }
}

function connect(user) {
  const socket = new WebSocket(`${url.replace("http", "ws")}/ws?token=${token(user)}`);
  return new Promise((resolve, reject) => {
    socket.on("open", () => socket.send(JSON.stringify({ do: "subscribe", channel: "news", seq: 1 })));
    socket.on("message", (text) => JSON.parse(text).seq === 1 && resolve(socket));
    socket.on("error", reject);
  });
}
