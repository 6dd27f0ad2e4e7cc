import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { type Cluster, startCluster } from "@pcmc/devcluster";
import { afterAll, afterEach, beforeAll, beforeEach, onTestFinished } from "vitest";
import { run } from "../../../src/cli/commands.ts";
import type { Said } from "../../cli/support.ts";
import { eventually } from "./eventually.ts";
import { manifestFiles } from "./manifest-files.ts";

export const ROOT = join(import.meta.dirname, "../../../../..");
const FILES = ["rbac.yaml", "webhooks.yaml", "deployment.yaml", "agent.yaml"];

/** Paths of what manifests/ installs, and of what belongs to it. */
export const AGENT = "/apis/apps/v1/namespaces/default/daemonsets/podconfigmap-controller-agent";
export const MANAGER = "/apis/apps/v1/namespaces/default/deployments/podconfigmap-controller";
export const LEASE = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
export const LOCK = "podconfigmap-controller-lock";
/** The namespace in which users have something. */
export const NS = "/api/v1/namespaces/shop";

interface Around {
  readonly kubeconfig?: string;
  readonly answer?: string;
}

/** A cluster with two simulated nodes on which manifests/ is installed anew for each test. */
export class UninstallStage {
  #cluster: Cluster | undefined;
  #folder = "";
  /** Paths of what is applied. */
  #files: readonly string[] = [];

  get cluster(): Cluster {
    if (this.#cluster === undefined) throw new Error("the cluster has not been started");
    return this.#cluster;
  }

  async start(): Promise<void> {
    this.#folder = await mkdtemp(join(tmpdir(), "pcmc-uninstall-"));
    this.#files = await manifestFiles(FILES, this.#folder);
    this.#cluster = await startCluster({ nodes: 2 });
  }

  async stop(): Promise<void> {
    await this.#cluster?.stop();
    if (this.#folder !== "") await rm(this.#folder, { recursive: true });
  }

  /** Runs a command line of pcmc in this process. `answer`: what is said to a question; without it nobody can be asked. */
  async pcmc(line: string, { kubeconfig = this.cluster.kubeconfig, answer }: Around = {}): Promise<Said> {
    const said = { stdout: "", stderr: "" };
    const code = await run(line.split(" "), {
      stdout: (part) => {
        said.stdout += part;
      },
      stderr: (part) => {
        said.stderr += part;
      },
      env: { KUBECONFIG: kubeconfig },
      ...(answer !== undefined && { ask: async () => answer }),
    });
    return { code, ...said };
  }

  /** Runs kubectl. @throws with what it said when it fails. */
  async kubectl(...args: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.cluster.kubectl(args);
    if (exitCode !== 0) throw new Error(stderr);
    return stdout;
  }

  exists(path: string): Promise<boolean> {
    return this.cluster.request("GET", path).then(
      () => true,
      () => false,
    );
  }

  /** Makes the namespace `shop`, installs as users do, and waits for the Pods. */
  async install(): Promise<void> {
    await this.cluster.request("POST", "/api/v1/namespaces", { metadata: { name: "shop" } });
    const account = `${NS}/serviceaccounts/default`;
    await eventually("the namespace is ready for Pods", () => this.cluster.request("GET", account));
    await this.#apply(this.#files, "default");
  }

  /** Moves the installation to the namespace `shop`. */
  async move(): Promise<void> {
    const path = await mkdtemp(join(tmpdir(), "pcmc-uninstall-"));
    onTestFinished(() => rm(path, { recursive: true }));
    const moved = this.#files.map((file) => join(path, basename(file)));
    for (const [at, file] of this.#files.entries()) {
      await this.kubectl("delete", "-f", file);
      const text = await readFile(file, "utf8");
      await writeFile(moved[at] ?? "", text.replaceAll("namespace: default", "namespace: shop"));
    }
    await this.#apply(moved, "shop");
  }

  /** Removes all of it, whatever a test has left. */
  async clear(): Promise<void> {
    await this.kubectl("delete", "namespace", "shop", "--wait");
    for (const file of this.#files) await this.kubectl("delete", "--ignore-not-found", "-f", file);
  }

  async #apply(files: readonly string[], namespace: string): Promise<void> {
    const sources = [join(ROOT, "crd"), ...files].flatMap((file) => ["-f", file]);
    await this.kubectl("apply", "--server-side", "--force-conflicts", ...sources);
    for (const workload of ["daemonset/podconfigmap-controller-agent", "deployment/podconfigmap-controller"])
      await this.kubectl("rollout", "status", workload, "-n", namespace, "--timeout=60s");
  }
}

/** One for the tests of a file, installed before each and cleared after it. */
export const useUninstallStage = (): UninstallStage => {
  const stage = new UninstallStage();
  beforeAll(() => stage.start());
  afterAll(() => stage.stop());
  beforeEach(() => stage.install());
  afterEach(() => stage.clear());
  return stage;
};
