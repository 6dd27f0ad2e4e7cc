/**
 * One cluster with a simulated node for all tests here; each works in a namespace of its own.
 *
 * Invariants:
 * - the API server is a real one with real controllers: what Kubernetes promises, happens;
 * - a component that was killed comes back at the same address with the same data;
 * - nobody but the user that started it reaches its etcd.
 */
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Cluster, startCluster } from "../src/index.ts";
import { poll } from "../src/poll.ts";

interface Pod {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly spec: { readonly nodeName?: string };
  readonly status: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

const isRoot = process.getuid?.() === 0;

/** TCP ports on which a process listens, of IPv4 and IPv6: `/proc/net/tcp`, where 0A is the state LISTEN. */
const listeningPorts = (pid: number): string[] => {
  const links = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
  const sockets = new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
  const lines = ["tcp", "tcp6"].flatMap((name) => readFileSync(`/proc/${pid}/net/${name}`, "utf8").split("\n"));
  const fields = lines.map((line) => line.trim().split(/\s+/));
  return fields.flatMap(([, local = "", , state, , , , , , inode = ""]) =>
    state === "0A" && sockets.has(inode) ? [local] : [],
  );
};

let cluster: Cluster;
let namespace: string;

beforeAll(async () => {
  cluster = await startCluster({ nodes: 1, audit: true });
});

afterAll(() => cluster?.stop());

beforeEach(async () => {
  namespace = `test-${randomUUID().slice(0, 8)}`;
  await cluster.request("POST", "/api/v1/namespaces", { metadata: { name: namespace } });
  await eventually("the namespace has its ServiceAccount", () => get(`serviceaccounts/default`));
});

const eventually = <T>(what: string, look: () => Promise<T | undefined>) => poll(look, { timeout: 30_000, what });

const base = () => `/api/v1/namespaces/${namespace}`;

const get = <T = unknown>(path: string): Promise<T | undefined> =>
  cluster.request<T>("GET", `${base()}/${path}`).catch((error: { code?: number }) => {
    if (error.code === 404) return undefined;
    throw error;
  });

const createPod = (name: string, spec: object = {}) =>
  cluster.request<Pod>("POST", `${base()}/pods`, {
    metadata: { name },
    spec: { containers: [{ name: "main", image: "example.com/none" }], ...spec },
  });

const createConfigMap = (name: string, metadata: object = {}) =>
  cluster.request("POST", `${base()}/configmaps`, { metadata: { name, ...metadata } });

const isTrue = (pod: Pod, type: string) =>
  pod.status.conditions?.some((condition) => condition.type === type && condition.status === "True") ?? false;

const podWhen = (name: string, what: string, predicate: (pod: Pod) => boolean) =>
  eventually(`${name} ${what}`, async () => {
    const pod = await get<Pod>(`pods/${name}`);
    return pod && predicate(pod) ? pod : undefined;
  });

const podGone = (name: string) =>
  eventually(`${name} is gone`, async () => ((await get(`pods/${name}`)) ? undefined : true));

describe("simulated nodes", () => {
  test("run a Pod that the scheduler placed, with an address, Ready", async () => {
    await createPod("scheduled");
    const pod = await podWhen("scheduled", "is Ready", (one) => isTrue(one, "Ready"));
    expect(pod).toMatchObject({ spec: { nodeName: "node-0" }, status: { phase: "Running" } });
    expect(pod.status.podIP).toMatch(/^10\.(12[89]|13[01])\./);
  });

  test("run a Pod that names its node itself", async () => {
    await createPod("bound", { nodeName: "node-0" });
    await podWhen("bound", "runs", ({ status }) => status.phase === "Running");
  });

  test("let a deleted Pod go", async () => {
    await createPod("brief", { nodeName: "node-0" });
    await podWhen("brief", "runs", ({ status }) => status.phase === "Running");
    await cluster.request("DELETE", `${base()}/pods/brief`);
    await podGone("brief");
  });

  test("keep a Pod from being Ready until its readiness gates are open", async () => {
    await createPod("gated", { nodeName: "node-0", readinessGates: [{ conditionType: "example.com/Open" }] });
    const closed = await podWhen("gated", "runs", ({ status }) => status.phase === "Running");
    expect(isTrue(closed, "Ready")).toBe(false);
    const status = { conditions: [{ type: "example.com/Open", status: "True" }] };
    const contentType = "application/strategic-merge-patch+json";
    await cluster.request("PATCH", `${base()}/pods/gated/status`, { status }, { contentType });
    await podWhen("gated", "is Ready", (pod) => isTrue(pod, "Ready"));
  });

  test("complete the Pod of a Job", async () => {
    const template = { spec: { restartPolicy: "Never", containers: [{ name: "main", image: "example.com/none" }] } };
    const jobs = `/apis/batch/v1/namespaces/${namespace}/jobs`;
    await cluster.request("POST", jobs, { metadata: { name: "work" }, spec: { template } });
    await eventually("the Job has succeeded", async () => {
      const job = await cluster.request<{ status: { succeeded?: number } }>("GET", `${jobs}/work`);
      return job.status.succeeded === 1 ? true : undefined;
    });
  });
});

describe("the controllers", () => {
  test("collect a ConfigMap whose owning Pod is deleted", async () => {
    const pod = await createPod("owner", { nodeName: "node-0" });
    const { name, uid } = pod.metadata;
    await createConfigMap("owned", { ownerReferences: [{ apiVersion: "v1", kind: "Pod", name, uid }] });
    await createConfigMap("free");
    await cluster.request("DELETE", `${base()}/pods/owner`);
    await eventually("the owned ConfigMap is gone", async () => ((await get("configmaps/owned")) ? undefined : true));
    expect(await get("configmaps/free")).toBeDefined();
  });
});

describe("access", () => {
  test("of a user that was added is what RBAC gives, and errors carry the reason", async () => {
    const { kubeconfig } = await cluster.addUser({ name: "reader", groups: ["readers"] });
    const canList = (verb: string) => cluster.kubectl(["auth", "can-i", verb, "pods"], { kubeconfig });
    expect((await canList("list")).stdout.trim()).toBe("no");
    await cluster.kubectl(["create", "clusterrolebinding", "readers", "--clusterrole=view", "--group=readers"]);
    expect((await canList("list")).stdout.trim()).toBe("yes");
    expect((await canList("create")).stdout.trim()).toBe("no");
  });

  test("by kubectl takes standard input and gives output, errors and the exit code", async () => {
    const manifest = JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "piped" } });
    const applied = await cluster.kubectl(["apply", "-n", namespace, "-f", "-"], { input: manifest });
    expect(applied).toEqual({ stdout: "configmap/piped created\n", stderr: "", exitCode: 0 });
    const missing = await cluster.kubectl(["get", "-n", namespace, "configmap", "absent"]);
    expect(missing.exitCode).toBe(1);
    expect(missing.stderr).toContain("NotFound");
  });
});

