import { mkdirSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import type { RealCluster } from "@pcmc/devcluster";
import { compileProbe, ensureImages } from "./images.ts";
import { apply, kubectl } from "./kubectl.ts";
import {
  type Container,
  containersOf,
  type Manifest,
  manifestsIn,
  manifestsOf,
  type PodTemplateSpec,
  withLocalImage,
} from "./manifests.ts";
import { parseSamples, type Samples } from "./samples.ts";
import { until } from "./until.ts";

/** How the agent is to run, beyond its manifest. */
export interface AgentOptions {
  /** Settings by name. */
  readonly environment?: Readonly<Record<string, string>>;
  /**
   * Starts the program again at once when it is killed, inside its container. kubelet would wait longer from time to time,
   * up to five minutes.
   */
  readonly respawn?: boolean;
  /** Changes its container. */
  readonly change?: (container: Container) => void;
}

/** The agent's objects, for the image that the node has. */
export const agentManifests = ({ environment = {}, respawn = false, change }: AgentOptions = {}): Manifest[] => {
  const objects = manifestsOf("manifests/agent.yaml").map(withLocalImage);
  for (const container of objects.flatMap(containersOf)) {
    for (const [name, value] of Object.entries(environment)) {
      container.env = [...(container.env ?? []).filter((one) => one.name !== name), { name, value }];
    }
    change?.(container);
  }
  if (respawn) for (const { spec } of objects) respawning(spec?.template?.spec);
  return objects;
};

/** Where the node has the probe, which the image has not. */
const PROBE_FOLDER = "/var/lib/pcmc-e2e";

const respawning = (pod: PodTemplateSpec | undefined): void => {
  for (const container of pod?.containers ?? []) {
    container.command = [`${PROBE_FOLDER}/probe`, "respawn", "/nodejs/bin/node", "/pcmc/src/pcmc.js"];
    const mount = { name: "probe", mountPath: PROBE_FOLDER, readOnly: true };
    container.volumeMounts = [...(container.volumeMounts ?? []), mount];
    pod?.volumes?.push({ name: mount.name, hostPath: { path: PROBE_FOLDER } });
  }
};

/** Runs the agent as users do, from the CRDs and the manifest of this checkout, and waits until it is ready. */
export const deployAgent = async (cluster: RealCluster, options: AgentOptions = {}): Promise<void> => {
  await ensureImages(cluster, ["agent"]);
  if (options.respawn) {
    const folder = cluster.node.path(PROBE_FOLDER);
    mkdirSync(folder, { recursive: true });
    compileProbe(join(folder, "probe"));
  }
  await apply(cluster, ...manifestsIn("crd"));
  await apply(cluster, ...agentManifests(options));
  await agentReady(cluster);
};

const daemonSet = (): Manifest => {
  const found = manifestsOf("manifests/agent.yaml").find(({ kind }) => kind === "DaemonSet");
  if (!found) throw new Error("manifests/agent.yaml has no DaemonSet");
  return found;
};

const NAME = () => daemonSet().metadata.name;
const agentNamespace = () => daemonSet().metadata.namespace ?? "default";
const inNamespace = (...args: readonly string[]) => ["-n", agentNamespace(), ...args];

/** Waits until the agent of the newest template is ready. @throws with what it has logged. */
export const agentReady = async (cluster: RealCluster): Promise<void> => {
  const args = inNamespace("rollout", "status", `daemonset/${NAME()}`, "--timeout=60s");
  await kubectl(cluster, args).catch(async (error) => {
    throw new Error(`${error}\n${await agentLogs(cluster)}`);
  });
};

/** Deploys the agent otherwise, and waits until it has taken the place of the one before. */
export const changeAgent = async (cluster: RealCluster, options: AgentOptions): Promise<void> => {
  const before = new Set((await agentPods(cluster)).map(({ metadata }) => metadata.uid));
  await apply(cluster, ...agentManifests(options));
  await until("the agent's Pod is another one", async () => {
    const pods = await agentPods(cluster);
    const running =
      pods.length === 1 &&
      pods.every(({ metadata, status }) => !before.has(metadata.uid) && status.phase === "Running");
    return running || undefined;
  });
};

/** Takes the agent off the node, or puts it there again: by a label that no node has. Waits until that is so. */
export const setAgent = async (cluster: RealCluster, state: "running" | "away"): Promise<void> => {
  const nodeSelector = { "example.com/nowhere": state === "away" ? "true" : null };
  const patch = JSON.stringify({ spec: { template: { spec: { nodeSelector } } } });
  await kubectl(cluster, inNamespace("patch", `daemonset/${NAME()}`, "--type=merge", "-p", patch));
  if (state === "running") return agentReady(cluster);
  await until("the agent is gone", async () => ((await agentPods(cluster)).length === 0 ? true : undefined));
};

/** Replaces the agent's Pod by a new one, as an upgrade does. */
export const replaceAgent = async (cluster: RealCluster): Promise<void> => {
  await kubectl(cluster, inNamespace("rollout", "restart", `daemonset/${NAME()}`));
  await agentReady(cluster);
};

/** What the agent has logged, for a failure; of the container before too. */
export const agentLogs = async (cluster: RealCluster): Promise<string> => {
  const args = inNamespace("logs", `daemonset/${NAME()}`, "--tail=200");
  return kubectl(cluster, args).catch(String);
};

export interface AgentPod {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly status: {
    readonly phase?: string;
    readonly containerStatuses?: readonly { readonly ready: boolean; readonly restartCount: number }[];
  };
}

/** The agent's Pods. */
export const agentPods = async (cluster: RealCluster): Promise<readonly AgentPod[]> => {
  const labels = Object.entries(templateLabels(daemonSet())).map(([key, value]) => `${key}=${value}`);
  const path = `/api/v1/namespaces/${agentNamespace()}/pods?labelSelector=${encodeURIComponent(labels.join(","))}`;
  return (await cluster.request<{ readonly items: readonly AgentPod[] }>("GET", path)).items;
};

const templateLabels = (object: Manifest): Readonly<Record<string, string>> => {
  const { spec } = object as {
    readonly spec?: { readonly selector?: { readonly matchLabels?: Record<string, string> } };
  };
  return spec?.selector?.matchLabels ?? {};
};

/** The agent's process, as this machine counts pids; undefined while there is none. */
export const agentProcess = (cluster: RealCluster): number | undefined => pidsOf(cluster).find((pid) => isAgent(pid));

/** Of all processes of the node: it has few. */
const pidsOf = (cluster: RealCluster): number[] => {
  const { cgroupFolder = "" } = cluster.node;
  return readdirSync(cgroupFolder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith("cgroup.procs"))
    .flatMap((path) => readIfThere(join(cgroupFolder, path)).split("\n"))
    .map(Number)
    .filter((pid) => pid > 0);
};

const isAgent = (pid: number): boolean => {
  try {
    if (!readlinkSync(`/proc/${pid}/exe`).endsWith("/node")) return false;
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").includes("agent");
  } catch {
    return false;
  }
};

const readIfThere = (file: string): string => {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
};

/** What the agent serves over HTTP. */
export const askAgent = (cluster: RealCluster, path: string): Promise<Response> => {
  const port = containersOf(daemonSet())
    .flatMap(({ ports = [] }) => ports)
    .find(({ name }) => name === "metrics")?.containerPort;
  return fetch(`http://${cluster.node.addresses.node}:${port}${path}`, { signal: AbortSignal.timeout(5000) });
};

/** The agent's metrics. */
export const agentMetrics = async (cluster: RealCluster): Promise<Samples> =>
  parseSamples(await (await askAgent(cluster, "/metrics")).text());

/**
 * Removes the agent and runs `pcmc agent uninstall` once, with all that its Pod template gives it: settings, mounts,
 * capabilities. Gives back what it said.
 */
export const uninstallAgent = async (cluster: RealCluster): Promise<string> => {
  const { metadata, spec } = agentManifests().find(({ kind }) => kind === "DaemonSet") ?? daemonSet();
  const namespace = metadata.namespace ?? "default";
  await kubectl(cluster, ["-n", namespace, "delete", "daemonset", metadata.name, "--cascade=foreground", "--wait"]);
  const template = spec?.template?.spec;
  const containers = template?.containers.map((container) => ({ ...uninstalling(container) })) ?? [];
  const pod = { ...template, containers, restartPolicy: "Never" };
  const name = `${metadata.name}-uninstall`;
  await apply(cluster, { apiVersion: "v1", kind: "Pod", metadata: { name, namespace }, spec: pod });
  await until("it has ended", async () => {
    const phase = await kubectl(cluster, ["-n", namespace, "get", "pod", name, "-o", "jsonpath={.status.phase}"]);
    return phase === "Succeeded" || phase === "Failed" ? phase : undefined;
  });
  const said = await kubectl(cluster, ["-n", namespace, "logs", name]);
  const phase = await kubectl(cluster, ["-n", namespace, "get", "pod", name, "-o", "jsonpath={.status.phase}"]);
  if (phase !== "Succeeded") throw new Error(`pcmc agent uninstall: ${said}`);
  return said;
};

/** It serves nothing that could be probed. */
const uninstalling = ({ image, imagePullPolicy, env, securityContext, volumeMounts }: Container): object => ({
  name: "uninstall",
  image,
  imagePullPolicy,
  env,
  securityContext,
  volumeMounts,
  args: ["agent", "uninstall"],
});
