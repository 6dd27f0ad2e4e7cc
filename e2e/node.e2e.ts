/**
 * Invariants of a cluster with a real node:
 * - containers run: sidecars, logs, exec, service account tokens, Services, from inside and from this machine, over
 *   IPv4 and, where the kernel has it on, IPv6;
 * - what programs of BPF need is there: a bpffs for Pods, the Pods' cgroups, and a way into the node's namespaces;
 * - clusters that run at the same time know nothing of each other;
 * - whatever ends one, nothing of it is left on the machine, at the latest after the next start.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type RealCluster, startCluster } from "@pcmc/devcluster";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { identify, isAlive, type ProcessIdentity } from "../packages/devcluster/src/process-identity.ts";
import { hierarchies } from "../packages/devcluster/src/real-node/cgroups.ts";
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
  spec: {
    ipFamilyPolicy: "PreferDualStack",
    selector: { app: "web" },
    ports: [{ port: 80, targetPort: 8080 }],
  },
};

/** Why there is no IPv6 on this machine; undefined when there is. */
const whyNoIpv6 = (): string | undefined => {
  const setting = "/proc/sys/net/ipv6/conf/default/disable_ipv6";
  if (!existsSync(setting)) return "the kernel has no IPv6";
  return readFileSync(setting, "utf8").trim() === "0" ? undefined : `${setting} is not 0`;
};

/** Which Pod answered. */
const ask = async (address: string): Promise<string> => {
  const response = await fetch(`http://${address}/`, { signal: AbortSignal.timeout(5000) });
  return (await response.text()).trim();
};