describe("counting", () => {
  test("of requests by verb and resource sees each write, and none where there is none", async () => {
    const filter = { verb: ["POST", "PUT", "PATCH", "APPLY", "DELETE"], resource: "configmaps", subresource: "" };
    // The root CA of a new namespace is a ConfigMap too: let that write happen first.
    await eventually("the namespace has its root CA", () => get("configmaps/kube-root-ca.crt"));
    const before = await cluster.requestCounts(filter);
    await get("configmaps");
    expect((await cluster.requestCounts(filter)) - before).toBe(0);
    await createConfigMap("one");
    await createConfigMap("two");
    expect((await cluster.requestCounts(filter)) - before).toBe(2);
  });

  test("in the audit log tells who did what to which object", async () => {
    await createConfigMap("audited");
    const events = await cluster.auditEvents();
    const writes = events.filter(({ objectRef, verb }) => objectRef?.name === "audited" && verb === "create");
    expect(writes).toMatchObject([
      {
        user: { username: "devcluster-admin" },
        objectRef: { namespace, resource: "configmaps" },
        responseStatus: { code: 201 },
      },
    ]);
  });
});

describe("etcd", () => {
  test("answers whoever owns the cluster, with its whole state", async () => {
    await createConfigMap("stored");
    const key = Buffer.from(`/registry/configmaps/${namespace}/stored`).toString("base64");
    expect(await cluster.requestEtcd("/v3/kv/range", { key, count_only: true })).toMatchObject({ count: "1" });
    await expect(cluster.requestEtcd("/v3/no-such-thing", {})).rejects.toThrow(/^etcd: POST .*: 404 /);
  });

  test.runIf(process.platform === "linux")("listens on no port", async () => {
    const { etcd = 0, "kube-apiserver": apiServer = 0 } = await cluster.pids();
    expect(listeningPorts(apiServer)).not.toEqual([]);
    expect(listeningPorts(etcd)).toEqual([]);
  });

  test("has its sockets where no other user comes", async () => {
    expect(statSync(cluster.stateDir).mode & 0o077).toBe(0);
    const sockets = readdirSync(cluster.stateDir).filter((name) => name.startsWith("etcd") && name.includes(".sock"));
    expect(sockets.sort()).toEqual(["etcd-peers.sock:0", "etcd.sock:0"]);
  });

  test.runIf(isRoot)("lets no other user connect", async () => {
    const socket = join(cluster.stateDir, "etcd.sock:0");
    const [connected, failed] = [
      `() => { console.log("connected"); process.exit(); }`,
      "({ code }) => console.log(code)",
    ];
    const script = `require("net").connect(${JSON.stringify(socket)}, ${connected}).on("error", ${failed})`;
    const asUser = async (id: number) => {
      const child = promisify(execFile)(process.execPath, ["-e", script], { uid: id, gid: id, timeout: 30_000 });
      return (await child).stdout.trim();
    };
    expect(await asUser(0)).toBe("connected");
    expect(await asUser(65_534)).toBe("EACCES");
  });
});

describe("faults", () => {
  test("an API server that is killed and started again has its address and its data", async () => {
    await createConfigMap("kept");
    const before = await cluster.pids();
    await cluster.kill("kube-apiserver");
    await expect(cluster.request("GET", "/readyz")).rejects.toThrow("ECONNREFUSED");
    await cluster.start("kube-apiserver");
    expect(await get("configmaps/kept")).toBeDefined();
    const after = await cluster.pids();
    expect(after["kube-apiserver"]).not.toBe(before["kube-apiserver"]);
    expect(after.etcd).toBe(before.etcd);
  });

  test("etcd that is restarted has its data", async () => {
    await createConfigMap("kept");
    await cluster.restart("etcd");
    await eventually("the API server is ready again", () =>
      cluster.client.text("GET", "/readyz").catch(() => undefined),
    );
    expect(await get("configmaps/kept")).toBeDefined();
  });

  test("scheduler, controllers and nodes work on after an outage of the API server", async () => {
    await cluster.restart("kube-apiserver");
    const pod = await createPod("after");
    await podWhen("after", "runs", ({ status }) => status.phase === "Running");
    const { name, uid } = pod.metadata;
    await createConfigMap("owned", { ownerReferences: [{ apiVersion: "v1", kind: "Pod", name, uid }] });
    await cluster.request("DELETE", `${base()}/pods/after`);
    await eventually("the owned ConfigMap is gone", async () => ((await get("configmaps/owned")) ? undefined : true));
  });
});
