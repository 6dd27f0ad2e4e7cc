// Invariants of an exec plugin:
// - it runs when there is no credential, when that ends, and when the server refuses it, but not twice within the
//   minimum interval, and never twice at the same time;
// - what it writes to standard output stands in no message;
// - it does not outlive its timeout, nor the configuration.

import { access, chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { stringify } from "yaml";
import { EXEC_MIN_INTERVAL } from "../../src/config/exec-credential.ts";
import { kubeconfigConfig } from "../../src/config/kubeconfig.ts";
import { selfSigned } from "./certificate.ts";
import { FakeClock, recordingLogger, temporaryFolder } from "./support.ts";

const V1 = "client.authentication.k8s.io/v1";
const PATH = process.env.PATH ?? "";

const answer = (status: object, apiVersion = V1) => JSON.stringify({ kind: "ExecCredential", apiVersion, status });

interface Setup {
  /** What `./plugin` does after it has noted its run. */
  readonly script?: string;
  readonly exec?: object;
  readonly user?: object;
  readonly cluster?: object;
  readonly isTerminal?: () => boolean;
}

const setUp = async ({ script = "cat answer", exec, user, cluster, isTerminal = () => false }: Setup) => {
  const folder = await temporaryFolder();
  const file = (name: string) => join(folder, name);
  const plugin = `#!/bin/sh\ncd "${folder}"\necho run >> runs\nprintf %s "$KUBERNETES_EXEC_INFO" > info\n${script}\n`;
  await writeFile(file("plugin"), plugin);
  await chmod(file("plugin"), 0o755);
  const execConfig = { apiVersion: V1, command: "./plugin", interactiveMode: "Never", ...exec };
  const config = {
    "current-context": "c",
    clusters: [{ name: "c", cluster: { server: "https://api.example", ...cluster } }],
    users: [{ name: "dev", user: { exec: execConfig, ...user } }],
    contexts: [{ name: "c", context: { cluster: "c", user: "dev" } }],
  };
  await writeFile(file("config"), stringify(config));
  await writeFile(file("answer"), answer({ token: "one" }));
  const clock = new FakeClock();
  const logger = recordingLogger();
  return {
    file,
    clock,
    logger,
    answerWith: (text: string) => writeFile(file("answer"), text),
    runs: async () => (await readFile(file("runs"), "utf8").catch(() => "")).split("\n").length - 1,
    load: () => kubeconfigConfig({ path: file("config"), env: { PATH, FROM_US: "ours" }, clock, logger, isTerminal }),
  };
};

describe("the plugin's token", () => {
  test("is sent, from one run, while it has no end", async () => {
    const { load, clock, runs } = await setUp({});
    const config = await load();
    clock.advance(1e9);
    expect(config.authorization()).toBe("Bearer one");
    expect(await runs()).toBe(1);
  });

  test("is fetched anew shortly before its end", async () => {
    const { load, clock, answerWith, runs } = await setUp({});
    const end = (minutes: number) => new Date(clock.date().getTime() + minutes * 60_000).toISOString();
    await answerWith(answer({ token: "one", expirationTimestamp: end(1) }));
    const config = await load();
    await answerWith(answer({ token: "two", expirationTimestamp: end(60) }));
    clock.advance(49_999);
    expect(config.authorization()).toBe("Bearer one");
    clock.advance(1);
    const answers = await Promise.all(Array.from({ length: 20 }, () => config.authorization()));
    expect(new Set(answers)).toEqual(new Set(["Bearer two"]));
    expect(await runs()).toBe(2);
  });

  test("is fetched anew once for all requests that were refused", async () => {
    const { load, clock, answerWith, runs } = await setUp({});
    const config = await load();
    await answerWith(answer({ token: "two" }));
    clock.advance(EXEC_MIN_INTERVAL);
    const answers = await Promise.all(Array.from({ length: 20 }, () => config.refresh("Bearer one")));
    expect(new Set(answers)).toEqual(new Set([true]));
    expect(await runs()).toBe(2);
  });

  test("is not fetched again for a late refusal of the one before", async () => {
    const { load, clock, answerWith, runs } = await setUp({});
    const config = await load();
    await answerWith(answer({ token: "two" }));
    for (let late = 0; late < 3; late += 1) {
      clock.advance(EXEC_MIN_INTERVAL);
      expect(await config.refresh("Bearer one")).toBe(true);
    }
    expect(await runs()).toBe(2);
  });

  test("is not fetched for each refusal of a server that refuses everything", async () => {
    const { load, clock, runs } = await setUp({});
    const config = await load();
    for (let call = 0; call < 5; call += 1) {
      clock.advance(EXEC_MIN_INTERVAL / 5);
      expect(await config.refresh("Bearer one")).toBe(false);
    }
    expect(await runs()).toBe(2);
  });

  test("stays when the plugin fails after a refusal, and the reason is logged", async () => {
    const { load, clock, logger, answerWith } = await setUp({ script: "grep one answer" });
    const config = await load();
    await answerWith("");
    clock.advance(EXEC_MIN_INTERVAL);
    expect(await config.refresh("Bearer one")).toBe(false);
    expect(logger.warnings).toEqual([expect.stringContaining("of user dev failed with exit code 1")]);
    expect(config.authorization()).toBe("Bearer one");
  });
});

test("a plugin's certificate is used, and TLS listeners hear of the next one", async () => {
  const [first, second] = [selfSigned("first"), selfSigned("second")];
  const status = (pair: typeof first) => answer({ clientCertificateData: pair.cert, clientKeyData: pair.key });
  const { load, clock, answerWith } = await setUp({});
  await answerWith(status(first));
  const config = await load();
  expect(config.tls()).toMatchObject(first);
  let heard = 0;
  config.onTlsChange(() => {
    heard += 1;
  });
  await answerWith(status(second));
  clock.advance(EXEC_MIN_INTERVAL);
  expect(await config.refresh(undefined)).toBe(true);
  expect(config.tls()).toMatchObject(second);
  expect(heard).toBe(1);
});

describe("the plugin", () => {
  test("gets its arguments, our environment, its own variables over ours", async () => {
    const script = `printf '{"kind":"ExecCredential","apiVersion":"${V1}","status":{"token":"%s"}}' "$1,$2,$FROM_US,$OWN"`;
    const exec = {
      args: ["a b", "$HOME"],
      env: [
        { name: "OWN", value: "own" },
        { name: "FROM_US", value: "its" },
      ],
    };
    const { load } = await setUp({ script, exec });
    // A space is no character of a token, so it must be refused: that shows it arrived unsplit.
    await expect(load()).rejects.toThrow("holds characters that no token has");
    const unspaced = await setUp({ script, exec: { ...exec, args: ["a", "$HOME"] } });
    expect((await unspaced.load()).authorization()).toBe("Bearer a,$HOME,its,own");
  });

  test("is told nothing of the cluster unless it asks", async () => {
    const { load, file } = await setUp({});
    await load();
    const info: unknown = JSON.parse(await readFile(file("info"), "utf8"));
    expect(info).toEqual({ kind: "ExecCredential", apiVersion: V1, spec: { interactive: false } });
  });

  test("is told of the cluster where it asks", async () => {
    const ca = Buffer.from(selfSigned("ca").cert).toString("base64");
    const extension = { name: "client.authentication.k8s.io/exec", extension: { audience: "a" } };
    const cluster = { "certificate-authority-data": ca, "tls-server-name": "name", extensions: [extension] };
    const { load, file } = await setUp({ exec: { provideClusterInfo: true }, cluster });
    await load();
    const info: unknown = JSON.parse(await readFile(file("info"), "utf8"));
    expect(info).toMatchObject({
      spec: {
        cluster: {
          server: "https://api.example",
          "tls-server-name": "name",
          "certificate-authority-data": ca,
          config: { audience: "a" },
        },
      },
    });
  });

  test("does not run where the user has a token already", async () => {
    const { load, runs } = await setUp({ user: { token: "t0" } });
    expect((await load()).authorization()).toBe("Bearer t0");
    expect(await runs()).toBe(0);
  });

  test("may speak v1beta1", async () => {
    const apiVersion = "client.authentication.k8s.io/v1beta1";
    const { load, answerWith } = await setUp({ exec: { apiVersion, interactiveMode: undefined } });
    await answerWith(answer({ token: "beta" }, apiVersion));
    expect((await load()).authorization()).toBe("Bearer beta");
  });

  test("is killed with its children when it takes too long", async () => {
    const { load, file, clock } = await setUp({ script: "sleep 1000 & echo $! > child\nwait" });
    const loaded = load();
    const outcome = expect(loaded).rejects.toThrow(/plugin of user dev gave no answer within 60 s$/);
    await vi.waitFor(() => access(file("child")), 20_000);
    clock.advance(60_000);
    await outcome;
    const child = Number(await vi.waitFor(() => readFile(file("child"), "utf8")));
    await vi.waitFor(() => expect(() => process.kill(child, 0)).toThrow("ESRCH"), 20_000);
  });

  test("is killed when the configuration is closed", async () => {
    const { load, file, clock, answerWith } = await setUp({ script: "cat answer\ntest -s answer || sleep 1000" });
    const config = await load();
    await answerWith("");
    clock.advance(EXEC_MIN_INTERVAL);
    const refreshed = config.refresh("Bearer one");
    await vi.waitFor(async () => expect((await readFile(file("runs"), "utf8")).length).toBe(8), 20_000);
    config.close();
    expect(await refreshed).toBe(false);
  });
});

describe("one line says what is wrong:", () => {
  const installHint = "Install it:\n\n  brew install x\u001b[1m";
  test.each<[string, Setup, string]>([
    [
      "not installed",
      { exec: { command: "pcmc-no-such-plugin", installHint } },
      "pcmc-no-such-plugin of user dev is not installed: Install it: brew install x [1m",
    ],
    ["not executable", { exec: { command: "./config" } }, "may not be executed"],
    ["failed", { script: "echo 'log in first' >&2; exit 3" }, "failed with exit code 3: log in first"],
    ["killed", { script: "kill -9 $$" }, "was killed"],
    ["no JSON", { script: "echo s3cret" }, "its answer is not JSON"],
    ["another kind", { script: "echo '{}'" }, "its answer is no ExecCredential"],
    [
      "another version",
      { script: `echo '${answer({ token: "s3cret" }, "client.authentication.k8s.io/v1beta1")}'` },
      "another apiVersion",
    ],
    ["nothing in it", { script: `echo '${answer({})}'` }, "neither token nor certificate"],
    ["half a pair", { script: `echo '${answer({ clientKeyData: "s3cret" })}'` }, "only one of certificate and key"],
    [
      "no time",
      { script: `echo '${answer({ token: "s3cret", expirationTimestamp: "soon" })}'` },
      "expirationTimestamp in its answer is no time",
    ],
    ["an endless answer", { script: "yes s3cret" }, "wrote more than"],
    [
      "an old version",
      { exec: { apiVersion: "client.authentication.k8s.io/v1alpha1" } },
      "apiVersion client.authentication.k8s.io/v1alpha1 is not one of",
    ],
    ["no mode", { exec: { interactiveMode: undefined } }, "interactiveMode must be Never, IfAvailable or Always"],
    ["no terminal", { exec: { interactiveMode: "Always" } }, "needs a terminal"],
  ])("%s", async (_, setup, expected) => {
    const { load } = await setUp(setup);
    const message = await load().then(
      () => expect.unreachable("it was accepted"),
      (error: unknown) => String(error),
    );
    expect(message).toContain(expected);
    expect(message).not.toMatch(/\p{Cc}|s3cret/u);
  });
});