interface PodList {
  readonly items: readonly {
    readonly metadata: { readonly name: string; readonly uid: string };
    readonly status: {
      readonly podIP: string;
      readonly podIPs: readonly { readonly ip: string }[];
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

/** Names of the Pods that answer one that asks some times at an address of the Service `web`. */
const askFromPod = async (cluster: RealCluster, address: string): Promise<string[]> => {
  // Not wget, which crashes where busybox is linked statically.
  const request = `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 5 ${address} 80 | tail -n 1`;
  const script = `for i in $(seq 20); do ${request}; done`;
  const answers = await kubectl(cluster, ["exec", "deployment/web", "-c", "web", "--", "sh", "-c", script]);
  return [...new Set(answers.trim().split("\n"))].sort();
};

/** Runs a Pod to its end, and gives back what it said. */
const runPod = async (cluster: RealCluster, name: string, spec: object): Promise<string> => {
  const pod = { apiVersion: "v1", kind: "Pod", metadata: { name }, spec: { restartPolicy: "Never", ...spec } };
  await apply(cluster, pod);
  await waitFor(cluster, `pod/${name}`, "jsonpath={.status.phase}=Succeeded");
  return (await kubectl(cluster, ["logs", name])).trim();
};

/** Identities of processes that run now. */
const identifyAll = (pids: readonly (number | undefined)[]) =>
  pids.map((pid) => {
    const identity = pid === undefined ? undefined : identify(pid);
    if (!identity) throw new Error(`no process ${pid}`);
    return identity;
  });

const end = (processes: readonly ProcessIdentity[]) =>
  until("the processes are gone", async () => expect(processes.filter(isAlive)).toEqual([]) ?? true);

/** Which controllers the machine's own cgroup hands on, in each hierarchy of version 2. */
const handedOn = () =>
  hierarchies()
    .filter(({ type }) => type === "cgroup2")
    .map(({ mountPoint }) => readFileSync(join(mountPoint, "cgroup.subtree_control"), "utf8"));

const leavesNothing = (before: MachineState) =>
  until("nothing is new on the machine", async () => {
    expect(newSince(before)).toEqual([]);
    expect(handedOn()).toEqual(handedOnBefore);
    return true;
  });

const folderGone = (folder: string) =>
  until(`${folder} is gone`, async () => expect(existsSync(folder)).toBe(false) ?? true);

let before: MachineState;
let handedOnBefore: readonly string[];
let cluster: RealCluster;

beforeAll(async () => {
  before = machineState();
  handedOnBefore = handedOn();
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
    const names = (await podsOf(cluster, "web")).map(({ metadata }) => metadata.name);
    expect(await askFromPod(cluster, await clusterIp(cluster, "web"))).toEqual(names.sort());
  });

  const noIpv6 = whyNoIpv6();
  test.skipIf(noIpv6)(`does all of that over IPv6 too${noIpv6 ? ` (skipped: ${noIpv6})` : ""}`, async () => {
    const pods = await podsOf(cluster, "web");
    const names = pods.map(({ metadata }) => metadata.name).sort();
    for (const { metadata, status } of pods) {
      expect(await ask(`[${status.podIPs[1]?.ip}]:8080`)).toBe(metadata.name);
    }
    const address = await kubectl(cluster, ["get", "service", "web", "-o", "jsonpath={.spec.clusterIPs[1]}"]);
    expect(address).toMatch(/^fd/);
    expect(names).toContain(await ask(`[${address}]`));
    expect(await askFromPod(cluster, address)).toEqual(names);
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
    expect(await runPod(cluster, "asks", { containers: [container] })).toBe("system:serviceaccount:default:default");
  });

  test("gives Pods a bpffs of its own by hostPath, which this machine sees too", async () => {
    const volumeMounts = [{ name: "bpf", mountPath: "/bpf" }];
    const containers = [busybox("main", "mkdir /bpf/pinned; grep ' /bpf ' /proc/mounts", { volumeMounts })];
    const volumes = [{ name: "bpf", hostPath: { path: "/sys/fs/bpf", type: "Directory" } }];
    expect(await runPod(cluster, "pins", { containers, volumes })).toMatch(/^bpf \/bpf bpf rw,/);
    expect(readdirSync(cluster.node.path("/sys/fs/bpf"))).toContain("pinned");
    expect(existsSync("/sys/fs/bpf/pinned")).toBe(false);
    await cluster.node.run("rmdir", ["/sys/fs/bpf/pinned"]);
  });

  test("runs a program in its namespaces and its cgroup, and says why one fails", async () => {
    expect(await cluster.node.run("hostname")).toBe("real-node\n");
    expect(await cluster.node.run("sh", ["-c", "ps -o comm= -p 1; ls /var/lib/kubelet/pods"])).toMatch(/^sleep\n\S/);
    expect(await cluster.node.run("cat", ["/proc/self/cgroup"])).toMatch(/:\/node$/m);
    await expect(cluster.node.run("ls", ["/no/such/folder"])).rejects.toThrow("No such file or directory");
    await expect(cluster.node.run("sleep", ["1000"], { timeout: 100 })).rejects.toThrow("did not end within 0.1 s");
    await until("it is gone", async () =>
      (await cluster.node.run("ps", ["-e", "-o", "args="])).includes("sleep 1000\n") ? undefined : true,
    );
  });

  const folder = () => cluster.node.cgroupFolder ?? "";
  test("has the Pods' cgroups where it says, the same from outside and from inside", async () => {
    const [pod] = await podsOf(cluster, "web");
    const path = join("kubepods", "besteffort", `pod${pod?.metadata.uid}`);
    const inside = join(folder().slice(0, -cluster.node.cgroup.length), path);
    expect(statSync(join(folder(), path)).isDirectory()).toBe(true);
    expect(await cluster.node.run("stat", ["-c", "%i", inside])).toBe(`${statSync(join(folder(), path)).ino}\n`);
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

describe("a start that is ended", () => {
  test("in its midst leaves nothing", async () => {
    const controller = new AbortController();
    const failed = expect(startCluster({ node: "real", signal: controller.signal })).rejects.toThrow("enough");
    await until("its link is there", async () =>
      newSince(before).some((line) => line.startsWith("links: pcmc-")) ? true : undefined,
    );
    controller.abort(new Error("enough"));
    await failed;
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
