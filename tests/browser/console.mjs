// The console in a real browser: who may do what, its screens and what is done on them, and whether all can use it.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import Redis from "ioredis";
import { check, done, equal, until } from "../gateway/frame.mjs";
import { apiKey, fill, post, secret, token } from "./data.mjs";
import { elsewhere, kind, launch, Place, port, url } from "./place.mjs";
import { at, button, faults, heading, logIn, row } from "./visit.mjs";

const DEAD = "{orders}:dead";
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const place = await new Place({ secret, "api-key": apiKey }).start();
const empty = await fill();
const redis = new Redis(port);
const browser = await launch();

// Who may do what

await check("a wrong key is refused, and says so", async () => {
  const page = await logIn(browser, "not the key");
  await page.getByRole("alert").waitFor();
  equal(await page.getByRole("navigation").count(), 0);
  await page.context().close();
});

const admin = await logIn(browser, apiKey);
const viewer = await logIn(browser, token("vera", "viewer"));
const operator = await logIn(browser, token("olaf", "operator"));
for (const page of [admin, viewer, operator]) await heading(page, "Overview");

await check("the cookie of the session cannot be read by scripts, and goes to this site alone", async () => {
  equal(await admin.evaluate(() => document.cookie), "");
  const [cookie] = await admin.context().cookies();
  equal([cookie.name, cookie.httpOnly, cookie.sameSite, cookie.path], ["firth_console", true, "Strict", "/console"]);
});

await check("without the second secret nothing is changed, nor from elsewhere", async () => {
  const append = (path, headers) => operator.evaluate(async ([path, headers]) => {
    const body = JSON.stringify({ stream: "csrf", fields: [["a", "1"]] });
    const answer = await fetch(path, { method: "POST", body, headers: { "content-type": "application/json", ...headers } });
    return [answer.status, (await answer.json()).code];
  }, [path, headers]);
  equal(await append("/console/api/append", {}), [403, "csrf"]);
  equal(await append("/console/api/append", { "x-firth-csrf": "guessed" }), [403, "csrf"]);
  const page = await admin.context().newPage();
  await page.goto(`${url.replace("127.0.0.1", elsewhere)}/healthz`);
  const asked = await page.evaluate((url) => fetch(`${url}/console/api/session`, { credentials: "include" }).then(() => "read", () => "refused"), url);
  equal(asked, "refused");
  await page.close();
  equal(await redis.exists("csrf"), 0);
});

await check("the policy of content holds: no script that a page brings is run", async () => {
  const [header] = [(await viewer.goto(at(""))).headers()["content-security-policy"]];
  equal(header.startsWith("default-src 'self'") && !header.includes("unsafe"), true);
  const isRun = await viewer.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "window.wasRun = true";
    document.body.append(script);
    return window.wasRun === true;
  });
  equal(isRun, false);
  faults.splice(0);
});

await check("a viewer looks and does not act", async () => {
  await viewer.goto(at(`letters?stream=${encodeURIComponent(DEAD)}`));
  await row(viewer, "mailbox busy").waitFor();
  equal(await button(viewer, "Bring all back").isDisabled(), true);
  equal(await button(viewer, "Purge all").isDisabled(), true);
  equal(await viewer.getByRole("link", { name: "Audit log" }).count(), 0);
  await viewer.goto(at("audit"));
  await viewer.getByText("admin").first().waitFor();
  equal(await viewer.evaluate(() => fetch("/console/api/audit").then(({ status }) => status)), 403);
});

await check("an operator brings back and does not purge", async () => {
  await operator.goto(at(`letters?stream=${encodeURIComponent(DEAD)}`));
  await row(operator, "mailbox busy").waitFor();
  equal(await button(operator, "Bring all back").isEnabled(), true);
  equal(await button(operator, "Purge all").isDisabled(), true);
});

// Dead letters

await check("dead letters are grouped by their reasons, and filtered by them", async () => {
  await admin.goto(at("dead-letters"));
  await admin.getByRole("link", { name: DEAD }).click();
  await heading(admin, DEAD);
  const reasons = admin.getByRole("region", { name: "Reasons" });
  await reasons.getByRole("row").nth(3).waitFor();
  equal(await reasons.locator("tbody tr").count(), 3);
  await button(admin, "timeout after 30 s").click();
  const letters = admin.getByRole("region", { name: "Letters" });
  await until("the two are shown", async () => (await letters.locator("tbody tr").count()) === 2);
  await button(admin, "timeout after 30 s").click();
  await until("all are shown", async () => (await letters.locator("tbody tr").count()) === 15);
  let searches = 0;
  const isSearch = (request) => request.url().includes("/api/dead-letters/letters") && request.url().includes("match=");
  const counted = (request) => void (searches += Number(isSearch(request)));
  admin.on("request", counted);
  await admin.getByLabel("Search in letters").pressSequentially("no field");
  await until("the four are shown", async () => (await letters.locator("tbody tr").count()) === 4);
  admin.off("request", counted);
  // It is searched when typing pauses, which may happen on a slow machine, but not at each letter.
  equal([searches > 0, searches < "no field".length], [true, true]);
  await admin.getByLabel("Search in letters").fill("");
});

