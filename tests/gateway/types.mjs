// The client's types say what it is: a program that uses them compiles, and what they name is there.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Firth } from "../../crates/gateway/client/firth.js";
import { check, done, equal } from "./frame.mjs";

const path = (file) => fileURLToPath(new URL(file, import.meta.url));

await check("a program that uses the types compiles", () => {
  const compiler = path("../node_modules/.bin/tsc");
  if (!existsSync(compiler)) throw new Error("there is no tsc: run tests/setup.sh");
  const flags = ["--noEmit", "--strict", "--target", "es2022", "--module", "nodenext", "--moduleDetection", "force"];
  try {
    execFileSync(compiler, [...flags, "--lib", "es2022,dom", "--types", "", path("types.ts")], { encoding: "utf8" });
  } catch (error) {
    throw new Error(error.stdout || error.message);
  }
});

await check("what the types name is there, and nothing else", () => {
  const types = readFileSync(path("../../crates/gateway/client/firth.d.ts"), "utf8");
  const body = types.match(/export class Firth \{([^]*?)\n\}/)[1];
  const declared = [...body.matchAll(/^ {2}(?:readonly )?(\w+)[(:]/gm)].map(([, name]) => name);
  equal(declared.sort(), Object.getOwnPropertyNames(Firth.prototype).sort());
});

done();
