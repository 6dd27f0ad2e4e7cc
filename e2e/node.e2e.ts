/**
 * Invariants of a cluster with a real node:
 * - containers run: sidecars, logs, exec, service account tokens, Services, from inside and from this machine;
 * - clusters that run at the same time know nothing of each other;
 * - whatever ends one, nothing of it is left on the machine, at the latest after the next start.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type RealCluster, startCluster } from "@pcmc/devcluster";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { identify, isAlive, type ProcessIdentity } from "../packages/devcluster/src/process-identity.ts";
import { BUSYBOX, buildBusybox, buildNode, NODE } from "./support/images.ts";
import { apply, kubectl, rolledOut, waitFor } from "./support/kubectl.ts";
import { type MachineState, machineState, newSince } from "./support/machine.ts";
import { until } from "./support/until.ts";

const example = fileURLToPath(new URL("../packages/devcluster/examples/real-node.ts", import.meta.url));
const owner = fileURLToPath(new URL("./support/owner.ts", import.meta.url));

const busybox = (name: string, command: string, more: object = {}) => ({
  name,
  image: BUSYBOX,
  imagePullPolicy: "Never",
  command: ["sh", "-c", command],
  ...more,
});

/** A web server that says its Pod's name, with a native sidecar. */
const web = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web" },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: "web" } },
    template: {
      metadata: { labels: { app: "web" } },
      spec: {
        initContainers: [busybox("sidecar", "exec sleep 100000", { restartPolicy: "Always" })],
        containers: [
          busybox("web", "mkdir /www; hostname >/www/index.html; echo serving; exec httpd -f -p 8080 -h /www"),
        ],
      },
    },
  },
};

const service = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "web" },
  spec: { selector: { app: "web" }, ports: [{ port: 80, targetPort: 8080 }] },
};

/** Which Pod answered. */
const ask = async (address: string): Promise<string> => {
  const response = await fetch(`http://${address}/`, { signal: AbortSignal.timeout(5000) });
  return (await response.text()).trim();
};

interface PodList {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly status: {
      readonly podIP: string;
      readonly initContainerStatuses: readonly { readonly ready: boolean }[];
      readonly containerStatuses: readonly {
        readonly ready: boolean;
        readonly restartCount: number;
        readonly containerID: string;
      }[];
    };
  }[];
}

const podsOf = async (cluster: RealCluster, app: string) =>
  (await cluster.request<PodList>("GET", `/api/v1/namespaces/default/pods?labelSelector=app=${app}`)).items;

/** Runs a command in the container of the first Pod of `web`, and gives back the Pod and what was said. */
const inFirstPod = async (cluster: RealCluster, command: readonly string[]) => {
  const [pod] = await podsOf(cluster, "web");
  if (!pod) throw new Error("there is no Pod");
  const said = await kubectl(cluster, ["exec", `pod/${pod.metadata.name}`, "-c", "web", "--", ...command]);
  return { pod, said };
};

/** Of each container of `web`: which one it is, and how often it has been started again. */
const containersOf = async (cluster: RealCluster) => {
  const statuses = (await podsOf(cluster, "web")).flatMap(({ status }) => status.containerStatuses);
  return statuses.map(({ containerID, restartCount }) => `${containerID} ${restartCount}`).sort();
};

interface Leases {
  readonly items: readonly { readonly spec: { readonly renewTime: string } }[];
}

/** What the API server says of Pods may be of before a restart of kubelet, until kubelet has been heard since. */
const heartbeatAfter = (cluster: RealCluster, time: number) =>
  until("kubelet posts a heartbeat", async () => {
    const path = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
    const { items } = await cluster.request<Leases>("GET", path);
    return items.some(({ spec }) => Date.parse(spec.renewTime) > time) ? true : undefined;
  });

const clusterIp = (cluster: RealCluster, name: string) =>
  kubectl(cluster, ["get", "service", name, "-o", "jsonpath={.spec.clusterIP}"]);

/** Identities of processes that run now. */
const identifyAll = (pids: readonly (number | undefined)[]) =>
  pids.map((pid) => {
    const identity = pid === undefined ? undefined : identify(pid);
    if (!identity) throw new Error(`no process ${pid}`);
    return identity;
  });

const end = (processes: readonly ProcessIdentity[]) =>
  until("the processes are gone", async () => expect(processes.filter(isAlive)).toEqual([]) ?? true);

const leavesNothing = (before: MachineState) =>
  until("nothing is new on the machine", async () => expect(newSince(before)).toEqual([]) ?? true);

const folderGone = (folder: string) =>
  until(`${folder} is gone`, async () => expect(existsSync(folder)).toBe(false) ?? true);

let before: MachineState;
let cluster: RealCluster;

beforeAll(async () => {
  before = machineState();
  cluster = await startCluster({ node: "real" });
  await buildBusybox(cluster);
  await apply(cluster, web, service);
  await rolledOut(cluster, "web");
});

afterAll(async () => {
  await cluster?.stop();
});

