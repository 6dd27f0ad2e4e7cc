// Invariants of a kubeconfig:
// - what kubectl would do with the file is what we do, or we refuse it with one line; nothing is passed over in silence
//   that decides to whom, or as whom, we speak;
// - no message quotes a credential.

import { mkdir, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { FILE_CHECK_INTERVAL } from "../../src/config/files.ts";
import { kubeconfigConfig } from "../../src/config/kubeconfig.ts";
import { selfSigned } from "./certificate.ts";
import { FakeClock, folderWith } from "./support.ts";

const ca = selfSigned("ca").cert;
const client = selfSigned("client");
const otherClient = selfSigned("other client");
const base64 = (text: string) => Buffer.from(text).toString("base64");

interface Parts {
  readonly server?: string;
  readonly cluster?: object;
  readonly user?: object;
  readonly namespace?: string;
}

/** A kubeconfig of one context, named `name`. */
const kubeconfig = ({ server = "https://api.example:6443", ...parts }: Parts = {}, name = "here") =>
  stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": name,
    clusters: [{ name, cluster: { server, ...parts.cluster } }],
    users: [{ name, user: parts.user ?? {} }],
    contexts: [{ name, context: { cluster: name, user: name, namespace: parts.namespace } }],
  });

const load = async (parts: Parts, files: Readonly<Record<string, string>> = {}) => {
  const folder = await folderWith({ config: kubeconfig(parts), ...files });
  const clock = new FakeClock();
  const config = await kubeconfigConfig({ path: join(folder, "config"), env: {}, clock });
  return { config, clock, folder };
};

