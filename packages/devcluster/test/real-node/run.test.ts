/** Invariant: a program that does not end by itself is ended, and the error says why it was. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { poll } from "../../src/poll.ts";
import { run } from "../../src/real-node/run.ts";

/** Unlike any other process's on this machine. */
const forever = `while :; do sleep 0.05; done # ${process.pid}`;

/** Whether the shell with that script runs. */
const runs = (): boolean =>
  readdirSync("/proc").some((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "utf8") === `sh\0-c\0${forever}\0`;
    } catch {
      return false;
    }
  });

const gone = () => poll(async () => (runs() ? undefined : true), { timeout: 10_000, what: "the program is gone" });

test("what a program writes is given back", async () => {
  expect(await run("sh", ["-c", "echo said"])).toBe("said\n");
});

test("what it said on standard error is in the error", async () => {
  await expect(run("sh", ["-c", "echo why >&2; exit 3"])).rejects.toThrow("sh -c echo why >&2; exit 3: why");
});

test.runIf(process.platform === "linux")("a time-out ends it, and is in the error", async () => {
  await expect(run("sh", ["-c", forever], { timeout: 100 })).rejects.toThrow("did not end within 0.1 s");
  await gone();
});

test.runIf(process.platform === "linux")("a signal ends it, with the signal's reason as the error", async () => {
  const controller = new AbortController();
  const running = run("sh", ["-c", forever], { signal: controller.signal });
  const failed = expect(running).rejects.toThrow("enough");
  await poll(async () => (runs() ? true : undefined), { timeout: 10_000, what: "the program runs" });
  controller.abort(new Error("enough"));
  await failed;
  await gone();
});
