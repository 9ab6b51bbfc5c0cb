// The console's streams and groups in a real browser: what is shown is what is there, and what is done is done.
import Redis from "ioredis";
import { check, done, equal, until } from "../gateway/frame.mjs";
import { apiKey, fill, secret } from "./data.mjs";
import { kind, launch, Place, port } from "./place.mjs";
import { at, button, faults, heading, logIn, row } from "./visit.mjs";

const place = await new Place({ secret, "api-key": apiKey }).start();
const empty = await fill();
const redis = new Redis(port);
const browser = await launch();
const page = await logIn(browser, apiKey);
const dialog = page.getByRole("dialog");
const rows = (region) => page.getByRole("region", { name: region, exact: true }).locator("tbody tr:not(.detail)");
const pending = async (group) => (await redis.xpending("orders", group))[0];

await check("the overview counts what is there, and leads to what is not well", async () => {
  await heading(page, "Overview");
  await page.getByText("dead letters wait").waitFor();
  await page.getByRole("link", { name: /^Dead letters 15/ }).first().waitFor();
  await page.getByRole("link", { name: "Look" }).first().click();
  await heading(page, /dead/i);
});

await check("streams are listed, filtered and sorted", async () => {
  await page.goto(at("streams"));
  await row(page, "domain-events").waitFor();
  await page.getByLabel("Filter by name").fill("sensor:1*");
  await until("three are shown", async () => (await rows("Streams").count()) === 3);
  await page.getByLabel("Filter by name").fill("");
  await page.getByRole("button", { name: "Entries" }).click();
  await until("the longest comes first", async () => /^orders/.test(await rows("Streams").first().innerText()));
});

await check("entries are searched, opened and read", async () => {
  await page.goto(at("stream?stream=orders"));
  await rows("Entries").first().waitFor();
  await page.getByLabel("Contains").fill("order-1107");
  await button(page, "Search").click();
  await until("the one is shown", async () => (await rows("Entries").count()) === 1);
  await page.getByRole("button", { name: /^Details/ }).click();
  await page.getByText('"customer"', { exact: true }).waitFor();
});

await check("an entry is appended", async () => {
  await page.goto(at("stream?stream=sensor:1"));
  await button(page, "Append").click();
  await dialog.getByLabel("Name", { exact: true }).fill("celsius");
  await dialog.getByLabel("Value", { exact: true }).fill("99.5");
  await dialog.getByRole("button", { name: "Append" }).click();
  await until("it is there", async () => (await redis.xrevrange("sensor:1", "+", "-", "COUNT", 1))[0][1][1] === "99.5");
  await row(page, "99.5").waitFor();
});

await check("what is appended is seen at once, filtered, and after a pause", async () => {
  await page.goto(at("stream?stream=sensor:2&tab=live"));
  await page.getByText("live", { exact: true }).waitFor();
  await redis.xadd("sensor:2", "*", "celsius", "71.5");
  await row(page, "71.5").waitFor();
  await page.getByLabel("Only entries that contain").fill("hot");
  await until("it is asked anew", async () => (await page.getByText("live", { exact: true }).count()) === 1);
  await until("only what matches is shown", async () => {
    await redis.xadd("sensor:2", "*", "note", "hot");
    return (await row(page, "hot").count()) === 1;
  });
  await button(page, "Pause").click();
  await page.getByText("paused", { exact: true }).waitFor();
});

await check("a stream is trimmed after it was counted what would go", async () => {
  await page.goto(at("stream?stream=sensor:5"));
  await button(page, "Trim").click();
  await dialog.getByLabel("Keep the newest").fill("2");
  await dialog.getByRole("button", { name: "Count what would go" }).click();
  await dialog.getByText("This removes 3 entries").waitFor();
  equal(await redis.xlen("sensor:5"), 5);
  await dialog.getByRole("button", { name: /trim|remove/i }).last().click();
  await until("they are gone", async () => (await redis.xlen("sensor:5")) === 2);
});

await check("what a stream retains is set and removed", async () => {
  await page.goto(at("stream?stream=sensor:4"));
  await button(page, "Trim").waitFor();
  // Redis knows no policies, and nobody is shown what cannot be done.
  equal(await button(page, "Retention").count(), kind === "firth" ? 1 : 0);
  if (kind !== "firth") return;
  await button(page, "Retention").click();
  await dialog.getByLabel("Newest entries").fill("2");
  await dialog.getByLabel("Age").fill("0.5");
  await dialog.getByText("Remove even that").click();
  await dialog.getByRole("button", { name: "Set" }).click();
  await page.getByText("2 entries, 30 min, even unacknowledged").waitFor();
  const policy = await redis.call("FIRTH.RETAIN", "sensor:4");
  equal(policy.slice(0, 8), ["age", 1800000, "bytes", 0, "len", 2, "unacknowledged", "removed"]);
  await button(page, "Retention").click();
  equal(await dialog.getByLabel("Age").inputValue(), "0.5");
  await dialog.getByLabel("Newest entries").fill("");
  await dialog.getByLabel("Age").fill("");
  await dialog.getByRole("button", { name: "Retain everything" }).click();
  await until("the policy is gone", async () => (await redis.call("FIRTH.RETAIN", "sensor:4")) === null);
});

