// The protocol over Bun's own WebSocket, and the HTTP API over its fetch.
import { call, check, done, equal, gateway, until } from "./frame.mjs";

const socket = new WebSocket(`${gateway.replace("http", "ws")}/ws`);
const heard = [];
socket.onmessage = ({ data }) => void heard.push(JSON.parse(data));
const take = async (type) => {
  await until(type, () => heard.some((message) => message.type === type));
  return heard.splice(heard.findIndex((message) => message.type === type), 1)[0];
};
const ask = async (request) => {
  socket.send(JSON.stringify(request));
  return take("reply");
};

await check("the gateway greets", async () => {
  equal(await take("hello"), { type: "hello", protocol: 1, user: null, ping: 25 });
});

await check("what the API publishes arrives", async () => {
  await ask({ do: "subscribe", channel: "news" });
  equal(await call("POST", "/api/publish", { channel: "news", data: { a: 1 } }), [200, { receivers: 1 }]);
  equal(await take("message"), { type: "message", channel: "news", data: '{"a":1}' });
});

await check("a stream goes on behind an entry", async () => {
  const stream = `orders-${Date.now()}`;
  const ids = [];
  for (let n = 0; n < 5; n += 1) ids.push((await call("POST", "/api/append", { stream, fields: { n } }))[1].id);
  const reply = await ask({ do: "subscribe", stream, after: ids[1] });
  equal([reply.after, reply.gap], [ids[1], null]);
  for (const n of [2, 3, 4]) equal(await take("entry"), { type: "entry", stream, id: ids[n], fields: { n: `${n}` } });
  const [, { entries }] = await call("GET", `/api/history?stream=${stream}&newest=true&limit=1`);
  equal(entries, [{ id: ids[4], fields: { n: "4" } }]);
});

await check("an inbox is filled and read over HTTP", async () => {
  const user = `user-${Date.now()}`;
  const [, { id }] = await call("POST", "/api/notify", { user, data: { text: "hi" }, keep: true });
  equal(await call("GET", `/api/inbox?user=${user}`), [200, { items: [{ id, data: { text: "hi" }, read: false }], unread: 1 }]);
  equal(await call("POST", "/api/read", { user, upTo: id }), [200, { marked: 1, unread: 0 }]);
});

await check("mistakes are told", async () => {
  equal((await call("POST", "/api/publish", { chanel: "news" }))[0], 400);
  equal((await call("GET", "/api/history"))[0], 400);
});

socket.close();
done();
