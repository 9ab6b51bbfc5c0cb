// The document's notifications: its two publishing functions as they are written there, and a page's WebSocket on the
// gateway instead of the document's own route.
import { check, done, equal, gateway, until } from "./frame.mjs";

// Send notification to specific user
async function notifyUser(userId, notification) {
  const { redis } = await import("bun");
  await redis.publish(`notifications:${userId}`, JSON.stringify(notification));
}

// Broadcast to all users
async function broadcast(notification) {
  const { redis } = await import("bun");
  await redis.publish("notifications:broadcast", JSON.stringify(notification));
}

async function connect(userId) {
  const got = [];
  const socket = new WebSocket(`${gateway.replace("http", "ws")}/notifications/${userId}`);
  socket.onmessage = (event) => void got.push(JSON.parse(String(event.data)));
  await new Promise((resolve, reject) => Object.assign(socket, { onopen: resolve, onerror: reject }));
  return { socket, got };
}

const anna = await connect("anna");
const phone = await connect("anna");
const ben = await connect("ben");

await check("notifyUser reaches all sockets of that user and nobody else", async () => {
  await notifyUser("anna", { text: "hello Anna", n: 1 });
  await notifyUser("nobody", { text: "lost" });
  await until("both have it", () => anna.got.length === 1 && phone.got.length === 1);
  equal([anna.got, ben.got], [[{ text: "hello Anna", n: 1 }], []]);
});

await check("broadcast reaches everybody", async () => {
  await broadcast({ text: "to all" });
  await until("all have it", () => [anna, phone, ben].every(({ got }) => got.at(-1)?.text === "to all"));
});

await check("messages keep their order", async () => {
  ben.got.length = 0;
  for (let n = 0; n < 40; n += 1) await (n % 2 === 0 ? notifyUser("ben", { n }) : broadcast({ n }));
  await until("forty", () => ben.got.length === 40);
  equal(ben.got.map(({ n }) => n), Array.from({ length: 40 }, (_, n) => n));
});

await check("a socket that has gone does not disturb the others", async () => {
  phone.socket.close();
  await notifyUser("anna", { text: "still here" });
  await until("the other has it", () => anna.got.at(-1)?.text === "still here");
});

anna.socket.close();
ben.socket.close();
done();