await check("a stream is deleted when its name is typed", async () => {
  await page.goto(at("stream?stream=sensor:6"));
  await button(page, "Delete").first().click();
  equal(await dialog.getByRole("button", { name: "Delete the stream" }).isDisabled(), true);
  await dialog.getByLabel(/^Type/).fill("sensor:6");
  await dialog.getByRole("button", { name: "Delete the stream" }).click();
  await until("it is gone", async () => (await redis.exists("sensor:6")) === 0);
});

await check("a group is created", async () => {
  await page.goto(at("stream?stream=sensor:4&tab=groups"));
  await button(page, "Create a group").click();
  await dialog.getByLabel("Name").fill("watchers");
  await dialog.getByRole("button", { name: "Create" }).click();
  await until("it is there", async () => (await redis.xinfo("GROUPS", "sensor:4")).length === 1);
  await row(page, "watchers").waitFor();
});

await check("groups are listed with their lag", async () => {
  await page.goto(at("groups"));
  await row(page, "mailers").waitFor();
  await page.getByRole("link", { name: "mailers" }).click();
  await heading(page, "mailers");
  await until("the pending ones are shown", async () => (await rows("Pending entries").count()) === 15);
});

await check("a pending entry is acknowledged, claimed and moved to the dead letters", async () => {
  const before = await pending("mailers");
  const boxes = page.getByRole("region", { name: "Pending entries" }).getByRole("checkbox");
  await boxes.nth(1).check();
  await button(page, "Acknowledge").click();
  await until("it is acknowledged", async () => (await pending("mailers")) === before - 1);
  await until("it is not shown", async () => (await rows("Pending entries").count()) === before - 1);
  await boxes.nth(1).check();
  await button(page, "Claim").click();
  await dialog.getByLabel("For the consumer").fill("the-new-one");
  await dialog.getByRole("button", { name: "Claim", exact: true }).click();
  await until("it is claimed", async () => (await redis.xpending("orders", "mailers", "-", "+", 10, "the-new-one")).length === 1);
  await row(page, "the-new-one").waitFor();
  const letters = await redis.xlen("{orders}:dead");
  await boxes.nth(1).check();
  await button(page, "To the dead letters").click();
  await dialog.getByLabel("Why").fill("by hand");
  await dialog.getByRole("button", { name: "Move" }).click();
  await until("it is a letter", async () => (await redis.xlen("{orders}:dead")) === letters + 1);
});

await check("several are handed back when that is confirmed", async () => {
  await page.goto(at("group?stream=orders&group=invoices"));
  await until("they are shown", async () => (await rows("Pending entries").count()) === 6);
  await page.getByRole("region", { name: "Pending entries" }).getByRole("checkbox").first().check();
  await button(page, "Hand back").click();
  await dialog.getByRole("button", { name: "Hand back" }).click();
  await page.getByText("6 entries handed back").waitFor();
  equal(await pending("invoices"), 6);
});

await check("a group is destroyed when its name is typed", async () => {
  await page.goto(at("group?stream=sensor:4&group=watchers"));
  await button(page, "Destroy").click();
  await dialog.getByLabel(/^Type/).fill("watchers");
  await dialog.getByRole("button", { name: "Destroy the group" }).click();
  await until("it is gone", async () => (await redis.xinfo("GROUPS", "sensor:4")).length === 0);
});

await check("a consumer is removed when its name is typed", async () => {
  await page.goto(at("group?stream=orders&group=mailers&tab=consumers"));
  await button(page, "Remove the-new-one").click();
  await dialog.getByRole("textbox").fill("the-new-one");
  await dialog.getByRole("button", { name: "Remove the consumer" }).click();
  await page.getByText("the-new-one was removed").first().waitFor();
  const consumers = await redis.xinfo("CONSUMERS", "orders", "mailers");
  equal(consumers.filter((consumer) => consumer.includes("the-new-one")), []);
});

await check("Escape closes a dialog, and nothing is done", async () => {
  await page.goto(at("stream?stream=sensor:7"));
  const before = await redis.xlen("sensor:7");
  await button(page, "Append").click();
  await dialog.waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  equal(await redis.xlen("sensor:7"), before);
});

await check("no page has complained", async () => equal(faults, []));

empty();
redis.disconnect();
await browser.close();
await place.kill();
done();
