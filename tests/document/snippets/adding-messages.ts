import * as t from "../support.ts";

const OLD = 10_050;
await Promise.all(Array.from({ length: OLD }, (_, i) => t.xadd("events", `1-${i + 1}`, { type: "old" })));

const sent: { args: string[]; reply: unknown; length: number }[] = [];
t.after("send", async ([, args], reply) => {
  sent.push({ args, reply, length: (await t.raw.send("XLEN", ["events"])) as number });
});

// <<< Adding Messages

await t.check("XADD * returns an id made of the time", () => {
  t.assert.match(id, /^\d{13}-\d+$/);
  t.assert.ok(Math.abs(Number(id.split("-")[0]) - Date.now()) < 60_000);
  t.assert.equal(sent[0].length, OLD + 1);
});

await t.check("ids grow", () => {
  t.assert.equal(sent.length, 4);
  const order = sent.map(({ reply }) => String(reply).split("-").map(BigInt)).map(([ms, seq]) => (ms << 64n) + seq);
  t.assert.ok(order.every((value, i) => i === 0 || value > order[i - 1]));
});

await t.check("MAXLEN ~ keeps at least that many", () => {
  t.assert.ok(sent[1].length >= 10_000 && sent[1].length <= OLD + 2, String(sent[1].length));
});

await t.check("MAXLEN keeps exactly that many", () => {
  t.assert.equal(sent[2].length, 10_000);
});

await t.check("MINID ~ takes away old entries only", async () => {
  t.assert.ok(sent[3].length >= 4 && sent[3].length <= 10_001, String(sent[3].length));
  const last = (await t.entriesOf("events")).slice(-4);
  t.assert.deepEqual(last, sent.map(({ reply }, i) => ({
    id: reply,
    fields: i === 0 ? { type: "purchase", userId: "123", amount: "99.99" } : { type: "event" },
  })));
});

t.finish();