describe("a real node", () => {
  test("runs the containers of a Deployment, native sidecars among them", async () => {
    const pods = await podsOf(cluster, "web");
    const ready = pods.map(({ status }) => [...status.initContainerStatuses, ...status.containerStatuses]);
    expect(ready.map((statuses) => statuses.map((status) => status.ready))).toEqual([
      [true, true],
      [true, true],
    ]);
  });

  test("gives the logs of a container", async () => {
    expect(await kubectl(cluster, ["logs", "-l", "app=web", "-c", "web"])).toBe("serving\nserving\n");
  });

  test("runs a command in a container", async () => {
    const { pod, said } = await inFirstPod(cluster, ["hostname"]);
    expect(said.trim()).toBe(pod.metadata.name);
  });

  test("is reached from this machine, by a Pod's address and by a Service", async () => {
    const pods = await podsOf(cluster, "web");
    const names = pods.map(({ metadata }) => metadata.name);
    for (const { metadata, status } of pods) expect(await ask(`${status.podIP}:8080`)).toBe(metadata.name);
    expect(names).toContain(await ask(await clusterIp(cluster, "web")));
  });

  test("lets Pods reach a Service, also one of their own node", async () => {
    const address = await clusterIp(cluster, "web");
    // Not wget, which crashes where busybox is linked statically.
    const request = `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 5 ${address} 80 | tail -n 1`;
    const script = `for i in $(seq 20); do ${request}; done`;
    const answers = await kubectl(cluster, ["exec", "deployment/web", "-c", "web", "--", "sh", "-c", script]);
    const names = (await podsOf(cluster, "web")).map(({ metadata }) => metadata.name);
    expect([...new Set(answers.trim().split("\n"))].sort()).toEqual(names.sort());
  });

  test("lets a Pod ask the API server with the token of its ServiceAccount", async () => {
    await buildNode(cluster);
    const script = `
      const folder = "/var/run/secrets/kubernetes.io/serviceaccount/";
      const authorization = "Bearer " + require("fs").readFileSync(folder + "token", "utf8");
      const url = "https://" + process.env.KUBERNETES_SERVICE_HOST + "/apis/authentication.k8s.io/v1/selfsubjectreviews";
      const body = JSON.stringify({ apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" });
      const headers = { authorization, "content-type": "application/json" };
      fetch(url, { method: "POST", headers, body }).then((r) => r.json()).then((r) => console.log(r.status.userInfo.username));
    `;
    const env = [{ name: "NODE_EXTRA_CA_CERTS", value: "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt" }];
    const container = { name: "main", image: NODE, imagePullPolicy: "Never", args: ["-e", script], env };
    const spec = { restartPolicy: "Never", containers: [container] };
    await apply(cluster, { apiVersion: "v1", kind: "Pod", metadata: { name: "asks" }, spec });
    await waitFor(cluster, "pod/asks", "jsonpath={.status.phase}=Succeeded");
    expect((await kubectl(cluster, ["logs", "asks"])).trim()).toBe("system:serviceaccount:default:default");
  });

  test("keeps its containers when containerd and kubelet are killed and started again", async () => {
    const containers = await containersOf(cluster);
    for (const component of ["containerd", "kubelet"] as const) await cluster.restart(component);
    await heartbeatAfter(cluster, Date.now());
    const script = `echo back >/www/index.html`;
    const { pod } = await until("exec works again", () => inFirstPod(cluster, ["sh", "-c", script]));
    expect(await ask(`${pod.status.podIP}:8080`)).toBe("back");
    expect(await containersOf(cluster)).toEqual(containers);
  });

  test("runs beside another one", async () => {
    await using other = await startCluster({ node: "real" });
    await buildBusybox(other);
    await apply(other, { ...web, spec: { ...web.spec, replicas: 1 } }, service);
    await rolledOut(other, "web");
    const [pod] = await podsOf(other, "web");
    expect(await ask(await clusterIp(other, "web"))).toBe(pod?.metadata.name);
    expect(await podsOf(cluster, "web")).toHaveLength(2);
  });

  test("runs as the README shows it", () => {
    expect(execFileSync(process.execPath, [example], { encoding: "utf8" })).toBe("hello from a container\n");
  });

  test("leaves nothing on the machine when it is stopped", async () => {
    const processes = identifyAll([cluster.keeperPid, ...Object.values(await cluster.pids())]);
    await cluster.stop();
    await end(processes);
    await folderGone(cluster.stateDir);
    await leavesNothing(before);
  });
});

describe("the end of who asked for a real node", () => {
  let stateDir: string;
  let children: ChildProcess[];

  beforeAll(() => {
    stateDir = mkdtempSync(join(tmpdir(), "pcmc-e2e-"));
    children = [];
  });

  afterAll(() => {
    for (const child of children) child.kill("SIGKILL");
    rmSync(stateDir, { recursive: true, force: true });
  });

  const startOwner = async () => {
    const child = spawn(process.execPath, [owner, stateDir], { stdio: ["ignore", "pipe", "inherit"] });
    children.push(child);
    for await (const line of createInterface({ input: child.stdout })) {
      const { keeper, pids, state } = JSON.parse(line) as { keeper: number; pids: number[]; state: string };
      return { child, keeper, state, processes: identifyAll([keeper, ...pids]) };
    }
    throw new Error("the owner ended without a word");
  };

  test.each(["SIGINT", "SIGKILL"] as const)("by %s leaves nothing", async (signal) => {
    const { child, processes, state } = await startOwner();
    child.kill(signal);
    await end(processes);
    await folderGone(state);
    await leavesNothing(before);
  });

  test("and of its keeper, both by SIGKILL, leaves no process, and the next start sweeps the rest", async () => {
    const { child, keeper, processes } = await startOwner();
    process.kill(keeper, "SIGKILL");
    child.kill("SIGKILL");
    await end(processes);
    const left = await until("no process is left", async () => {
      const lines = newSince(before);
      return lines.some((line) => /^(processes|namespaces):/.test(line)) ? undefined : lines;
    });
    expect(left).toContainEqual(expect.stringMatching(/^cgroups: /));
    await using _next = await startCluster({ controllerManager: false });
    await leavesNothing(before);
    expect(readdirSync(stateDir)).not.toEqual([]);
  });
});
