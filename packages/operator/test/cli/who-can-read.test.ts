/*
 * What `pcmc who-can-read` and `pcmc logs-kubeconfig` do without a cluster.
 *
 * Invariants:
 * - A line that cannot be carried out ends with exit code 2, one line that says why, and nothing on standard output.
 * - The kubeconfig that is printed is read back as what went into it.
 */
import { loadClusterConfig } from "@pcmc/controller-runtime";
import { describe, expect, test } from "vitest";
import type { LogGrant, Reader } from "../../src/access/readers.ts";
import { deploymentName } from "../../src/cli/deployment/argument.ts";
import { kubeconfigText } from "../../src/cli/logs-kubeconfig/kubeconfig-text.ts";
import { timesOf } from "../../src/cli/logs-kubeconfig/token.ts";
import { tableOf } from "../../src/cli/who-can-read/table.ts";
import { Folder } from "./support.ts";

describe("the Deployment's name", () => {
  test.each([
    "deployment/web",
    "deploy/web",
    "deployments/web",
    "deployment.apps/web",
    "deployments.apps/web",
    "deployment.v1.apps/web",
    "Deployment/web",
  ])("is taken from %s", (text) => {
    expect(deploymentName(text)).toBe("web");
  });

  test.each([
    ["web", "It must be deployment/NAME."],
    ["deployment/", '"" cannot be the name of a Deployment.'],
    ["deployment/Web", '"Web" cannot be the name of a Deployment.'],
    ["deployment/web/0", "It must be deployment/NAME."],
    [`deployment/${"a".repeat(254)}`, "cannot be the name of a Deployment."],
    ["pod/web-0", "It must be deployment/NAME: logs of a pod are not looked at."],
    ["deployment.example.com/web", "It must be deployment/NAME: logs of a deployment.example.com are not looked at."],
  ])("is not taken from %s", async (text, reason) => {
    for (const command of ["who-can-read", "logs-kubeconfig"]) {
      const { code, stdout, stderr } = await (await Folder.with({})).run(`${command} ${text}`);
      expect([code, stdout]).toEqual([2, ""]);
      expect(stderr).toContain(reason);
      expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    }
  });
});

describe("--ttl", () => {
  test.each(["9m59s", "599s", "599001ms", "9m59.999999999s", "4294967296.000000001s", "0", "-1h", "soon", "1193047h"])(
    "%s is refused with what is allowed",
    async (ttl) => {
      const { code, stdout, stderr } = await (await Folder.with({})).run(`logs-kubeconfig deployment/web --ttl=${ttl}`);
      expect([code, stdout]).toEqual([2, ""]);
      expect(stderr).toMatch(/^error: .*--ttl.*It must be from 10m to 1193046h: .*\n$/);
    },
  );
});

test.each(["who-can-read", "logs-kubeconfig"])("%s says where it looked for a cluster", async (command) => {
  const folder = await Folder.with({});
  const { code, stdout, stderr } = await folder.run(`${command} deployment/web`, { env: { HOME: folder.path } });
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(/^no cluster configuration: .*\n$/);
});

describe("the kubeconfig", () => {
  const read = async (tls: Parameters<typeof kubeconfigText>[0]["tls"]) => {
    const text = kubeconfigText({
      server: "https://api.example.com:6443/prefix",
      tls,
      namespace: "shop",
      token: "abc.def.ghi",
      user: "podlogreader-web",
    });
    const folder = await Folder.with({ config: text });
    return loadClusterConfig({ flags: { kubeconfig: `${folder.path}/config` }, env: {} });
  };

  test.each([
    { rejectUnauthorized: true },
    { rejectUnauthorized: false },
    { rejectUnauthorized: true, servername: "kubernetes.default.svc" },
    { rejectUnauthorized: false, servername: "other" },
  ])("has the server, %j, the namespace and the token", async (tls) => {
    const config = await read(tls);
    expect(config.tls()).toEqual(tls);
    expect([config.server, config.namespace]).toEqual(["https://api.example.com:6443/prefix", "shop"]);
    expect(await config.authorization()).toBe("Bearer abc.def.ghi");
  });

  test("has no client certificate of whoever made it", () => {
    const tls = { rejectUnauthorized: true, cert: "mine", key: "secret" };
    const text = kubeconfigText({ server: "https://x", tls, namespace: "shop", token: "t", user: "u" });
    expect(text).not.toMatch(/mine|secret|client/);
  });
});

