import * as t from "../support.ts";
import { redis } from "bun";

for (let i = 1; i <= 12; i += 1) await t.xadd("events", `${i}-0`, { n: String(i) });
const recent = await t.xadd("events", "*", { n: "recent" });
await t.xadd("orders", "1-1", { order: "o" });

const sent: { command: string; args: string[]; reply: any }[] = [];
t.after("send", ([command, args], reply) => void sent.push({ command, args, reply }));

let late = "";
const adding = t.until("the blocked reader", async () => (await t.blockedClients()) === 1).then(async () => {
  late = await t.xadd("events", "*", { n: "late" });
});

// <<< Reading Messages

await adding;

/// The same content in the shape of this run's mode.
const shaped = (...streams: [string, [string, string[]][]][]) =>
  t.mode === "array" ? streams : Object.fromEntries(streams);
const plain = (reply: any) => (t.mode === "array" ? reply : { ...reply });
const old = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i): [string, string[]] => [`${from + i}-0`, ["n", String(from + i)]]);

await t.check("from the beginning: ten entries", () => {
  t.assert.deepEqual(plain(entries), shaped(["events", old(1, 10)]));
});

await t.check("from an id: only later ones", () => {
  t.assert.deepEqual(plain(sent[1].reply), shaped(["events", [[recent, ["n", "recent"]]]]));
});

await t.check("blocking: woken by the entry that came", () => {
  t.assert.deepEqual(plain(newEntries), shaped(["events", [[late, ["n", "late"]]]]));
});

await t.check("several streams: those that have entries, COUNT for each", () => {
  t.assert.deepEqual(plain(sent[3].reply), shaped(["events", old(1, 10)], ["orders", [["1-1", ["order", "o"]]]]));
});

await t.check("XRANGE and XREVRANGE: arrays in either mode", () => {
  const [, , , , all, since, reverse] = sent.map(({ reply }) => reply);
  const newest: [string, string[]][] = [[recent, ["n", "recent"]], [late, ["n", "late"]]];
  t.assert.deepEqual(all, [...old(1, 12), ...newest]);
  t.assert.deepEqual(since, newest);
  t.assert.deepEqual(reverse, [...old(1, 12), ...newest].reverse().slice(0, 10));
});

await t.check("nothing new: null, blocked or not", async () => {
  t.assert.equal(await redis.send("XREAD", ["STREAMS", "events", "$"]), null);
  t.assert.equal(await redis.send("XREAD", ["BLOCK", "20", "STREAMS", "events", "$"]), null);
});

t.finish();
