import type { Cluster } from "@pcmc/devcluster";
import type { ConfigMap, Pod } from "kubernetes-types/core/v1.d.ts";
import type { ObjectMeta } from "kubernetes-types/meta/v1.d.ts";
import type { PodConfigMapConfig } from "../../../src/api/podconfigmapconfig.ts";
import { eventually } from "./eventually.ts";
import { type Held, NamespaceClient } from "./namespace-client.ts";

/** What the tests work with, by plural. */
export interface Kinds {
  readonly pods: Pod;
  readonly configmaps: ConfigMap;
  readonly podconfigmapconfigs: PodConfigMapConfig;
}

const roots: Readonly<Record<keyof Kinds, string>> = {
  pods: "/api/v1",
  configmaps: "/api/v1",
  podconfigmapconfigs: "/apis/podconfig.example.com/v1alpha1",
};

/** What of a Pod a test cares about. */
export interface PodWish {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  /** On a node, a Pod is deleted gracefully: it stays, terminating, until a kubelet has ended it. */
  readonly nodeName?: string;
}

type Condition = NonNullable<NonNullable<PodConfigMapConfig["status"]>["conditions"]>[number];

/** One namespace of a cluster, worked on as its admin, past the manager. */
export class Namespace extends NamespaceClient<Kinds> {
  constructor(cluster: Cluster, name: string) {
    super(cluster, name, roots);
  }

  createPod(name: string, { nodeName, ...metadata }: PodWish = {}): Promise<Held<Pod>> {
    const containers = [{ name: "main", image: "example.com/never-pulled" }];
    const spec = { containers, ...(nodeName !== undefined && { nodeName }) };
    return this.create("pods", { metadata: { name, ...(metadata as ObjectMeta) }, spec });
  }

  /** Sets a Pod's phase, as a kubelet does. */
  setPhase(pod: string, phase: string): Promise<unknown> {
    return this.patchStatus("pods", pod, { phase });
  }

  /** `spec` is not checked here: some tests store what is not valid. */
  createConfig(name: string, spec: object = {}): Promise<Held<PodConfigMapConfig>> {
    const type = { apiVersion: "podconfig.example.com/v1alpha1", kind: "PodConfigMapConfig" };
    return this.create("podconfigmapconfigs", { ...type, metadata: { name }, spec });
  }

  /** Waits until a PodConfigMapConfig's status is about its present generation; returns it as it is then. */
  settled(config: string): Promise<Held<PodConfigMapConfig>> {
    return eventually(`PodConfigMapConfig ${config} is settled at its generation`, async () => {
      const held = await this.get("podconfigmapconfigs", config);
      return held.status?.observedGeneration === held.metadata.generation && held;
    });
  }

  /** Waits until `Ready` is as `expected`. */
  ready(config: string, expected: { readonly status: "True" | "False"; readonly reason?: string }): Promise<Condition> {
    return eventually(`Ready of ${config} is ${JSON.stringify(expected)}`, async () => {
      const found = await this.condition(config, "Ready");
      if (found?.status === expected.status && (expected.reason ?? found.reason) === found.reason) return found;
      throw new Error(`it is ${JSON.stringify(found)}`);
    });
  }

  async condition(config: string, type: string): Promise<Condition | undefined> {
    const { status } = await this.get("podconfigmapconfigs", config);
    return status?.conditions?.find((condition) => condition.type === type);
  }
}
