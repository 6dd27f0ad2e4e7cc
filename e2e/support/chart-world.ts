import type { RealCluster } from "@pcmc/devcluster";
import { afterAll, beforeAll, beforeEach, expect, onTestFailed } from "vitest";
import { agentLogs } from "./agent.ts";
import { apiObjects } from "./api-objects.ts";
import { tcp } from "./attempts.ts";
import { EbpfWorld, NAMESPACE } from "./ebpf-world.ts";
import { CHART, Helm, type Values } from "./helm.ts";
import { ensureImages, PROBE } from "./images.ts";
import { apply, kubectl, waitFor } from "./kubectl.ts";
import { operatorLogs, trusted } from "./operator.ts";
import type { Probe } from "./probe.ts";
import type { Ports } from "./traffic.ts";
import { until } from "./until.ts";

/** The release of these tests. */
export const RELEASE = "pcmc";
export const PORTS: Ports = { open: 8080, closed: 8081, openUdp: 9000, closedUdp: 9001 };

const LABELS = { app: "target" };
const RULES = {
  labels: LABELS,
  ebpfConfig: {
    l4Firewall: { enabled: true, blockedPorts: [PORTS.closed, PORTS.closedUdp], defaultAction: "allow" },
    metricsExport: { enabled: true, updateInterval: "1s" },
  },
};
const CONFIG_MAP = `/api/v1/namespaces/${NAMESPACE}/configmaps/pod-target-from-rules-cfg`;

/** The Watcher of `watch`. */
export const WATCHER = "web";

/** What was made for a Pod that lives. */
export const MADE = [`configmaps ${NAMESPACE}/pod-target-from-rules-cfg`];
/** With what the API server itself makes for each group of them. */
export const DEFINITIONS = [
  "apiservices.apiregistration.k8s.io v1alpha1.podconfig.example.com",
  "apiservices.apiregistration.k8s.io v1alpha1.watch.example.com",
  "customresourcedefinitions.apiextensions.k8s.io podconfigmapconfigs.podconfig.example.com",
  "customresourcedefinitions.apiextensions.k8s.io watchers.watch.example.com",
];
export const RULES_STAY = [`podconfigmapconfigs.podconfig.example.com ${NAMESPACE}/rules`];
export const WATCHER_STAYS = [`configmaps ${NAMESPACE}/web-config`, `watchers.watch.example.com ${NAMESPACE}/web`];

/** Both roll the Pods of manager and agents. */
export const QUIET: Values = { agent: { enabled: true }, settings: { logLevel: "info" } };
export const LOUD: Values = { agent: { enabled: true }, settings: { logLevel: "debug" } };

interface ConfigMap {
  readonly metadata: { readonly uid: string; readonly resourceVersion: string };
}

const DEFINITION = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/podconfigmapconfigs.podconfig.example.com";

interface Definition {
  readonly spec: {
    readonly versions: readonly { readonly additionalPrinterColumns?: readonly { readonly name: string }[] }[];
  };
}

/** All that there is once the last of what Kubernetes makes for itself is there: a kubelet's Lease, some ten seconds after its Node. */
const objectsOfKubernetes = (cluster: RealCluster): Promise<readonly string[]> =>
  until("the node has its Lease", async () => {
    const objects = await apiObjects(cluster);
    return objects.some((line) => line.startsWith("leases.coordination.k8s.io kube-node-lease/")) ? objects : undefined;
  });

/** A real node on which the chart comes and goes, with a Pod `target` that a firewall is for, and a client that calls it. */
export class ChartWorld implements AsyncDisposable {
  readonly ebpf: EbpfWorld;
  readonly helm: Helm;
  readonly client: Probe;
  /** Of the target. */
  readonly address: string;
  readonly #before: readonly string[];

  private constructor(
    ebpf: EbpfWorld,
    helm: Helm,
    client: Probe,
    more: { address: string; before: readonly string[] },
  ) {
    this.ebpf = ebpf;
    this.helm = helm;
    this.client = client;
    this.address = more.address;
    this.#before = more.before;
  }

