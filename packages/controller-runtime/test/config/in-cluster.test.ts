// Invariants of the in-cluster configuration:
// - files are read on use, at most once an interval, and at once after a 401;
// - what is handed out was whole once: a file that is empty, half-written or gone changes nothing;
// - TLS listeners hear of a change exactly when the material differs.

import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { FILE_CHECK_INTERVAL } from "../../src/config/files.ts";
import { inClusterConfig } from "../../src/config/in-cluster.ts";
import { selfSigned } from "./certificate.ts";
import { FakeClock, folderWith, mountVolume, recordingLogger, temporaryFolder } from "./support.ts";

const env = { KUBERNETES_SERVICE_HOST: "10.96.0.1", KUBERNETES_SERVICE_PORT: "443" };
const ca = selfSigned("ca one").cert;
const otherCa = selfSigned("ca two").cert;

const start = async (files: Readonly<Record<string, string>> = {}) => {
  const folder = await folderWith({ token: "one\n", "ca.crt": ca, namespace: "team-a", ...files });
  const clock = new FakeClock();
  const logger = recordingLogger();
  const config = await inClusterConfig({ clock, env, folder, logger });
  const write = (name: string, text: string) => writeFile(join(folder, name), text);
  return { folder, clock, logger, config, write };
};

describe("where the server is", () => {
  test("comes from the environment of the Pod", async () => {
    const { config } = await start();
    expect(config.server).toBe("https://10.96.0.1:443");
    expect(config.namespace).toBe("team-a");
    expect(config.tls()).toEqual({ ca, rejectUnauthorized: true });
  });

  test("puts an IPv6 address in brackets", async () => {
    const { folder } = await start();
    const config = await inClusterConfig({ env: { ...env, KUBERNETES_SERVICE_HOST: "fd00::1" }, folder });
    expect(config.server).toBe("https://[fd00::1]:443");
  });

  test("is an error where the environment is not that of a Pod", async () => {
    await expect(inClusterConfig({ env: {} })).rejects.toThrow(/^not in a cluster: KUBERNETES_SERVICE_HOST/);
  });

  test("is an error where host and port give no URL", async () => {
    const broken = inClusterConfig({ env: { ...env, KUBERNETES_SERVICE_PORT: "tcp://10.0.0.1:80" } });
    await expect(broken).rejects.toThrow('_PORT="tcp://10.0.0.1:80" give no URL');
  });
});

describe("the namespace", () => {
  test("is POD_NAMESPACE before that of the service account", async () => {
    const { folder } = await start();
    const config = await inClusterConfig({ env: { ...env, POD_NAMESPACE: "other" }, folder });
    expect(config.namespace).toBe("other");
  });

  test("is default where no file names it", async () => {
    const { folder } = await start();
    await rm(join(folder, "namespace"));
    expect((await inClusterConfig({ env, folder })).namespace).toBe("default");
  });
});

describe("the token", () => {
  test("is handed out without waiting while it was just read", async () => {
    const { config } = await start();
    expect(config.authorization()).toBe("Bearer one");
  });

  test("is picked up after the kubelet swapped the volume, once the interval is over", async () => {
    const folder = await temporaryFolder();
    await mountVolume(folder, { token: "one", "ca.crt": ca });
    const clock = new FakeClock();
    const config = await inClusterConfig({ clock, env, folder });
    await mountVolume(folder, { token: "two", "ca.crt": ca });
    clock.advance(FILE_CHECK_INTERVAL - 1);
    expect(await config.authorization()).toBe("Bearer one");
    clock.advance(1);
    expect(await config.authorization()).toBe("Bearer two");
  });

  test("is read at once after a 401", async () => {
    const { config, write } = await start();
    await write("token", "two");
    expect(await config.refresh("Bearer one")).toBe(true);
    expect(config.authorization()).toBe("Bearer two");
  });

  test("is no other after a 401 where the file is as it was", async () => {
    const { config } = await start();
    expect(await config.refresh("Bearer one")).toBe(false);
  });

  test("is another for a late 401 to the token before", async () => {
    const { config, write } = await start();
    await write("token", "two");
    await config.refresh("Bearer one");
    expect(await config.refresh("Bearer one")).toBe(true);
  });

  test.each([
    ["is empty", ""],
    ["is white space", " \n"],
    ["holds a line break within", "two\nthree"],
    ["holds bytes that are no text", "\u0000\u0001"],
  ])("stays, with one warning, while the file %s", async (_, text) => {
    const { config, write, clock, logger } = await start();
    await write("token", text);
    expect(await config.refresh("Bearer one")).toBe(false);
    clock.advance(FILE_CHECK_INTERVAL);
    expect(await config.authorization()).toBe("Bearer one");
    expect(logger.warnings).toHaveLength(1);
    await write("token", "two");
    clock.advance(FILE_CHECK_INTERVAL);
    expect(await config.authorization()).toBe("Bearer two");
  });

  test("stays while the file is gone", async () => {
    const { config, folder, clock } = await start();
    await rm(join(folder, "token"));
    clock.advance(FILE_CHECK_INTERVAL);
    expect(await config.authorization()).toBe("Bearer one");
  });

  test("must be there at the start, and one line says which file is missing", async () => {
    const folder = await folderWith({ "ca.crt": ca });
    await expect(inClusterConfig({ env, folder })).rejects.toThrow(
      `cannot read ${join(folder, "token")}: no such file`,
    );
  });

  test("stands in no message", async () => {
    const folder = await folderWith({ "ca.crt": ca, token: "secret\nsecret" });
    await expect(inClusterConfig({ env, folder })).rejects.not.toThrow("secret");
  });
});

describe("the CA certificates", () => {
  test("are swapped once the interval is over, and listeners hear of it once", async () => {
    const { config, write, clock } = await start();
    let heard = 0;
    config.onTlsChange(() => {
      heard += 1;
      expect(config.tls().ca).toBe(otherCa);
    });
    await write("ca.crt", otherCa);
    clock.advance(FILE_CHECK_INTERVAL);
    await Promise.all([config.authorization(), config.authorization()]);
    expect(heard).toBe(1);
  });

  test("leave listeners alone while they stay the same", async () => {
    const { config, write, clock } = await start();
    let heard = 0;
    config.onTlsChange(() => {
      heard += 1;
    });
    await write("token", "two");
    clock.advance(FILE_CHECK_INTERVAL);
    await config.authorization();
    expect(heard).toBe(0);
  });

  test("leave a listener alone that has unsubscribed", async () => {
    const { config, write, clock } = await start();
    let heard = 0;
    config.onTlsChange(() => {
      heard += 1;
    })();
    await write("ca.crt", otherCa);
    clock.advance(FILE_CHECK_INTERVAL);
    await config.authorization();
    expect(heard).toBe(0);
    expect(config.tls().ca).toBe(otherCa);
  });

  test.each([
    ["ends within a certificate", `${otherCa}${ca.slice(0, 200)}`],
    ["is empty", ""],
    ["holds a damaged certificate", otherCa.replace(/\n.{40}/, "\nAAAA")],
  ])("stay while the file %s", async (_, text) => {
    const { config, write, clock } = await start();
    await write("ca.crt", text);
    clock.advance(FILE_CHECK_INTERVAL);
    await config.authorization();
    expect(config.tls().ca).toBe(ca);
  });

  test("do not hold back a new token while their file is broken", async () => {
    const { config, write, clock } = await start();
    await write("ca.crt", "");
    await write("token", "two");
    clock.advance(FILE_CHECK_INTERVAL);
    expect(await config.authorization()).toBe("Bearer two");
  });
});
