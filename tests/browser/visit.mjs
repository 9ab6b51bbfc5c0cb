// A visitor of the console: how pages are opened, and found their way about in.
import { url } from "./place.mjs";

/** What pages have complained of, refused content above all. */
export const faults = [];

/** A page of somebody who has logged in. There are five attempts at once from an address, then one each six seconds. */
export async function logIn(browser, secret) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: "reduce" });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.on("pageerror", (error) => faults.push(`${page.url()}: ${error}`));
  page.on("console", (message) => {
    const text = message.text();
    if (message.type() === "error" && !text.startsWith("Failed to load resource")) faults.push(`${page.url()}: ${text}`);
  });
  await page.goto(at(""));
  await page.getByLabel("A token (JWT) or an API key").fill(secret);
  await page.getByRole("button", { name: "Log in" }).click();
  return page;
}

export const at = (path) => `${url}/console/${path}`;
export const heading = (page, name) => page.getByRole("heading", { level: 1, name }).waitFor();
export const row = (page, text) => page.getByRole("row").filter({ hasText: text }).first();
export const button = (page, name) => page.getByRole("button", { name, exact: true });
