import { networkInterfaces } from "node:os";
import { fileURLToPath } from "node:url";
import { type Cluster, freePort, startCluster } from "@pcmc/devcluster";
import type { Deployment } from "kubernetes-types/apps/v1.d.ts";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import { GROUPS } from "../../../src/controllers/names.ts";
import { NAME } from "../../../src/rbac/names.ts";
import type { Said } from "../../cli/support.ts";
import { type Diagnosis, diagnose, findsText, ofExactly, PATIENCE, sayDoctor, type Told } from "./diagnosis.ts";
import { eventually } from "./eventually.ts";
import { applyShipped, GrantedIdentity } from "./granted-manager.ts";
import type { ManagerProcess } from "./manager-process.ts";
import { type Held, MERGE } from "./namespace-client.ts";

/** An address of this machine that the API server proxies to: it refuses loopback addresses. */
export const ownAddress = Object.values(networkInterfaces())
  .flatMap((addresses = []) => addresses)
  .find(({ family, internal }) => family === "IPv4" && !internal)?.address;

const DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments";
const PODS = "/api/v1/namespaces/default/pods";
const STRATEGIC = { contentType: "application/strategic-merge-patch+json" };
const MANIFEST = fileURLToPath(new URL("../../../../../manifests/deployment.yaml", import.meta.url));

/**
 * A cluster with the operator installed as users do it, from crd/ and manifests/, on a simulated node. Its Pod runs no container: a
 * process here is the manager, has the Pod's name and address and the ServiceAccount's rights, and is called by the API server.
 */
export class DoctorStage {
  readonly cluster: Cluster;
  readonly #port: number;
  readonly #identity: GrantedIdentity;
  #manager: ManagerProcess | undefined;

  private constructor(
    cluster: Cluster,
    { identity, port }: { readonly identity: GrantedIdentity; readonly port: number },
  ) {
    this.cluster = cluster;
    this.#identity = identity;
    this.#port = port;
  }

  static async create(): Promise<DoctorStage> {
    const cluster = await startCluster({ nodes: 1 });
    await applyShipped(cluster, { groups: GROUPS });
    const stage = new DoctorStage(cluster, { identity: await GrantedIdentity.of(cluster), port: await freePort() });
    await stage.install();
    return stage;
  }

  /** Applies the Deployment, for one replica, and waits for its Pod. */
  async install(): Promise<void> {
    await this.kubectl("apply", "--server-side", "--force-conflicts", "-f", MANIFEST);
    const container = {
      name: "manager",
      ports: [
        { containerPort: 8080, $patch: "delete" },
        { name: "metrics", containerPort: this.#port },
      ],
    };
    const patch = { spec: { replicas: 1, template: { spec: { containers: [container] } } } };
    await this.cluster.request("PATCH", `${DEPLOYMENTS}/${NAME}`, patch, STRATEGIC);
    await this.rolledOut();
  }

  /** Waits until one Pod of the newest template is there, ready, and at the address of the process. */
  async rolledOut(): Promise<void> {
    await eventually("the Deployment has its replica", async () => {
      const { status, metadata } = await this.cluster.request<Deployment>("GET", `${DEPLOYMENTS}/${NAME}`);
      const isNow = status?.observedGeneration === metadata?.generation;
      return isNow && status?.readyReplicas === 1 && status.updatedReplicas === 1 && status.replicas === 1;
    });
    const pod = await this.pod();
    const podIP = ownAddress ?? "";
    const status = { podIP, podIPs: [{ $patch: "replace" }, { ip: podIP }] };
    await this.cluster.request("PATCH", `${PODS}/${pod.metadata.name}/status`, { status }, STRATEGIC);
  }

  /** The manager's Pod. */
  async pod(): Promise<Held<Pod>> {
    const path = `${PODS}?labelSelector=app.kubernetes.io%2Fname%3D${NAME}`;
    return await eventually("there is one Pod of the manager", async () => {
      const { items } = await this.cluster.request<{ items: Held<Pod>[] }>("GET", path);
      const living = items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
      return living.length === 1 && living[0];
    });
  }

  /** Starts the manager as its Pod; resolves when it is ready. */
  async start(): Promise<void> {
    const pod = await this.pod();
    this.#manager = await this.#identity.start(
      { groups: GROUPS },
      {
        METRICS_ADDR: `:${this.#port}`,
        POD_NAME: pod.metadata.name,
        LEADER_ELECTION_LEASE_DURATION: "6s",
        LEADER_ELECTION_RENEW_DEADLINE: "4s",
        LEADER_ELECTION_RETRY_PERIOD: "1s",
      },
    );
    await eventually("the manager is ready", async () => {
      const response = await fetch(`http://127.0.0.1:${this.#port}/readyz`);
      if (response.status === 200) return true;
      throw new Error(`${await response.text()}${this.#manager?.lines.join("\n")}`);
    });
  }

  /** Ends the manager without a word, as a node that loses its power. */
  async kill(): Promise<void> {
    await this.#manager?.[Symbol.asyncDispose]();
    this.#manager = undefined;
  }

  async kubectl(...args: string[]): Promise<void> {
    const { exitCode, stderr } = await this.cluster.kubectl(args);
    if (exitCode !== 0) throw new Error(stderr);
  }

  /** Merges a patch into an object. */
  async merge(path: string, patch: object): Promise<void> {
    await this.cluster.request("PATCH", path, patch, MERGE);
  }

  /** What doctor says for people, or with these flags. */
  say(flags = "", kubeconfig = this.cluster.kubeconfig): Promise<Said> {
    return sayDoctor(kubeconfig, flags);
  }

  /** What doctor finds. */
  diagnose(flags = "", kubeconfig = this.cluster.kubeconfig): Promise<Diagnosis> {
    return diagnose(kubeconfig, flags);
  }

  /** Waits until what is not ok is exactly of these checks; returns the findings. */
  async finds(ids: readonly string[]): Promise<readonly Told[]> {
    const look = async () => ofExactly(ids, await this.diagnose());
    return (await eventually(findsText(ids), look, { deadline: PATIENCE })).bad;
  }

  async stop(): Promise<void> {
    await this.kill();
    await this.cluster.stop();
  }
}
