// The WebSocket as `ws` sees it, which is strict about the protocol: pings, closing codes, limits, big messages.
import WebSocket from "ws";
import { call, check, done, equal, gateway, until } from "./frame.mjs";

const address = gateway.replace("http", "ws");

function open(path, options) {
  const socket = new WebSocket(`${address}${path}`, options);
  socket.heard = [];
  socket.on("message", (data, isBinary) => socket.heard.push(isBinary ? data : String(data)));
  return new Promise((resolve, reject) => {
    socket.on("open", () => resolve(socket));
    socket.on("unexpected-response", (_, answer) => reject(new Error(`status ${answer.statusCode}`)));
    socket.on("error", reject);
  });
}

const closed = (socket) => new Promise((resolve) => socket.on("close", (code) => resolve(code)));

await check("a ping is answered with what it said", async () => {
  const socket = await open("/ws");
  const answer = new Promise((resolve) => socket.on("pong", (data) => resolve(String(data))));
  socket.ping("hello?");
  equal(await answer, "hello?");
  socket.close();
});

await check("a big message arrives whole", async () => {
  const socket = await open("/notifications/anna");
  const data = "x".repeat(60_000);
  await call("POST", "/api/publish", { channel: "notifications:anna", data });
  await until("it is there", () => socket.heard.length === 1);
  equal(socket.heard[0], data);
  socket.close();
});

await check("a message that is too large closes the socket", async () => {
  const socket = await open("/ws");
  const code = closed(socket);
  socket.send("x".repeat(100_000));
  equal(await code, 1009);
});

await check("too many messages close the socket", async () => {
  const socket = await open("/ws");
  const code = closed(socket);
  for (let n = 0; n < 300; n += 1) socket.send('{"do":"ping"}');
  equal(await code, 4502);
});

await check("a page from elsewhere is refused", async () => {
  const refused = await open("/ws", { origin: "https://evil.example" }).catch((error) => error.message);
  equal(refused, "status 403");
});

await check("an orderly end is answered", async () => {
  const socket = await open("/ws");
  const code = closed(socket);
  socket.close(1000, "bye");
  equal(await code, 1000);
});

await check("a hundred sockets hear a broadcast", async () => {
  const sockets = await Promise.all(Array.from({ length: 100 }, (_, n) => open(`/notifications/ws-${n}`)));
  await call("POST", "/api/broadcast", { data: "all" });
  await until("all have it", () => sockets.every((socket) => socket.heard[0] === "all"));
  sockets.forEach((socket) => socket.close());
});

done();