const failure = async (promise: Promise<unknown>): Promise<string> => {
  const error = await promise.then(
    () => expect.unreachable("it was accepted"),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(Error);
  return error instanceof Error ? error.message : "";
};

describe("the cluster", () => {
  test("keeps the path prefix of its server and loses the slash at the end", async () => {
    const { config } = await load({ server: "https://api.example/k8s/clusters/c-1/" });
    expect(config.server).toBe("https://api.example/k8s/clusters/c-1");
  });

  test("has the context's namespace, or default", async () => {
    expect((await load({ namespace: "team-a" })).config.namespace).toBe("team-a");
    expect((await load({})).config.namespace).toBe("default");
  });

  test("says in its source which file and context it is", async () => {
    const { config, folder } = await load({});
    expect(config.source).toBe(`kubeconfig ${join(folder, "config")}, context here`);
  });

  test("takes its CA from data, which beats a file", async () => {
    const cluster = { "certificate-authority-data": base64(ca), "certificate-authority": "missing.crt" };
    expect((await load({ cluster })).config.tls()).toEqual({ ca, rejectUnauthorized: true });
  });

  test("takes its CA from a file beside the kubeconfig", async () => {
    const { config } = await load({ cluster: { "certificate-authority": "ca.crt" } }, { "ca.crt": ca });
    expect(config.tls().ca).toBe(ca);
  });

  test("verifies the name that tls-server-name gives", async () => {
    const { config } = await load({ cluster: { "tls-server-name": "kubernetes" } });
    expect(config.tls().servername).toBe("kubernetes");
  });

  test("is not verified only where the file says so", async () => {
    const { config } = await load({ cluster: { "insecure-skip-tls-verify": true } });
    expect(config.tls()).toEqual({ rejectUnauthorized: false });
  });
});

describe("the user", () => {
  test("sends a token", async () => {
    expect((await load({ user: { token: "t0" } })).config.authorization()).toBe("Bearer t0");
  });

  test("sends user name and password", async () => {
    const { config } = await load({ user: { username: "ann", password: "päß" } });
    expect(config.authorization()).toBe(`Basic ${base64("ann:päß")}`);
  });

  test("sends nothing over plain HTTP", async () => {
    const { config } = await load({ server: "http://127.0.0.1:8001", user: { token: "t0" } });
    expect(config.authorization()).toBeUndefined();
  });

  test("sends the token of a file, and its successor", async () => {
    const { config, clock, folder } = await load({ user: { tokenFile: "token" } }, { token: "one\n" });
    expect(config.authorization()).toBe("Bearer one");
    await writeFile(join(folder, "token"), "two\n");
    clock.advance(FILE_CHECK_INTERVAL);
    expect(await config.authorization()).toBe("Bearer two");
  });

  test("prefers the token of a file, and falls back to the other until that can be read", async () => {
    const { config, clock, folder } = await load({ user: { tokenFile: "token", token: "t0" } });
    expect(config.authorization()).toBe("Bearer t0");
    await writeFile(join(folder, "token"), "one");
    clock.advance(FILE_CHECK_INTERVAL);
    expect(await config.authorization()).toBe("Bearer one");
    await writeFile(join(folder, "token"), "");
    clock.advance(FILE_CHECK_INTERVAL);
    expect(await config.authorization()).toBe("Bearer one");
  });

  test("shows a client certificate from data", async () => {
    const user = { "client-certificate-data": base64(client.cert), "client-key-data": base64(client.key) };
    const { config } = await load({ user });
    expect(config.tls()).toEqual({ ...client, rejectUnauthorized: true });
    expect(config.authorization()).toBeUndefined();
  });

  test("shows a client certificate from files, and its successor once both are written", async () => {
    const user = { "client-certificate": "tls.crt", "client-key": "tls.key" };
    const { config, clock, folder } = await load({ user }, { "tls.crt": client.cert, "tls.key": client.key });
    await writeFile(join(folder, "tls.crt"), otherClient.cert);
    clock.advance(FILE_CHECK_INTERVAL);
    await config.authorization();
    expect(config.tls()).toMatchObject(client);
    await writeFile(join(folder, "tls.key"), otherClient.key);
    expect(await config.refresh(undefined)).toBe(true);
    expect(config.tls()).toMatchObject(otherClient);
  });

  test("that is anonymous has no other credential after a 401", async () => {
    expect(await (await load({})).config.refresh(undefined)).toBe(false);
  });
});

describe("several files", () => {
  const merged = async (first: string, second: string, context?: string) => {
    const folder = await folderWith({ first, second });
    const files = [join(folder, "first"), join(folder, "missing"), "", join(folder, "second")];
    return kubeconfigConfig({ env: { KUBECONFIG: files.join(delimiter) }, context });
  };

  test("are one: the first current context counts, contexts come from all", async () => {
    const [first, second] = [kubeconfig({ server: "https://a" }, "a"), kubeconfig({ server: "https://b" }, "b")];
    expect((await merged(first, second)).server).toBe("https://a");
    expect((await merged(first, second, "b")).server).toBe("https://b");
  });

  test("are one: the first to name a user has it, whole", async () => {
    const first = kubeconfig({ user: { username: "ann", password: "x" } });
    const second = kubeconfig({ user: { token: "t0" }, server: "https://second" });
    const config = await merged(first, second);
    expect(config.authorization()).toBe(`Basic ${base64("ann:x")}`);
    expect(config.server).toBe("https://api.example:6443");
  });

  test("may not all be missing", async () => {
    const message = await failure(kubeconfigConfig({ env: { KUBECONFIG: ["/no/a", "/no/b"].join(delimiter) } }));
    expect(message).toBe("no kubeconfig: /no/a, /no/b: no such file");
  });
});

test("without KUBECONFIG, the file in the home folder counts", async () => {
  const home = await folderWith({});
  await mkdir(join(home, ".kube"));
  await writeFile(join(home, ".kube", "config"), kubeconfig({ server: "https://home" }));
  expect((await kubeconfigConfig({ env: { HOME: home } })).server).toBe("https://home");
});

describe("a kubeconfig is refused, with one line that names the file,", () => {
  const files = { "tls.crt": client.cert, "other.key": otherClient.key, "ca.crt": ca };
  test.each<[string, Parts, string]>([
    ["with a proxy", { cluster: { "proxy-url": "http://proxy:3128" } }, "proxy-url is not supported"],
    ["with an impersonated user", { user: { token: "t0", as: "bob" } }, "impersonation"],
    ["with an auth provider", { user: { "auth-provider": { name: "oidc" } } }, "auth-provider oidc is not supported"],
    ["with token and password", { user: { token: "t0", username: "ann" } }, "only one is allowed"],
    ["without a URL as server", { server: "api.example:6443" }, 'server "api.example:6443" must be a URL'],
    [
      "with CA and no verification",
      { cluster: { "insecure-skip-tls-verify": true, "certificate-authority": "ca.crt" } },
      "not allowed",
    ],
    ["with a missing CA file", { cluster: { "certificate-authority": "no.crt" } }, "no.crt: no such file"],
    ["with CA data that is no base64", { cluster: { "certificate-authority-data": "-----" } }, "is not base64"],
    [
      "with CA data that is no certificate",
      { cluster: { "certificate-authority-data": base64("x") } },
      "holds no PEM certificate",
    ],
    ["with a certificate without key", { user: { "client-certificate": "tls.crt" } }, "without client-key"],
    [
      "with the key of another certificate",
      { user: { "client-certificate": "tls.crt", "client-key": "other.key" } },
      "does not belong",
    ],
    ["with a missing token file", { user: { tokenFile: "no.token" } }, "no.token: no such file"],
    ["with a number as token", { user: { token: 1234567 } }, "users[0].user.token must be a string"],
  ])("%s", async (_, parts, expected) => {
    const folder = await folderWith({ config: kubeconfig(parts), ...files });
    const message = await failure(kubeconfigConfig({ path: join(folder, "config"), env: {} }));
    expect(message).toContain(expected);
    expect(message).toContain(join(folder, "config"));
    expect(message).not.toContain("\n");
    expect(message).not.toContain("1234567");
  });

  test.each([
    ["that is no YAML, without quoting it", "users: [{token: s3cret", "not valid YAML at line 1"],
    ["that is a list", "- a", "must be a mapping"],
    [
      "without a current context",
      kubeconfig().replace("current-context: here", ""),
      "no current context is set; contexts: here",
    ],
    [
      "whose current context it does not have",
      kubeconfig().replace("current-context: here", "current-context: there"),
      "no such context; contexts: here",
    ],
    ["whose user it does not have", kubeconfig().replace("user: here", "user: there"), "user there is not in the file"],
    [
      "whose cluster it does not have",
      kubeconfig().replace("cluster: here", "cluster: there"),
      "cluster there is not in the file",
    ],
  ])("%s", async (_, config, expected) => {
    const folder = await folderWith({ config });
    const message = await failure(kubeconfigConfig({ path: join(folder, "config"), env: {} }));
    expect(message).toContain(expected);
    expect(message).toContain(join(folder, "config"));
    expect(message).not.toMatch(/\n|s3cret/);
  });

  test("that is named and not there", async () => {
    expect(await failure(kubeconfigConfig({ path: "/no/file", env: {} }))).toBe("cannot read /no/file: no such file");
  });
});
