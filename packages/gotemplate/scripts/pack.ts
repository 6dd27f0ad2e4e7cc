/*
 * Makes the folder that is published to npm, dist/npm: JavaScript and types instead of TypeScript, and the module.
 *
 *   node packages/gotemplate/scripts/pack.ts && npm publish packages/gotemplate/dist/npm
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "./build.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const repository = fileURLToPath(new URL("../../..", import.meta.url));

/** @param target the folder to make. */
export const pack = (target: string): void => {
  const { wasm } = build(() => {});
  rmSync(target, { recursive: true, force: true });
  // Checks, too, that nothing is used that Node 22 does not have.
  execFileSync(
    join(repository, "node_modules/.bin/tsc"),
    ["-p", join(root, "tsconfig.build.json"), "--outDir", join(target, "src")],
    {
      stdio: "pipe",
    },
  );
  mkdirSync(join(target, "dist"));
  copyFileSync(wasm, join(target, "dist/gotemplate.wasm"));
  cpSync(join(root, "README.md"), join(target, "README.md"));
  cpSync(join(repository, "LICENSE"), join(target, "LICENSE"));
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const { name, version, description, keywords, license, type, engines } = manifest;
  const exports = { ".": { types: "./src/index.d.ts", default: "./src/index.js" }, "./package.json": "./package.json" };
  const published = { name, version, description, keywords, license, type, engines, exports, sideEffects: false };
  writeFileSync(join(target, "package.json"), `${JSON.stringify(published, undefined, 2)}\n`);
};

if (import.meta.main) pack(join(root, "dist/npm"));