describe("a token's time", () => {
  const jwt = (claims: unknown) => `x.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.y`;

  test("is what the token says", () => {
    expect(timesOf(jwt({ iat: 1_000, exp: 4_600 }))).toEqual({ exp: new Date(4_600_000), lifetime: 3_600 });
    expect(timesOf(jwt({ exp: 4_600 }))).toEqual({ exp: new Date(4_600_000) });
  });

  test.each(["", "opaque", "a.b.c", jwt(null), jwt([]), jwt({ exp: "soon" })])("is unknown of %j", (token) => {
    expect(timesOf(token)).toEqual({});
  });
});

describe("the table", () => {
  const ALL = ["a", "b", "c", "d"];
  const grant = (pods: readonly string[], more: Partial<LogGrant> = {}): LogGrant => ({
    binding: { kind: "RoleBinding", namespace: "shop", name: "b", ours: false },
    role: { kind: "Role", namespace: "shop", name: "r", ours: false },
    rule: { apiGroups: [""], resources: ["pods/log"], verbs: ["get"] },
    everyPod: false,
    pods,
    ...more,
  });
  const reader = (grants: readonly LogGrant[], kubectl: readonly string[] = []): Reader => ({
    subject: { kind: "User", name: "paul" },
    logs: { everyPod: false, pods: ALL },
    kubectlLogs: { everyPod: false, pods: kubectl },
    grants,
  });
  const cells = (of: Reader) =>
    tableOf([of], ALL)
      .split("\n")
      .slice(1, -1)
      .map((line) => line.split(/ {3,}/));

  test("is empty where there is nobody", () => {
    expect(tableOf([], ALL)).toBe("");
  });

  test("has room for more lines than a function takes arguments", () => {
    const grants = Array.from({ length: 200_000 }, () => grant(["a"]));
    expect(tableOf([reader(grants)], ALL).split("\n")).toHaveLength(200_002);
  });

  test.each([
    [["a"], "1 of 4: a"],
    [["a", "c"], "2 of 4: a, c"],
    [["a", "b", "c"], "3 of 4: a, b, ..."],
    [ALL, "all 4"],
  ])("says of %j: %s", (pods, text) => {
    expect(cells(reader([grant(pods)]))[0]?.[1]).toBe(text);
  });

  test.each([
    [["a", "b"], [], "no"],
    [["a", "b"], ["b", "c"], "for 1"],
    [["a", "b"], ["a", "b"], "yes"],
  ])("says whether kubectl logs POD works for %j where %j can be read: %s", (pods, kubectl, text) => {
    expect(cells(reader([grant(pods)], kubectl))[0]?.[2]).toBe(text);
  });

  test.each([
    [{ apiGroups: [""], resources: ["secrets", "pods/log"], verbs: ["list", "get"] }, "get pods/log"],
    [{ apiGroups: [""], resources: ["*/log"], verbs: ["*"] }, "* */log"],
    [{ apiGroups: ["*"], resources: ["*"], verbs: ["get"] }, "get * (apiGroups *)"],
  ])("shows of the rule %j what counts: %s", (rule, text) => {
    expect(cells(reader([grant(ALL, { rule })]))[0]?.[5]).toBe(text);
  });

  test("names the group that a binding is for, and what of it is ours", () => {
    const role = { kind: "Role", namespace: "shop", name: "r", ours: true } as const;
    const [row] = cells(reader([grant(ALL, { group: "system:authenticated", role })]));
    expect(row?.slice(3)).toEqual([
      "RoleBinding shop/b (as system:authenticated)",
      "Role shop/r",
      "get pods/log",
      "podconfigmap-controller (Role)",
    ]);
  });
});
