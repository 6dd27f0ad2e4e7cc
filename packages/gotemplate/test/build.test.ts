/**
 * Invariants:
 * - the same sources give the same module, wherever they are;
 * - without Go, a module that is already there will do, and otherwise one line says what to install;
 * - the memory of a module can be limited, whatever comes before its limit.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { compile, findGo } from "../scripts/go.ts";
import { ROOM, withMemoryLimit } from "../src/module.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const built = join(root, "dist/gotemplate.wasm");

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "gotemplate-build-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the same sources give the same module elsewhere", () => {
  const go = findGo(process.env);
  if (go === undefined) throw new Error("this needs Go");
  const source = join(folder, "some/other/place");
  cpSync(join(root, "go"), source, { recursive: true });
  const { wasm, remove } = compile({ go, source, folder });
  expect(readFileSync(wasm).equals(readFileSync(built))).toBe(true);
  remove();
});

test("without Go, one line says what to install, unless there is a module of these sources", () => {
  const copy = join(folder, "checkout");
  mkdirSync(copy);
  for (const name of ["go", "scripts"]) cpSync(join(root, name), join(copy, name), { recursive: true });
  const run = () =>
    spawnSync(process.execPath, [join(copy, "scripts/build.ts")], {
      encoding: "utf8",
      env: { PATH: folder, HOME: folder },
    });
  const failed = run();
  expect(failed.status).toBe(1);
  expect(failed.stderr).toMatch(/^gotemplate: packages\/gotemplate needs Go 1\.26 or newer .*\n$/);
  mkdirSync(join(copy, "dist"));
  for (const name of ["gotemplate.wasm", "gotemplate.json"]) cpSync(join(root, "dist", name), join(copy, "dist", name));
  expect(run()).toMatchObject({ status: 0, stderr: "" });
});

test("a module's memory gets a limit, and nothing else changes", () => {
  // Header; a custom section of two bytes; a memory of one page, without a limit; a custom section of one.
  const module = [0, 97, 115, 109, 1, 0, 0, 0, 0, 2, 1, 65, 5, 3, 1, 0, 1, 0, 2, 1, 66];
  const bytes = Uint8Array.from([...Array(ROOM).fill(255), ...module]);
  const limited = [...module.slice(0, 12), 5, 5, 1, 1, 1, 128, 8, ...module.slice(17)];
  expect([...withMemoryLimit(bytes, 1_024)]).toEqual(limited);
  const small = Uint8Array.from([...Array(ROOM).fill(255), ...module]);
  expect(() => withMemoryLimit(small, 0)).toThrow("memoryLimit must be at least 65536");
});

test("the build says nothing when there is nothing to do", () => {
  expect(execFileSync(process.execPath, [join(root, "scripts/build.ts")], { encoding: "utf8", stdio: "pipe" })).toBe(
    "",
  );
});
