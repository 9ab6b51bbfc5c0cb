// What the scripts of this folder share: checks, and where the gateway is.
import assert from "node:assert/strict";

export const gateway = process.env.FIRTH_GATEWAY_URL;
export const port = Number(process.env.REDIS_PORT);
export const equal = assert.deepEqual;

let passed = 0;
let failed = 0;

export async function check(name, body) {
  try {
    await body();
    passed += 1;
    console.log(`ok - ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`not ok - ${name}: ${error.stack ?? error}`);
  }
}

/** Waits until something holds; a machine may be slow, so for long. */
export async function until(what, holds) {
  for (let n = 0; n < 2000; n += 1) {
    if (await holds()) return;
    await new Promise((go) => setTimeout(go, 10));
  }
  throw new Error(`not within 20 s: ${what}`);
}

export function done() {
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed > 0 ? 1 : 0);
}

export async function call(method, path, body) {
  const answer = await fetch(`${gateway}${path}`, {
    method,
    body: body && JSON.stringify(body),
    headers: body ? { "content-type": "application/json" } : {},
  });
  return [answer.status, await answer.json()];
}
