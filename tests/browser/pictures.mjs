// Draws the pictures of the console that the README shows: run.py pictures.mjs
import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import Redis from "ioredis";
import { check, done } from "../gateway/frame.mjs";
import { apiKey, fill, secret } from "./data.mjs";
import { launch, Place, port } from "./place.mjs";
import { at, logIn } from "./visit.mjs";

const folder = fileURLToPath(new URL("../../docs/images/", import.meta.url));
const PICTURES = [
  { name: "overview", path: "", scheme: "dark" },
  { name: "dead-letters", path: `letters?stream=${encodeURIComponent("{orders}:dead")}`, scheme: "light", open: true },
  { name: "stream", path: "stream?stream=orders", scheme: "light", open: true },
  { name: "event-store", path: "events?stream=domain-events&tab=aggregate&aggregate=order-1007", scheme: "dark", open: true },
];
// So long that charts have a shape.
const LOAD_MS = 40_000;

await mkdir(folder, { recursive: true });
const place = await new Place({ secret, "api-key": apiKey }).start();
const empty = await fill();
const redis = new Redis(port);
const browser = await launch();
const page = await logIn(browser, apiKey);
await page.setViewportSize({ width: 1280, height: 820 });

/** Orders that come in waves, and workers that follow them with a delay. */
async function load() {
  const end = Date.now() + LOAD_MS;
  for (let n = 0; Date.now() < end; n += 1) {
    const many = 3 + Math.round(2 * Math.sin(n / 25)) + (n % 40 === 0 ? 30 : 0);
    for (let k = 0; k < many; k += 1) await redis.xadd("orders", "*", "type", "paid", "order", `order-${2000 + n}`, "data", '{"total":42}');
    await redis.xadd(`sensor:${n % 12}`, "*", "celsius", (18 + (n % 9) / 2).toFixed(1));
    for (const [group, count] of [["mailers", 4], ["invoices", 12]]) {
      const found = await redis.xreadgroup("GROUP", group, `${group}-1`, "COUNT", count, "STREAMS", "orders", ">");
      const ids = found?.[0][1].map(([id]) => id) ?? [];
      if (ids.length > 0 && n % 40 !== 0) await redis.xack("orders", group, ...ids);
    }
    await new Promise((go) => setTimeout(go, 50));
  }
}

await load();
for (const { name, path, scheme, open } of PICTURES) {
  await check(name, async () => {
    await page.emulateMedia({ colorScheme: scheme });
    await page.goto(at(path));
    await page.getByRole("heading", { level: 1 }).waitFor();
    await page.waitForFunction(() => !document.querySelector(".skeleton"));
    if (open) await page.getByRole("button", { name: /^Details/ }).first().click();
    await page.evaluate(() => new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go))));
    await page.screenshot({ path: `${folder}${name}.png` });
  });
}
empty();
redis.disconnect();
await browser.close();
await place.kill();
done();