await check("a letter is edited and brought back", async () => {
  await button(admin, "timeout after 30 s").click();
  const letters = admin.getByRole("region", { name: "Letters" });
  await until("the two are shown", async () => (await letters.locator("tbody tr").count()) === 2);
  const before = await redis.xlen("orders");
  await letters.getByRole("button", { name: /^Details/ }).first().click();
  await button(admin, "Edit and bring back").click();
  const dialog = admin.getByRole("dialog");
  await dialog.getByLabel("type").fill("edited");
  await dialog.getByRole("button", { name: "Bring it back" }).click();
  await until("it is back", async () => (await redis.xlen("orders")) === before + 1);
  const [[, fields]] = await redis.xrevrange("orders", "+", "-", "COUNT", 1);
  equal(fields.slice(0, 3), ["type", "edited", "order"]);
  await until("it is no letter any more", async () => (await redis.xlen(DEAD)) === 14);
});

await check("letters of a reason are brought back at a rate, after a dry run, and the job is shown", async () => {
  await admin.goto(at(`letters?stream=${encodeURIComponent(DEAD)}`));
  await admin.getByRole("button", { name: /^smtp/ }).click();
  const before = await redis.xlen("orders");
  await button(admin, "Bring these back").click();
  const dialog = admin.getByRole("dialog");
  await dialog.getByText("9 letters would go back").waitFor();
  equal(await redis.xlen("orders"), before);
  await dialog.getByLabel("Letters a second").fill("20");
  await dialog.getByRole("button", { name: "Bring back 9 letters" }).click();
  await dialog.getByText("9 of 9, done").waitFor();
  await dialog.getByRole("button", { name: "Close" }).last().click();
  equal([await redis.xlen("orders"), await redis.xlen(DEAD)], [before + 9, 5]);
  await admin.getByRole("link", { name: "Jobs" }).click();
  await row(admin, "9 of 9").waitFor();
});

await check("chosen letters are purged when that is confirmed, and not before", async () => {
  await admin.goto(at(`letters?stream=${encodeURIComponent(DEAD)}`));
  await admin.getByRole("region", { name: "Letters" }).getByRole("checkbox").nth(1).check();
  await button(admin, "Purge").click();
  await admin.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  equal(await redis.xlen(DEAD), 5);
  await button(admin, "Purge").click();
  await admin.getByRole("dialog").getByText("Purge 1 letter?").waitFor();
  await admin.getByRole("dialog").getByRole("button", { name: "Purge" }).click();
  await until("it is gone", async () => (await redis.xlen(DEAD)) === 4);
  await button(admin, "Purge all").click();
  const dialog = admin.getByRole("dialog");
  equal(await dialog.getByRole("button", { name: "Purge" }).isDisabled(), true);
  await dialog.getByLabel(/^Type/).fill(DEAD);
  await dialog.getByRole("button", { name: "Purge" }).click();
  await until("all are gone", async () => (await redis.xlen(DEAD)) === 0);
});

await check("the audit log tells who has done it", async () => {
  await admin.goto(at("audit"));
  await row(admin, "dead-letters/purge").waitFor();
  await row(admin, "dead-letters/redrive").waitFor();
});

// Live

await check("channels are listed, and what is published is seen", async () => {
  await admin.goto(at("channels"));
  await row(admin, "prices").waitFor();
  await admin.getByLabel("Channel or pattern").fill("prices:*");
  await button(admin, "Listen").click();
  await heading(admin, "prices:*");
  await admin.getByText("live", { exact: true }).waitFor();
  await redis.publish("prices:tea", '{"euro":3.5}');
  await admin.getByLabel("Messages").getByText("3.5").waitFor();
});

