// firth.js, as the gateway serves it.
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { call, check, done, equal, gateway, until } from "./frame.mjs";

const path = join(tmpdir(), `firth-client-${process.pid}.mjs`);
writeFileSync(path, await (await fetch(`${gateway}/firth.js`)).text());
const { connect } = await import(path);

const name = (what) => `${what}-${process.pid}-${Math.random()}`;

/** A WebSocket whose connections can be cut. */
class Cut extends WebSocket {
  static open = new Set();
  constructor(url) {
    super(url);
    Cut.open.add(this);
  }
  static now() {
    for (const socket of Cut.open) socket.close();
    Cut.open.clear();
  }
}

for (const transport of ["ws", "sse"]) {
  const firth = connect({ url: gateway, transport, WebSocket: Cut });

  await check(`${transport}: what is published is heard`, async () => {
    const [channel, got] = [name("news"), []];
    const subscription = firth.subscribe(channel, (data) => got.push(data));
    await subscription.ready;
    equal(await firth.publish(channel, { a: 1 }), 1);
    await until("it is there", () => got.length === 1);
    equal(got, ['{"a":1}']);
    subscription.unsubscribe();
    await until("nobody listens", async () => (await firth.publish(channel, "x")) === 0);
  });

  await check(`${transport}: a stream is followed and read`, async () => {
    const [stream, got] = [name("orders"), []];
    const first = await firth.append(stream, { n: 0 });
    const subscription = firth.stream(stream, (entry) => got.push(entry), { after: "0-0" });
    const second = await firth.append(stream, { n: 1 });
    await until("both are there", () => got.length === 2);
    equal(got.map(({ id, fields }) => [id, fields]), [[first, { n: "0" }], [second, { n: "1" }]]);
    equal(subscription.last, second);
    equal(await firth.history(stream, { newest: true, limit: 1 }), [{ id: second, fields: { n: "1" } }]);
    subscription.unsubscribe();
  });

  await check(`${transport}: it is told who is there`, async () => {
    const [channel, news] = [name("room"), []];
    const subscription = firth.subscribe(channel, () => {}, { presence: true, onPresence: (what) => news.push(what) });
    await until("it was told", () => news.length === 1);
    equal([news[0].type, news[0].members, news[0].nameless], ["present", {}, 1]);
    equal(await firth.presence(channel), { members: {}, nameless: 1 });
    subscription.unsubscribe();
    await until("it has left", async () => (await firth.presence(channel)).nameless === 0);
  });

  await check(`${transport}: what is refused says so`, async () => {
    const refused = await firth.notifications().catch((error) => error);
    equal(refused.name, "FirthError");
  });

  firth.close();
  equal(firth.state, "closed");
}

await check("a client that is cut off goes on behind what it has", async () => {
  const [stream, got, gaps] = [name("orders"), [], []];
  const firth = connect({ url: gateway, WebSocket: Cut });
  const following = firth.stream(stream, (entry) => got.push(Number(entry.fields.n)), { onGap: (gap) => gaps.push(gap) });
  await following.ready;
  for (let n = 0; n < 100; n += 1) {
    if (n % 25 === 10) Cut.now();
    await call("POST", "/api/append", { stream, fields: { n } });
  }
  await until("all are there", () => got.length >= 100);
  equal([got, gaps], [Array.from({ length: 100 }, (_, n) => n), []]);
  firth.close();
});

await check("a channel says that something may have been missed", async () => {
  const [channel, gaps] = [name("news"), []];
  const firth = connect({ url: gateway, WebSocket: Cut });
  await firth.subscribe(channel, () => {}, { onGap: (gap) => gaps.push(gap.reason) }).ready;
  Cut.now();
  await until("a gap", () => gaps.length === 1);
  equal(gaps, ["reconnected"]);
  firth.close();
});

await check("where WebSockets do not get through, event streams do", async () => {
  class Blocked {
    constructor() {
      setTimeout(() => this.onclose({ code: 1006, reason: "" }));
    }
    close() {}
  }
  const [channel, got] = [name("news"), []];
  const firth = connect({ url: gateway, WebSocket: Blocked });
  await firth.subscribe(channel, (data) => got.push(data)).ready;
  equal(firth.transport, "sse");
  await firth.publish(channel, "by other ways");
  await until("it is there", () => got.length === 1);
  firth.close();
});

done();
