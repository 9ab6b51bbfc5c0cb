// Keys of tokens at a URL: a gateway of its own, and a server of keys of its own, over HTTP and over HTTPS.
import { spawn, spawnSync } from "node:child_process";
import { createHmac, generateKeyPairSync, sign } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { check, done, equal, port, until } from "./frame.mjs";

const directory = mkdtempSync(join(tmpdir(), "firth-jwks-"));
const running = [];
process.on("exit", () => {
  running.forEach((program) => program.kill());
  rmSync(directory, { recursive: true });
});

/** A key of an identity provider. */
function key(kid, kind) {
  const [type, options, alg] = { rsa: ["rsa", { modulusLength: 2048 }, "RS256"], ec: ["ec", { namedCurve: "P-256" }, "ES256"] }[kind];
  const { publicKey, privateKey } = generateKeyPairSync(type, options);
  return { kid, alg, publicKey, privateKey, jwk: { ...publicKey.export({ format: "jwk" }), kid, alg, use: "sig" } };
}

const text = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

function token(header, signed) {
  const claims = { sub: "7", exp: Math.floor(Date.now() / 1000) + 600, firth: { subscribe: ["news"] } };
  const content = `${text({ typ: "JWT", ...header })}.${text(claims)}`;
  return `${content}.${signed(content).toString("base64url")}`;
}

const tokenOf = ({ kid, alg, privateKey }, header = {}) =>
  token({ kid, alg, ...header }, (content) => sign("sha256", Buffer.from(content), { key: privateKey, dsaEncoding: "ieee-p1363" }));

/** Serves keys; what is served may change at any time. */
async function serveKeys(answer, options) {
  const served = { count: 0, answer };
  const handle = (_request, response) => {
    served.count += 1;
    served.answer(response);
  };
  const server = options ? https.createServer(options, handle) : http.createServer(handle);
  await new Promise((listens) => server.listen(0, "localhost", listens));
  served.url = `${options ? "https" : "http"}://localhost:${server.address().port}/keys`;
  return served;
}

const keysOf = (...keys) => (response) => response.end(JSON.stringify({ keys }));

async function openGateway(url, environment = {}) {
  const words = ["gateway", "--backend", `redis://127.0.0.1:${port}`, "--listen", "127.0.0.1:0", "--jwks-url", url];
  const program = spawn(process.env.FIRTH_PROGRAM, words, { env: { ...process.env, ...environment }, stdio: ["ignore", "ignore", "pipe"] });
  running.push(program);
  let log = "";
  program.stderr.on("data", (data) => (log += data));
  await until("the gateway listens", () => log.includes("http://"));
  const address = /http:\/\/[\d.:]+/.exec(log)[0];
  const ask = async (bearer) => {
    const answer = await fetch(`${address}/api/presence?channel=news`, { headers: { authorization: `Bearer ${bearer}` } });
    await answer.text();
    return answer.status;
  };
  return { ask, log: () => log };
}

const [old, fresh, stranger] = [key("old", "rsa"), key("fresh", "ec"), key("old", "rsa")];
const provider = await serveKeys(keysOf({ kty: "OKP", crv: "X25519", x: "AA", kid: "odd" }, { kty: "oct", k: text("a"), kid: "oct" }, old.jwk));
const gateway = await openGateway(provider.url);

await check("the first token waits for the keys", async () => {
  equal(await gateway.ask(tokenOf(old)), 200);
  equal(provider.count, 1);
});

await check("what others have signed is refused", async () => {
  equal(await gateway.ask(tokenOf(stranger)), 401);
  equal(await gateway.ask("nonsense"), 401);
});

await check("a key is used for nothing but its own algorithm", async () => {
  const pem = old.publicKey.export({ type: "spki", format: "pem" });
  for (const secret of [pem, old.jwk.n, Buffer.from(old.jwk.n, "base64url")]) {
    const hmac = (content) => createHmac("sha256", secret).update(content).digest();
    equal(await gateway.ask(token({ alg: "HS256", kid: "old" }, hmac)), 401);
  }
  const oct = (content) => createHmac("sha256", Buffer.from(text("a"), "base64url")).update(content).digest();
  equal(await gateway.ask(token({ alg: "HS256", kid: "oct" }, oct)), 401);
  equal(await gateway.ask(token({ alg: "none", kid: "old" }, () => Buffer.alloc(0))), 401);
  equal(await gateway.ask(tokenOf(old, { alg: "PS256" })), 401);
});

await check("a new key is fetched when a token names it, and the one that is gone is refused", async () => {
  provider.answer = keysOf(fresh.jwk);
  await until("it is taken", async () => (await gateway.ask(tokenOf(fresh))) === 200);
  equal(await gateway.ask(tokenOf(old)), 401);
});

await check("tokens of keys that nobody has do not flood the provider", async () => {
  const before = provider.count;
  const start = Date.now();
  const asked = Array.from({ length: 200 }, (_, n) => gateway.ask(tokenOf({ ...old, kid: `nobody-${n}` })));
  equal(new Set(await Promise.all(asked)), new Set([401]));
  const most = 1 + Math.ceil((Date.now() - start) / 5000);
  equal(provider.count - before <= most, true);
});

await check("when the keys cannot be had, the last ones remain", async () => {
  const huge = (response) => response.end(JSON.stringify({ keys: [old.jwk], more: "x".repeat(300_000) }));
  const moved = (response) => response.writeHead(302, { location: "http://127.0.0.1:1/" }).end();
  for (const [name, failure] of Object.entries({ huge, moved, empty: keysOf() })) {
    const before = provider.count;
    provider.answer = failure;
    await until(`it was asked: ${name}`, async () => (await gateway.ask(tokenOf(old)), provider.count > before));
    equal([name, await gateway.ask(tokenOf(fresh))], [name, 200]);
    equal([name, await gateway.ask(tokenOf(old))], [name, 401]);
  }
  equal(gateway.log().includes("cannot be fetched"), true);
});

await check("HTTPS is spoken with whom the system trusts, and with nobody else", async () => {
  const [cert, secret] = ["cert.pem", "key.pem"].map((name) => join(directory, name));
  const names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"];
  const made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", secret, "-out", cert, ...names];
  equal(spawnSync("openssl", made).status, 0);
  const secure = await serveKeys(keysOf(fresh.jwk), { cert: readFileSync(cert), key: readFileSync(secret) });
  const trusting = await openGateway(secure.url, { SSL_CERT_FILE: cert });
  equal(await trusting.ask(tokenOf(fresh)), 200);
  const doubting = await openGateway(secure.url);
  equal(await doubting.ask(tokenOf(fresh)), 401);
  equal(secure.count, 1);
});

done();
