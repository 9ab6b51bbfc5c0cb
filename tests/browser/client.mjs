// firth.js in a page of a real browser, as the gateway serves it, while the server is killed and comes back.
// EventSource besides, which is the browser's own.
import { once } from "node:events";
import { createServer } from "node:http";
import { check, done, equal, until } from "../gateway/frame.mjs";
import { elsewhere, launch, Place, url } from "./place.mjs";

const place = await new Place().start();
const browser = await launch();

async function call(what, body) {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(`${url}/api/${what}`, { method: "POST", headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${what}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

let names = 0;
const name = (what) => `${what}:${(names += 1)}`;

/** A page of the gateway's own host with its client in it, and lists for what it hears. */
async function open({ prepare, options = {} } = {}) {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  await prepare?.(page);
  await page.goto(`${url}/healthz`);
  await page.evaluate(async ([from, options]) => {
    const { connect } = await import(`${from}/firth.js`);
    window.heard = { data: [], ids: [], gaps: [], presence: [], states: [], errors: [] };
    window.firth = connect(options);
    window.firth.onState((state) => window.heard.states.push(state));
  }, [url, options]);
  page.shut = () => context.close();
  return page;
}

const heard = (page) => page.evaluate(() => window.heard);

const follow = (page, stream, after) => page.evaluate(([stream, after]) => {
  const { heard } = window;
  window.subscription = window.firth.stream(stream, ({ id, fields }) => {
    heard.ids.push(id);
    heard.data.push(Number(fields.n));
  }, { after, onGap: ({ reason }) => heard.gaps.push(reason), onError: ({ message }) => heard.errors.push(message) });
  return window.subscription.ready.then(() => {});
}, [stream, after]);

const subscribe = (page, channel) => page.evaluate((channel) => {
  const { heard } = window;
  return window.firth.subscribe(channel, (data) => heard.data.push(data), {
    presence: true,
    onPresence: (news) => heard.presence.push(news),
    onGap: ({ reason }) => heard.gaps.push(reason),
  }).ready.then(() => {});
}, channel);

/** Appends `count` numbered entries; gives their ids. */
async function append(stream, from, count) {
  const ids = [];
  for (let n = from; n < from + count; n += 1) ids.push((await call("append", { stream, fields: { n } })).id);
  return ids;
}

const numbers = (count) => Array.from({ length: count }, (_, n) => n);

for (const transport of ["ws", "sse"]) {
  await check(`${transport}: a page hears a channel in order`, async () => {
    const [page, channel] = [await open({ options: { transport } }), name("news")];
    await subscribe(page, channel);
    for (const n of numbers(50)) await call("publish", { channel, data: String(n) });
    await until("all are there", async () => (await heard(page)).data.length >= 50);
    equal((await heard(page)).data, numbers(50).map(String));
    await page.shut();
  });

  await check(`${transport}: a stream goes on behind what the page has when the server was killed`, async () => {
    const [page, stream] = [await open({ options: { transport } }), name("orders")];
    const ids = await append(stream, 0, 20);
    await follow(page, stream, "0-0");
    await until("the beginning is there", async () => (await heard(page)).data.length >= 20);
    for (const from of [20, 50]) {
      await place.kill();
      await place.start();
      ids.push(...await append(stream, from, 30));
    }
    await until("all are there", async () => (await heard(page)).data.length >= 80);
    // What comes late would be a double.
    ids.push(...await append(stream, 80, 1));
    await until("the last one is there", async () => (await heard(page)).data.at(-1) === 80);
    const { data, ids: got, gaps, errors } = await heard(page);
    equal([data, got, gaps, errors], [numbers(81), ids, [], []]);
    await page.shut();
  });

  await check(`${transport}: a stream that had no entries yet loses none when the server was killed`, async () => {
    const [page, stream] = [await open({ options: { transport } }), name("orders")];
    await follow(page, stream);
    await place.kill();
    await place.start();
    const ids = await append(stream, 0, 5);
    await until("all are there", async () => (await heard(page)).data.length >= 5);
    equal((await heard(page)).ids, ids);
    await page.shut();
  });

  await check(`${transport}: a channel says that something may have been missed`, async () => {
    const [page, channel] = [await open({ options: { transport } }), name("news")];
    await subscribe(page, channel);
    await call("publish", { channel, data: "before" });
    await until("the first is there", async () => (await heard(page)).data.length === 1);
    await place.kill();
    await place.start();
    await until("the gap is told", async () => (await heard(page)).gaps.length > 0);
    await call("publish", { channel, data: "after" });
    await until("the second is there", async () => (await heard(page)).data.length > 1);
    const { data, gaps } = await heard(page);
    equal([data, [...new Set(gaps)]], [["before", "after"], ["reconnected"]]);
    await page.shut();
  });

  await check(`${transport}: pages see who comes and goes`, async () => {
    const channel = name("room");
    const [one, other] = [await open({ options: { transport } }), await open({ options: { transport } })];
    const present = () => one.evaluate((channel) => window.firth.presence(channel), channel);
    await subscribe(one, channel);
    equal(await present(), { members: {}, nameless: 1 });
    await subscribe(other, channel);
    await until("the other has been told of both", async () => (await heard(other)).presence.length === 1);
    equal((await heard(other)).presence[0].nameless, 2);
    await other.shut();
    await until("the other has left", async () => (await present()).nameless === 1);
    await one.shut();
  });
}

await check("only the gateway is killed: a page comes back by itself and says how it stands", async () => {
  const page = await open();
  await until("it is connected", () => page.evaluate(() => window.firth.state === "connected"));
  await place.killGateway();
  await until("it has seen it", async () => (await heard(page)).states.at(-1) === "connecting");
  await place.start();
  await until("it is back", async () => (await heard(page)).states.at(-1) === "connected");
  equal(await page.evaluate(() => window.firth.transport), "ws");
  await page.shut();
});

await check("where WebSockets do not get through, the page takes event streams", async () => {
  const prepare = (page) => page.routeWebSocket(/\/ws/, (socket) => socket.close({ code: 1006 }));
  const [page, channel] = [await open({ prepare }), name("news")];
  await subscribe(page, channel);
  equal(await page.evaluate(() => window.firth.transport), "sse");
  await call("publish", { channel, data: "by other ways" });
  await until("it is there", async () => (await heard(page)).data.length === 1);
  await page.shut();
});

await check("EventSource goes on behind its last entry when the server was killed", async () => {
  const [page, stream] = [await open(), name("orders")];
  const ids = await append(stream, 0, 10);
  await page.evaluate((stream) => {
    const source = new EventSource(`/sse?stream=${encodeURIComponent(stream)}&after=0-0`);
    source.onmessage = ({ data, lastEventId }) => {
      window.heard.data.push(Number(JSON.parse(data).fields.n));
      window.heard.ids.push(lastEventId);
    };
  }, stream);
  await until("the beginning is there", async () => (await heard(page)).data.length >= 10);
  await place.kill();
  await place.start();
  ids.push(...await append(stream, 10, 10));
  await until("all are there", async () => (await heard(page)).data.length >= 20);
  const { data, ids: got } = await heard(page);
  equal([data, got], [numbers(20), ids]);
  await page.shut();
});

await check("a page from elsewhere is refused, by socket and by request", async () => {
  const server = createServer((_, answer) => answer.end("<!doctype html>")).listen(0, "127.0.0.1");
  await once(server, "listening");
  const page = await browser.newPage();
  // Without keys, pages of this machine may ask.
  for (const [host, expect] of [["localhost", ["open", "read"]], [elsewhere, [1006, "refused"]]]) {
    await page.goto(`http://${host}:${server.address().port}/`);
    const socket = await page.evaluate((url) => new Promise((resolve) => {
      const socket = new WebSocket(`${url.replace("http", "ws")}/ws`);
      socket.onopen = () => resolve("open");
      socket.onclose = ({ code }) => resolve(code);
    }), url);
    const request = await page.evaluate((url) => fetch(`${url}/api/presence?channel=x`).then(() => "read", () => "refused"), url);
    equal([socket, request], expect, host);
  }
  await page.close();
  server.close();
});

await check("a page whose name was made to point here is refused", async () => {
  const page = await browser.newPage();
  await page.goto(`${url.replace("127.0.0.1", elsewhere)}/healthz`);
  const status = await page.evaluate(() => fetch("/api/presence?channel=x").then(({ status }) => status));
  equal(status, 403);
  await page.close();
});

await browser.close();
await place.kill();
done();
