import * as t from "../support.ts";

// <<< Real-Time Notifications

app.listen({ hostname: "127.0.0.1", port: 0 });

async function connect(userId: string): Promise<{ socket: WebSocket; got: any[] }> {
  const got: any[] = [];
  const socket = new WebSocket(`ws://127.0.0.1:${app.server!.port}/notifications/${userId}`);
  socket.onmessage = (event) => void got.push(JSON.parse(String(event.data)));
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  return { socket, got };
}

const anna = await connect("anna");
const annasPhone = await connect("anna");
const ben = await connect("ben");
const all = [anna, annasPhone, ben];

await t.check("each socket opens its two subscriptions", async () => {
  await t.until("three for the broadcast", async () => (await t.subscribers("notifications:broadcast")) === 3);
  t.assert.equal(await t.subscribers("notifications:anna"), 2);
  t.assert.equal(await t.subscribers("notifications:ben"), 1);
});

await t.check("notifyUser reaches all of that user's sockets and nobody else", async () => {
  await notifyUser("anna", { text: "hello Anna", n: 1 });
  await notifyUser("nobody", { text: "lost" });
  await t.until("both sockets", () => anna.got.length > 0 && annasPhone.got.length > 0);
  t.assert.deepEqual(all.map((one) => one.got), [[{ text: "hello Anna", n: 1 }], [{ text: "hello Anna", n: 1 }], []]);
});

await t.check("broadcast reaches every socket once", async () => {
  await broadcast({ text: "\u{fc}\u{20ac}\u{1f600}" });
  await t.until("all sockets", () => all.every((one) => one.got.some((message) => message.text === "\u{fc}\u{20ac}\u{1f600}")));
  t.assert.deepEqual(all.map((one) => one.got.length), [2, 2, 1]);
});

await t.check("user's and broadcast messages keep the order in which they were published", async () => {
  for (let n = 0; n < 40; n += 1) await (n % 2 === 0 ? notifyUser("ben", { n }) : broadcast({ n }));
  await t.until("forty messages", () => ben.got.length >= 41);
  t.assert.deepEqual(ben.got.slice(1).map((message) => message.n), Array.from({ length: 40 }, (_, n) => n));
});

// Elysia hands `close` another object than it handed `open` (elysiajs/elysia#1716), so the snippet does not find the
// subscriber that it should close: the subscription outlives the socket, on any server.
await t.check("a closed socket gets nothing more; the snippet leaves its subscriptions open", async () => {
  annasPhone.socket.close();
  await t.until("two sockets", () => app.server!.pendingWebSockets === 2);
  const before = annasPhone.got.length;
  t.assert.equal(await t.raw.publish("notifications:anna", '{"text":"one socket left"}'), 2);
  await t.until("the other socket", () => anna.got.at(-1).text === "one socket left");
  t.assert.equal(annasPhone.got.length, before);
});

t.finish();
