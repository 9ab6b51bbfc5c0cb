import * as t from "../support.ts";
import { RedisClient } from "bun";

// <<< Cache Invalidation

const invalidators = [new CacheInvalidator(), new CacheInvalidator()];
for (const invalidator of invalidators) await invalidator.start();
const caches = invalidators.map((invalidator) => (invalidator as any).localCache as Map<string, string>);
const fill = () => caches.forEach((cache) => ["user:1", "user:2", "order:1"].forEach((key) => cache.set(key, "x")));
const keys = () => caches.map((cache) => [...cache.keys()]);

await t.check("start subscribes every process", async () => {
  t.assert.equal(await t.subscribers("cache:invalidate"), 2);
});

await t.check("broadcast drops exactly the named keys, everywhere", async () => {
  fill();
  await CacheInvalidator.broadcast(["user:1", "unknown"]);
  await t.until("both caches", () => caches.every((cache) => !cache.has("user:1")));
  t.assert.deepEqual(keys(), [["user:2", "order:1"], ["user:2", "order:1"]]);
});

await t.check("broadcastPattern drops what matches, everywhere", async () => {
  fill();
  await CacheInvalidator.broadcastPattern("user:*");
  await t.until("both caches", () => caches.every((cache) => cache.size === 1));
  t.assert.deepEqual(keys(), [["order:1"], ["order:1"]]);
});

t.finish();
