/*
 * Invariants
 * - What is in the files is served, once both belong together; until then, and whenever they are broken, what was served.
 * - Trouble is told once, and the metrics know when the certificate ends.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Registry } from "../../src/metrics/prom-client.ts";
import { CertificateFiles } from "../../src/webhook/certificate-files.ts";
import { webhookMetrics } from "../../src/webhook/webhook-metrics.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { recordedLog } from "../support/recorded-log.ts";
import { servingPair } from "./rig.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "certificates-"));
});
afterEach(() => rm(directory, { recursive: true }));

const put = async (name: "tls.crt" | "tls.key", text: string) => writeFile(join(directory, name), text);

const start = () => {
  const clock = new FakeClock();
  const log = recordedLog();
  const registry = new Registry();
  const files = new CertificateFiles({ directory, clock, log, interval: 1_000, observer: webhookMetrics(registry) });
  const stop = new AbortController();
  const ended = files.run({ stop: stop.signal });
  /** Waits until the files have been looked at, and then until they are again. */
  const look = async () => {
    await expect.poll(() => clock.timers).toBe(1);
    clock.advance(1_000);
    await expect.poll(() => clock.timers).toBe(1);
  };
  return {
    files,
    log,
    look,
    metrics: async () => (await registry.metrics()).split("\n"),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await ended;
    },
  };
};

describe("certificate files", () => {
  test("are waited for, and served once they are there", async () => {
    await using rig = start();
    await rig.look();
    await rig.look();
    expect(rig.files.current).toBeUndefined();
    expect(rig.files.trouble).toMatch(/^cannot read .*: no such file$/);
    expect(rig.log.of("warning")).toHaveLength(1);
    const { serving } = await servingPair();
    await Promise.all([put("tls.crt", serving.cert), put("tls.key", serving.key)]);
    await rig.look();
    expect(rig.files.current?.certificate.id).toBe(serving.certificate.id);
    expect(rig.files.trouble).toBeUndefined();
    const expiry = `{certificate="serving"} ${serving.certificate.notAfter / 1_000}`;
    expect(await rig.metrics()).toContain(
      `controller_runtime_webhook_certificate_expiration_timestamp_seconds${expiry}`,
    );
  });

  test("that are replaced one after the other are served when they belong together again", async () => {
    const [before, after] = await Promise.all([servingPair(), servingPair()]);
    await Promise.all([put("tls.crt", before.serving.cert), put("tls.key", before.serving.key)]);
    await using rig = start();
    await rig.look();
    await put("tls.crt", after.serving.cert);
    await rig.look();
    expect(rig.files.current?.certificate.id).toBe(before.serving.certificate.id);
    await put("tls.key", after.serving.key);
    await rig.look();
    expect(rig.files.current?.certificate.id).toBe(after.serving.certificate.id);
    expect(await rig.metrics()).toContain(
      'controller_runtime_webhook_certificate_rotations_total{certificate="serving"} 1',
    );
  });

  test("that are broken leave what is served, and are told of once", async () => {
    const { serving } = await servingPair();
    await Promise.all([put("tls.crt", serving.cert), put("tls.key", serving.key)]);
    await using rig = start();
    await rig.look();
    await put("tls.key", "");
    await rig.look();
    await rig.look();
    expect(rig.files.current?.certificate.id).toBe(serving.certificate.id);
    expect(rig.log.of("warning")).toEqual(["the certificate files cannot be used; going on with the one before"]);
  });
});