await check("an operator publishes, and sees it", async () => {
  await operator.goto(at("channel?channel=prices"));
  await operator.getByText("live", { exact: true }).waitFor();
  await button(operator, "Publish").click();
  const dialog = operator.getByRole("dialog");
  await dialog.getByLabel("Message").fill("hello from the console");
  await dialog.getByRole("button", { name: "Publish" }).click();
  await operator.getByLabel("Messages").getByText("hello from the console").waitFor();
});

await check("users who are online are shown, and what is sent to one", async () => {
  await viewer.goto(at("gateway"));
  await row(viewer, "anna").waitFor();
  await viewer.getByRole("link", { name: "anna" }).click();
  await heading(viewer, "anna");
  await viewer.getByText("news").waitFor();
  await viewer.getByText("live", { exact: true }).waitFor();
  await redis.publish("notifications:anna", "your order is on its way");
  await viewer.getByLabel("Messages").getByText("on its way").waitFor();
});

// The event store and the server

await check("events are shown by time, by type and by aggregate", async () => {
  await viewer.goto(at("events?stream=domain-events"));
  await row(viewer, "OrderShipped").waitFor();
  equal(await viewer.locator("tbody tr").count(), 40);
  await button(viewer, "Types").click();
  await button(viewer, "OrderPaid").click();
  await until("those of the type are shown", async () => (await viewer.locator("tbody tr").count()) === 10);
  await viewer.getByRole("link", { name: "order-1003" }).first().click();
  await until("those of the aggregate are shown", async () => (await viewer.locator("tbody tr").count()) === 4);
});

await check("clients, slow commands, settings and users of the server are shown", async () => {
  await operator.goto(at("clients"));
  await row(operator, "127.0.0.1").waitFor();
  await operator.goto(at("slow-log"));
  await row(operator, /xrange/i).waitFor();
  await admin.goto(at("settings"));
  await admin.getByLabel("Filter settings").fill("slowlog-log");
  await row(admin, "10000").waitFor();
  await admin.goto(at("users"));
  // Firth has no ACL LIST.
  await (kind === "firth" ? admin.getByText("no users to list") : row(admin, "default")).waitFor();
});

// For everybody

const PAGES = [
  "", "streams", "stream?stream=orders", "groups", "group?stream=orders&group=mailers", "dead-letters", `letters?stream=${encodeURIComponent("{sensor:3}:dead")}`,
  "events?stream=domain-events", "channels", "channel?channel=news", "gateway", "user?user=anna", "jobs", "clients", "slow-log", "settings", "users", "audit",
];
const [[, [[id]]]] = await redis.xreadgroup("GROUP", "alarms", "watcher", "COUNT", 1, "STREAMS", "sensor:3", ">");
await post("dead-letter", { stream: "sensor:3", group: "alarms", ids: [id], reason: "no sensor is that hot" });

for (const scheme of ["light", "dark"]) {
  await check(`${scheme}: no page has a serious fault of accessibility`, async () => {
    await admin.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
    const found = [];
    for (const path of PAGES) {
      await admin.goto(at(path));
      await settled(admin);
      await admin.evaluate(axe);
      const { violations } = await admin.evaluate(() => window.axe.run());
      for (const { id, impact, nodes } of violations) {
        if (impact === "serious" || impact === "critical") found.push(`${path}: ${id} ${nodes.map(({ html }) => html).join(" ").slice(0, 200)}`);
      }
    }
    equal(found, []);
  });
}

await check("on a phone no page is wider than the screen", async () => {
  await admin.setViewportSize({ width: 390, height: 780 });
  const found = [];
  for (const path of PAGES) {
    await admin.goto(at(path));
    await settled(admin);
    const width = await admin.evaluate(() => document.documentElement.scrollWidth);
    if (width > 390) found.push(`${path}: ${width} ${await admin.evaluate(widest)}`);
  }
  await button(admin, "Menu").click();
  await admin.getByRole("link", { name: "Streams" }).click();
  await heading(admin, "Streams");
  equal(found, []);
});

await check("no page has complained", async () => equal(faults, []));

/** What is wider than a phone, and not within a box that scrolls. */
function widest() {
  const wide = [...document.querySelectorAll("body *")].filter((one) => {
    return one.getBoundingClientRect().right > 390 && !one.closest(".table-box tbody, .tabs, pre");
  });
  return wide.map(({ tagName, className }) => `${tagName}.${className}`).join(" ");
}

/** Waits until a page has loaded what it shows. */
async function settled(page) {
  await page.getByRole("heading", { level: 1 }).waitFor();
  await until("it is loaded", async () => (await page.locator(".skeleton").count()) === 0);
}

empty();
redis.disconnect();
await browser.close();
await place.kill();
done();
