/** Invariant: however processes end, and in whatever order, `stop` ends, and none of them is left. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Supervisor } from "../src/supervisor.ts";
import { allGone, identifyAll } from "./processes.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "devcluster-test-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const sleeping = (name: string) => ({ name, command: "sleep", args: ["100000"], log: join(folder, `${name}.log`) });

test("stop ends when all processes end by themselves while it waits for one", async () => {
  const supervisor = new Supervisor(folder, () => {});
  const names = ["first", "second", "third"];
  for (const name of names) await supervisor.start(sleeping(name));
  const processes = identifyAll(Object.values(supervisor.pids()));
  for (const name of names) supervisor.signal(name, "SIGTERM");
  await supervisor.stop();
  await allGone(processes);
  expect(supervisor.pids()).toEqual({});
});

test("stop ends when a process could not be started", async () => {
  const supervisor = new Supervisor(folder, () => {});
  const starting = supervisor.start({ ...sleeping("none"), command: join(folder, "no-such-program") });
  await Promise.allSettled([starting, supervisor.stop()]);
  expect(supervisor.pids()).toEqual({});
});
