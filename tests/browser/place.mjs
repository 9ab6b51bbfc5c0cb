// The programs under test, which a script can kill and start again, and the browser.
import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { until } from "../gateway/frame.mjs";

const given = JSON.parse(process.env.FIRTH_PLACE);
export const { kind, port } = given;
export const url = `http://${given.gateway}`;

// Nothing but what a test says is to choose how a program behaves.
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("FIRTH_")));

/** What runs: the backend and the gateway, or the one that is both. */
export class Place {
  #running = [];
  #commands;

  /** `options` are more of the gateway's, such as `secret` and `api-key`. */
  constructor(options = {}) {
    const prefix = kind === "firth" ? "--gateway-" : "--";
    const more = Object.entries(options).flatMap(([name, value]) => [prefix + name, value]);
    this.#commands = given.commands.map((command, at) => (at === given.commands.length - 1 ? [...command, ...more] : command));
  }

  async start() {
    const log = createWriteStream(join(given.directory, "output.txt"), { flags: "a" });
    await new Promise((go) => log.once("open", go));
    for (const [program, ...rest] of this.#commands.slice(this.#running.length)) {
      const isBackend = this.#running.length === 0;
      const running = spawn(program, rest, {
        cwd: given.directory,
        env: environment,
        stdio: ["ignore", log, log],
      });
      running.ended = new Promise((go) => running.once("exit", go));
      this.#running.push(running);
      if (isBackend) await until("the backend answers", () => isListening(port));
    }
    await until("the gateway is ready", async () => (await fetch(`${url}/readyz`).catch(() => null))?.ok);
    return this;
  }

  /** Kills everything at once, as a failing machine does. */
  async kill() {
    await Promise.all(this.#running.splice(0).map((one) => one.kill("SIGKILL") && one.ended));
  }

  /** Kills the gateway, which is the last one, and nothing behind it that is another process. */
  async killGateway() {
    const gateway = this.#running.pop();
    gateway.kill("SIGKILL");
    await gateway.ended;
  }
}

function isListening(port) {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" }, () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

/** A name of this machine that is not known to be one. */
export const elsewhere = "elsewhere.test";

/** Debian's Chromium; a sandbox is not to be had by root. */
export function launch() {
  const args = ["--no-sandbox", "--disable-gpu", `--host-resolver-rules=MAP ${elsewhere} 127.0.0.1`];
  return chromium.launch({ executablePath: process.env.CHROMIUM, args });
}