  /** Without the chart. */
  static async start(): Promise<ChartWorld> {
    const deploy = async (cluster: RealCluster) => void (await ensureImages(cluster));
    const ebpf = await EbpfWorld.start({ deploy });
    const helm = new Helm(ebpf.cluster);
    const { status } = await ebpf.run("target", { labels: LABELS, ports: Object.values(PORTS).join(",") });
    await ebpf.run("client");
    const client = await ebpf.probe("client");
    const before = await objectsOfKubernetes(ebpf.cluster);
    return new ChartWorld(ebpf, helm, client, { address: status.podIP, before });
  }

  get cluster(): RealCluster {
    return this.ebpf.cluster;
  }

  /** Runs helm with values, until all Pods are ready and the webhooks are called. */
  async deploy(values: Values, ...args: readonly string[]): Promise<void> {
    await this.helm.run(...args, "--values", this.helm.values("given", values), "--wait", "--timeout=180s");
    await trusted(this.cluster);
  }

  /** Installs this checkout's chart. */
  install(values: Values = QUIET): Promise<void> {
    return this.deploy(values, "install", RELEASE, CHART);
  }

  /** Removes the release. @throws with what the Job has said where it failed. */
  async uninstall(): Promise<void> {
    const { code, stderr } = await this.helm.try("uninstall", RELEASE, "--timeout=180s");
    if (code === 0) return;
    throw new Error(`${stderr}\n${await kubectl(this.cluster, ["logs", "job/podconfigmap-controller-uninstall"])}`);
  }

  /** What a user makes: a firewall for the target. Returns when its ConfigMap is there and the kernel goes by it. */
  async guard(): Promise<void> {
    await this.ebpf.configure("rules", RULES);
    await until("the ConfigMap is there", () => this.cluster.request<ConfigMap>("GET", CONFIG_MAP));
    await this.guarded();
  }

  /** And a Watcher. Returns when Pods that name it get it. */
  async watch(): Promise<void> {
    const spec = { container: { name: "web", image: PROBE }, configData: { LEVEL: "1" } };
    const metadata = { name: WATCHER, namespace: NAMESPACE };
    await apply(this.cluster, { apiVersion: "watch.example.com/v1alpha1", kind: "Watcher", metadata, spec });
    await waitFor(this.cluster, `watchers.watch.example.com/${WATCHER}`, "condition=Ready", NAMESPACE);
  }

  /** The columns that the API server shows of PodConfigMapConfigs. */
  async columns(): Promise<readonly string[]> {
    const { spec } = await this.cluster.request<Definition>("GET", DEFINITION);
    return spec.versions.flatMap(({ additionalPrinterColumns = [] }) =>
      additionalPrinterColumns.map(({ name }) => name),
    );
  }

  /** The rules are what the kernel goes by. */
  async guarded(): Promise<void> {
    await this.ebpf.inKernel("target", "rules@1");
    expect(await tcp(this.client, this.address, PORTS.closed)).toBe("timeout");
    expect(await tcp(this.client, this.address, PORTS.open)).toBe("connected");
  }

  /** Which ConfigMap the target has, and in which state. */
  async identity(): Promise<ConfigMap["metadata"]> {
    const { uid, resourceVersion } = (await this.cluster.request<ConfigMap>("GET", CONFIG_MAP)).metadata;
    return { uid, resourceVersion };
  }

  /** Waits until there is nothing but this that was not there before the first installation. */
  async leaves(...wanted: readonly (readonly string[])[]): Promise<void> {
    await until("nothing else is left", async () => {
      const now = (await apiObjects(this.cluster)).filter((line) => !this.#before.includes(line));
      expect(now).toEqual(wanted.flat().sort());
      return true;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client[Symbol.dispose]();
    this.helm[Symbol.dispose]();
    await this.ebpf[Symbol.asyncDispose]();
  }
}

/** A world for the tests of a file, as `prepare` leaves it. Where a test fails, what manager and agents have logged is printed. */
export const useChartWorld = (prepare: (world: ChartWorld) => Promise<void> | void): void => {
  let world: ChartWorld | undefined;
  beforeAll(async () => {
    world = await ChartWorld.start();
    await prepare(world);
  });
  beforeEach(() => {
    onTestFailed(async () => {
      if (world !== undefined) console.error(await operatorLogs(world.cluster), await agentLogs(world.cluster));
    });
  });
  afterAll(() => world?.[Symbol.asyncDispose]());
};
