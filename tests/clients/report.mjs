// Prints one line per check and ends the script with the count of both kinds.

import assert from "node:assert/strict";

const CHECK_TIMEOUT_MS = 10_000;
let passed = 0;
let failed = 0;

/// Runs one check; it fails when it throws or takes longer than ten seconds.
export async function check(name, body) {
  let timer;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${CHECK_TIMEOUT_MS} ms`)), CHECK_TIMEOUT_MS);
  });
  try {
    await Promise.race([body(), limit]);
    passed += 1;
    console.log(`ok - ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`not ok - ${name}: ${String(error?.message ?? error).replaceAll("\n", " ").slice(0, 600)}`);
  } finally {
    clearTimeout(timer);
  }
}

/// Prints the counts and ends the process, whatever connections are still open.
export function finish() {
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 && passed > 0 ? 0 : 1);
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/// Waits until `probe` gives something truthy, and returns it.
export async function until(what, probe, timeoutMs = 8_000) {
  const deadline = Date.now() + timeoutMs;
  while (Date.now() < deadline) {
    const value = await probe();
    if (value) return value;
    await sleep(10);
  }
  throw new Error(`${what}: not within ${timeoutMs} ms`);
}

/// Asserts that `promise` fails with a message that `pattern` matches.
export async function fails(promise, pattern) {
  const error = await promise.then((value) => assert.fail(`expected an error, got ${JSON.stringify(value)}`), (e) => e);
  assert.match(String(error.message), pattern);
}

/// One MiB in which every byte value occurs at every distance from a page boundary.
export function largeBinary() {
  const bytes = Buffer.alloc(1 << 20);
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = (i * 7 + (i >> 8)) & 255;
  return bytes;
}

/// The `name:value` lines of INFO.
export function parseInfo(text) {
  const lines = text.split("\r\n").filter((line) => line !== "" && !line.startsWith("#"));
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1)]));
}

/// The default URL of the server under test.
export const url = process.env.REDIS_URL ?? "redis://127.0.0.1:6379";
export const port = Number(new URL(url).port);
export { assert };
