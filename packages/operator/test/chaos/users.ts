import { ApiStatusError } from "@pcmc/devcluster";
import type { ConfigMap } from "kubernetes-types/core/v1.d.ts";
import { readableName } from "../../src/podconfigmap/names.ts";
import { GENERATED_BY, POD_UID } from "../../src/podconfigmap/ownership.ts";
import type { Namespace, PodWish } from "../integration/support/namespace.ts";
import type { Held } from "../integration/support/namespace-client.ts";
import type { ForeignObjects } from "./foreign.ts";
import type { Edit, UserStep, Values } from "./story.ts";

const FINALIZER = "example.com/hold";

/** Merge patches. */
const EDITS: Readonly<Record<Edit, object>> = {
  "add-data": { data: { extra: "1" } },
  "change-data": { data: { podName: "somebody" } },
  "remove-data": { data: { podName: null } },
  "add-binary-data": { binaryData: { extra: "AAEC" } },
  "add-label": { metadata: { labels: { "example.com/mine": "yes" } } },
  "strip-labels": { metadata: { labels: { [GENERATED_BY]: null, [POD_UID]: null } } },
  "strip-owner": { metadata: { ownerReferences: null } },
  "make-immutable": { immutable: true },
};

/** The users of one namespace. What the API server refuses them does not happen. */
export class Users {
  readonly #namespace: Namespace;
  readonly #foreign: ForeignObjects;

  constructor(namespace: Namespace, foreign: ForeignObjects) {
    this.#namespace = namespace;
    this.#foreign = foreign;
  }

  /** @throws when the API server gives no answer: then nobody knows what happened. */
  async act(step: UserStep): Promise<void> {
    try {
      await this.#act(step);
    } catch (error) {
      if (!(error instanceof ApiStatusError) || error.code >= 500) throw error;
    }
  }

  async #act(step: UserStep): Promise<unknown> {
    const namespace = this.#namespace;
    switch (step.do) {
      case "create-pod":
        return namespace.createPod(step.pod, podOf(step));
      case "label-pod":
        return namespace.patch("pods", step.pod, { metadata: { labels: step.labels } });
      case "annotate-pod":
        return namespace.patch("pods", step.pod, { metadata: { annotations: step.annotations } });
      case "set-phase":
        return namespace.setPhase(step.pod, step.phase);
      case "delete-pod":
        return namespace.remove("pods", step.pod);
      case "release-pod":
        return namespace.patch("pods", step.pod, { metadata: { finalizers: null } });
      case "replace-pod":
        await namespace.remove("pods", step.pod);
        return namespace.createPod(step.pod, podOf({ ...step, annotations: {} }));
      case "create-config":
        return namespace.createConfig(step.config, present(step.spec));
      case "change-config":
        return namespace.patch("podconfigmapconfigs", step.config, { spec: step.spec });
      case "delete-config":
        return namespace.remove("podconfigmapconfigs", step.config);
      case "edit-configmap":
        return this.#wrote(namespace.patch("configmaps", nameOf(step), EDITS[step.edit]));
      case "delete-configmap":
        return this.#removeConfigMap(nameOf(step));
      case "foreign-configmap":
        return this.#wrote(namespace.create("configmaps", foreignOf(step)));
    }
  }

  async #wrote(write: Promise<Held<ConfigMap>>): Promise<void> {
    this.#foreign.note(await write);
  }

  async #removeConfigMap(name: string): Promise<void> {
    // The manager would be right, but only half a minute later: a test of its own has that case.
    if (!this.#foreign.endIsHeard(name)) return;
    await this.#namespace.remove("configmaps", name);
    this.#foreign.forget(name);
  }
}

const podOf = ({ labels, annotations, held }: { labels: Values; annotations: Values; held?: true }): PodWish => ({
  labels: present(labels),
  annotations: present(annotations),
  ...(held && { finalizers: [FINALIZER] }),
});

/** In a patch null takes a field out; a new object has no such field. */
const present = <T>(values: Readonly<Record<string, T | null>>): Record<string, T> =>
  Object.fromEntries(Object.entries(values).flatMap(([key, value]) => (value === null ? [] : [[key, value]])));

const nameOf = ({ pod, config }: { readonly pod: string; readonly config: string }): string =>
  readableName({ pod, pcmc: config });

const foreignOf = (step: { readonly pod: string; readonly config: string; readonly labelled: boolean }): ConfigMap => ({
  metadata: { name: nameOf(step), ...(step.labelled && { labels: { [GENERATED_BY]: "somebody" } }) },
  data: { theirs: "Zoë" },
});
