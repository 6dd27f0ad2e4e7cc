/**
 * Invariants of a cluster with a real node:
 * - containers run: sidecars, logs, exec, service account tokens, Services, from inside and from this machine;
 * - clusters that run at the same time know nothing of each other;
 * - whatever ends one, nothing of it is left on the machine, at the latest after the next start.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type RealCluster, startCluster } from "@pcmc/devcluster";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
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
      readonly containerStatuses: readonly { readonly ready: boolean; readonly restartCount: number }[];
    };
  }[];
}

const podsOf = async (cluster: RealCluster, app: string) =>
  (await cluster.request<PodList>("GET", `/api/v1/namespaces/default/pods?labelSelector=app=${app}`)).items;

const clusterIp = (cluster: RealCluster, name: string) =>
  kubectl(cluster, ["get", "service", name, "-o", "jsonpath={.spec.clusterIP}"]);

const leavesNothing = (before: MachineState) =>
  until("nothing is new on the machine", async () => expect(newSince(before)).toEqual([]) ?? true, 20_000);

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
    const [pod] = await podsOf(cluster, "web");
    expect((await kubectl(cluster, ["exec", "deployment/web", "-c", "web", "--", "hostname"])).trim()).toBe(
      pod?.metadata.name,
    );
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
    for (const component of ["containerd", "kubelet"] as const) await cluster.restart(component);
    const script = `echo back >/www/index.html`;
    await until("exec works again", () =>
      kubectl(cluster, ["exec", "deployment/web", "-c", "web", "--", "sh", "-c", script]),
    );
    const [pod] = await podsOf(cluster, "web");
    expect(await ask(`${pod?.status.podIP}:8080`)).toBe("back");
    expect(pod?.status.containerStatuses[0]?.restartCount).toBe(0);
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
    await cluster.stop();
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
      return { child, ...(JSON.parse(line) as { keeper: number; state: string }) };
    }
    throw new Error("the owner ended without a word");
  };

  test.each(["SIGINT", "SIGKILL"] as const)("by %s leaves nothing", async (signal) => {
    const { child } = await startOwner();
    child.kill(signal);
    await leavesNothing(before);
  });

  test("and of its keeper, both by SIGKILL, leaves no process, and the next start sweeps the rest", async () => {
    const { child, keeper } = await startOwner();
    process.kill(keeper, "SIGKILL");
    child.kill("SIGKILL");
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
