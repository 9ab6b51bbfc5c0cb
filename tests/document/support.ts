// What the frames of the document's snippets share: checks, a second connection, captured console output.

import assert from "node:assert/strict";
import { RedisClient } from "bun";

export { assert };

/// How XREAD and XREADGROUP answer in this run: as Redis does (map), or as the document expects (array).
export const mode = process.env.FIRTH_DOCUMENT_MODE === "array" ? "array" : "map";
export const server = process.env.FIRTH_TEST_SERVER ?? "firth";
export const url = process.env.REDIS_URL!;

/// Everything that the snippet printed, one array of arguments per call.
export const logged: unknown[][] = [];
export const errors: unknown[][] = [];
/// The promises that the snippet started, did not await, and that failed.
export const unhandled: Error[] = [];

console.log = (...args) => void logged.push(args);
console.error = (...args) => void errors.push(args);
process.on("unhandledRejection", (error) => void unhandled.push(error as Error));
process.on("uncaughtException", (error) => {
  print(`not ok - the snippet itself: ${error?.message}`);
  print("0 passed, 1 failed");
  process.exit(1);
});

/// A connection beside those of the snippet.
export const raw = new RedisClient(url);
await raw.connect();
await raw.send("FLUSHALL", []);
if (server === "firth") await raw.send("CONFIG", ["SET", "stream-read-reply", mode]);

let passed = 0;
let failed = 0;

/// Runs one check; it fails when it throws.
export async function check(name: string, body: () => unknown): Promise<void> {
  try {
    await body();
    passed += 1;
    print(`ok - ${name}`);
  } catch (error: any) {
    failed += 1;
    print(`not ok - ${name}: ${String(error?.message ?? error).replaceAll("\n", " ").slice(0, 600)}`);
  }
}

/// Prints the counts and ends the process, with whatever loops the snippet has running.
export function finish(): never {
  for (const error of unhandled) {
    failed += 1;
    print(`not ok - unhandled: ${error?.message}`);
  }
  print(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 && passed > 0 ? 0 : 1);
}

/// Waits until `probe` gives something truthy, and returns it.
export async function until<T>(what: string, probe: () => T | Promise<T>, timeoutMs = 10_000): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  while (Date.now() < deadline) {
    const value = await probe();
    if (value) return value;
    await Bun.sleep(10);
  }
  throw new Error(`${what}: not within ${timeoutMs} ms`);
}

/// Calls `then` after each call of this method on the snippet's clients, before the snippet goes on.
export function after(method: "send" | "subscribe", then: (args: any[], reply: any) => unknown): void {
  const prototype = RedisClient.prototype as any;
  const original = prototype[method];
  prototype[method] = async function (...args: any[]) {
    const reply = await original.apply(this, args);
    if (this !== raw) await then(args, reply);
    return reply;
  };
}

/// How many connections are subscribed to a channel.
export async function subscribers(channel: string): Promise<number> {
  return ((await raw.send("PUBSUB", ["NUMSUB", channel])) as any[])[1];
}

/// How many connections wait in a blocking command.
export async function blockedClients(): Promise<number> {
  return Number(/blocked_clients:(\d+)/.exec(await raw.send("INFO", ["clients"]))?.[1]);
}

/// How many entries of a group are delivered and not acknowledged.
export async function pendingCount(stream: string, group: string): Promise<number> {
  return ((await raw.send("XPENDING", [stream, group])) as any[])[0];
}

export async function xadd(stream: string, id: string, fields: Record<string, string>): Promise<string> {
  return (await raw.send("XADD", [stream, id, ...Object.entries(fields).flat()])) as string;
}

/// A stream's entries, with their fields as an object.
export async function entriesOf(stream: string): Promise<{ id: string; fields: Record<string, string> }[]> {
  const entries = (await raw.send("XRANGE", [stream, "-", "+"])) as [string, string[]][];
  return entries.map(([id, flat]) => ({ id, fields: pairs(flat) }));
}

/// The text of a captured console call.
export function text(args: unknown[]): string {
  return args.map((arg) => (typeof arg === "string" ? arg : arg instanceof Error ? `${arg.name}: ${arg.message}` : JSON.stringify(arg))).join(" ");
}

/// Relays one connection to the server and keeps the bytes that the server sent.
export function tap(): { url: string; received: () => string } {
  const chunks: Buffer[] = [];
  const { hostname, port } = new URL(url);
  const listener = Bun.listen<{ upstream: Promise<any> }>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(client) {
        const socket = {
          data(_: unknown, bytes: Buffer) {
            chunks.push(Buffer.from(bytes));
            client.write(bytes);
          },
        };
        client.data = { upstream: Bun.connect({ hostname, port: Number(port), socket }) };
      },
      async data(client, bytes) {
        const copy = Buffer.from(bytes);
        (await client.data.upstream).write(copy);
      },
    },
  });
  return { url: `redis://127.0.0.1:${listener.port}`, received: () => Buffer.concat(chunks).toString() };
}

function pairs(flat: string[]): Record<string, string> {
  return Object.fromEntries(flat.flatMap((field, i) => (i % 2 === 0 ? [[field, flat[i + 1]]] : [])));
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
