import { type Clock, createLogger, type NewEvent, type Stored } from "@pcmc/controller-runtime";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import type { Watcher } from "../../src/api/watcher.ts";
import { MissingPermissions } from "../../src/controllers/missing-permissions.ts";
import { censusOf } from "../../src/watcher/missed.ts";
import type { RolloutState } from "../../src/watcher/rollout.ts";
import { RESTARTED_FOR, type RestartAnnotations } from "../../src/watcher/rollout-mark.ts";
import type { Workload } from "../../src/watcher/rollout-verdict.ts";
import { ofDaemonSet, ofDeployment, ofStatefulSet, type ReadWorkload } from "../../src/watcher/rollout-workload.ts";
import { Rollouts, type RolloutsOptions } from "../../src/watcher/rollouts.ts";
import { storedPod, storedWatcher } from "./stored.ts";

const START = Date.parse("2026-01-31T12:00:00Z");

interface Instance {
  pod: Stored<Pod>;
  readonly template: number;
  available: boolean;
}

/** A workload of the simulation: nothing happens to it by itself. */
interface Simulated {
  readonly kind: Workload["kind"];
  readonly name: string;
  /** Generation of the spec, and of the template in it. */
  generation: number;
  template: number;
  templateAnnotations: Record<string, string>;
  annotations: Record<string, string>;
  paused: boolean;
  failed: boolean;
  pods: Instance[];
}

export interface WorkloadWish {
  readonly kind?: Workload["kind"];
  readonly replicas?: number;
  readonly available?: number;
  readonly paused?: boolean;
  /** Watcher -> revision of its Pods. Default: `logs` as it was. */
  readonly injected?: string;
}

/** Workloads, their Pods and a clock, as a test moves them; and `Rollouts`, which may be replaced as a leader is. */
export class RolloutWorld {
  now = 0;
  /** Workloads in the order of their restarts. */
  readonly restarts: string[] = [];
  readonly said: NewEvent[] = [];
  /** Requests made. */
  reads = 0;
  /** What the API server answers to each look at a workload, where it does not show it. */
  refusal: Error | undefined;
  /** What was counted as a failure: `TYPE NAMESPACE REASON`. */
  readonly failures: string[] = [];
  readonly watchers = new Map<string, { watcher: Stored<Watcher>; revision: string }>();
  readonly #workloads = new Map<string, Simulated>();
  #pods = 0;
  #rollouts = this.#start();

  #start(): Rollouts {
    const clock: Clock = {
      now: () => this.now,
      date: () => new Date(START + this.now),
      after: () => ({ cancel: () => {} }),
    };
    const options: RolloutsOptions = {
      clock,
      random: () => 0.5,
      permissions: new MissingPermissions({ clock, random: () => 0.5 }),
      metrics: {
        onRestart: () => {},
        onFailure: (...failure) => void this.failures.push(failure.join(" ")),
      },
      events: { event: (event) => void this.said.push(event) },
      revisionsIn: () => new Map([...this.watchers].map(([name, { revision }]) => [name, revision])),
      sources: {
        watchers: { get: (key) => this.watchers.get(key.slice(key.indexOf("/") + 1))?.watcher },
        pods: { byIndex: () => this.#allPods() },
      },
      workloads: {
        knownOwnerOf: (pod) => this.#ownerOf(pod),
        ownerOf: (pod) => Promise.resolve(this.#ownerOf(pod)),
        read: ({ kind, name }) => {
          this.reads++;
          if (this.refusal !== undefined) return Promise.reject(this.refusal);
          const found = this.#workloads.get(name);
          return Promise.resolve(found?.kind === kind ? readOf(found) : undefined);
        },
        restart: (workload, annotations) => Promise.resolve(this.#restart(workload, annotations)),
      },
    };
    return new Rollouts(options);
  }

  /** Another leader takes over, who knows only what is in the cluster. */
  failOver(): void {
    this.#rollouts = this.#start();
  }

  /** A Watcher is made, or changed to another revision. */
  change(revision: string, name = "logs"): void {
    const before = this.watchers.get(name)?.watcher;
    const generation = (before?.metadata.generation ?? 0) + 1;
    const status = before?.status;
    const watcher = storedWatcher(
      name,
      { rollout: "OnChange" },
      { metadata: { generation }, ...(status !== undefined && { status }) },
    );
    this.watchers.set(name, { watcher, revision });
  }

  removeWatcher(name: string): void {
    this.watchers.delete(name);
  }

  add(name: string, wish: WorkloadWish = {}): void {
    const { kind = "Deployment", replicas = 2, available = replicas, paused = false, injected = "logs=former" } = wish;
    const workload: Simulated = {
      kind,
      name,
      generation: 1,
      template: 1,
      templateAnnotations: {},
      annotations: {},
      paused,
      failed: false,
      pods: [],
    };
    this.#workloads.set(name, workload);
    for (let i = 0; i < replicas; i++) workload.pods.push(this.#instance(workload, injected, i < available));
  }

  workload(name: string): Simulated {
    const found = this.#workloads.get(name);
    if (found === undefined) throw new Error(`there is no ${name}`);
    return found;
  }

  /** Somebody changes the template: `kubectl set image`. */
  setImage(name: string): void {
    const workload = this.workload(name);
    workload.generation++;
    workload.template = workload.generation;
  }

  scale(name: string, wish: { readonly injected: string; readonly available?: boolean }): void {
    const workload = this.workload(name);
    workload.generation++;
    workload.pods.push(this.#instance(workload, wish.injected, wish.available ?? true));
  }

  /** The workload's controller replaces Pods of older templates, `count` of them. */
  roll(
    name: string,
    wish: { readonly count?: number; readonly injected?: string; readonly available?: boolean } = {},
  ): void {
    const workload = this.workload(name);
    const { count = Number.POSITIVE_INFINITY, injected = this.#present(), available = true } = wish;
    let left = count;
    workload.pods = workload.pods.map((instance) =>
      instance.template === workload.template || left-- <= 0 ? instance : this.#instance(workload, injected, available),
    );
  }

  setAvailable(name: string, available: boolean): void {
    for (const instance of this.workload(name).pods) instance.available = available;
  }

  markOf(name: string): string | undefined {
    return this.workload(name).templateAnnotations[RESTARTED_FOR];
  }

  /** One step of a Watcher's rollout, whose result goes to its status. */
  async step(name = "logs"): Promise<RolloutState> {
    const held = this.watchers.get(name);
    if (held === undefined) throw new Error(`there is no Watcher ${name}`);
    const { revision } = held;
    const { generation = 0 } = held.watcher.metadata;
    const at = { lastTransitionTime: "2026-01-31T11:00:00Z", observedGeneration: generation };
    const ready = { type: "Ready", status: "True", reason: "Ready", message: "", ...at } as const;
    const others = (held.watcher.status?.conditions ?? []).filter(({ type }) => type !== "Ready");
    held.watcher = { ...held.watcher, status: { ...held.watcher.status, conditions: [ready, ...others] } };
    const { watcher } = held;
    const census = await censusOf(watcher, { pods: this.#allPods(), revision, readySince: new Date(0) });
    const state = await this.#rollouts.step({ watcher, revision, census, context });
    const rolledOut = { type: "RolledOut", ...state.condition, ...at } as const;
    held.watcher = { ...watcher, status: { ...watcher.status, conditions: [ready, rolledOut] } };
    return state;
  }

  /** Steps, each after the time that the one before asked for, `count` times; the last result's reason. */
  async steps(count: number, name = "logs"): Promise<string> {
    let reason = "";
    for (let i = 0; i < count; i++) {
      const { condition, again = 30_000 } = await this.step(name);
      reason = condition.reason;
      this.now += again;
    }
    return reason;
  }

  /** Steps until a workload is restarted; fails if none is within a few. */
  async untilRestart(name = "logs"): Promise<string> {
    const before = this.restarts.length;
    for (let i = 0; i < 10; i++) {
      await this.steps(1, name);
      const restarted = this.restarts[before];
      if (restarted !== undefined) return restarted;
    }
    throw new Error(`nothing was restarted: ${JSON.stringify(await this.step(name))}`);
  }

  #present(): string {
    return [...this.watchers].map(([name, { revision }]) => `${name}=${revision}`).join(",");
  }

  #instance({ kind, name, template, templateAnnotations }: Simulated, injected: string, available: boolean): Instance {
    const owner = { apiVersion: "apps/v1", kind, name, uid: `uid-of-${name}`, controller: true };
    const names = injected.split(",").map((entry) => entry.split("=", 1)[0] ?? "");
    const pod = `${name}-${++this.#pods}`;
    const metadata = { name: pod, uid: `uid-of-${pod}`, ownerReferences: [owner] };
    const annotations = {
      ...templateAnnotations,
      "watch.example.com/inject": [...this.watchers.keys(), "logs"].join(","),
      "watch.example.com/injected": names.join(","),
      "watch.example.com/injected-revision": injected,
    };
    const containers = names.map((watcher) => ({ name: `agent-${watcher}`, injected: watcher }));
    return { pod: storedPod(pod, { metadata: { ...metadata, annotations }, containers }), template, available };
  }

  #allPods(): readonly Stored<Pod>[] {
    return [...this.#workloads.values()].flatMap(({ pods }) => pods.map(({ pod }) => pod));
  }

  #ownerOf({ metadata }: Stored<Pod>) {
    const name = metadata.ownerReferences?.[0]?.name ?? "";
    const { kind } = this.workload(name);
    return { type: "workload", reference: { kind, namespace: "shop", name }, uid: `uid-of-${name}` } as const;
  }

  #restart({ name }: ReadWorkload, { workload: own, template }: RestartAnnotations): void {
    const workload = this.workload(name);
    this.restarts.push(name);
    Object.assign(workload.annotations, own);
    Object.assign(workload.templateAnnotations, template);
    workload.generation++;
    workload.template = workload.generation;
  }
}

const context = {
  signal: new AbortController().signal,
  end: new AbortController().signal,
  log: createLogger({ level: "error", stream: { write: () => {} } }),
  attempts: 0,
};

/** As the API server would have it. */
const readOf = ({ kind, name, pods, template, generation, ...rest }: Simulated): ReadWorkload => {
  const updated = pods.filter((instance) => instance.template === template).length;
  const available = pods.filter((instance) => instance.available).length;
  const replicas = pods.length;
  const metadata = {
    name,
    namespace: "shop",
    uid: `uid-of-${name}`,
    resourceVersion: "1",
    generation,
    annotations: rest.annotations,
  };
  const podTemplate = { metadata: { annotations: rest.templateAnnotations } };
  const observed = { observedGeneration: generation };
  if (kind === "Deployment") {
    const conditions = rest.failed ? [{ type: "Progressing", status: "False" }] : [];
    return ofDeployment({
      metadata,
      spec: { replicas, selector: {}, template: podTemplate, paused: rest.paused },
      status: { ...observed, replicas, updatedReplicas: updated, availableReplicas: available, conditions },
    });
  }
  if (kind === "StatefulSet") {
    const updateRevision = `r${template}`;
    const currentRevision = updated === replicas ? updateRevision : "r0";
    return ofStatefulSet({
      metadata,
      spec: { replicas, selector: {}, serviceName: name, template: podTemplate },
      status: {
        ...observed,
        replicas,
        readyReplicas: available,
        updatedReplicas: updated,
        updateRevision,
        currentRevision,
      },
    });
  }
  return ofDaemonSet({
    metadata,
    spec: { selector: {}, template: podTemplate },
    status: {
      ...observed,
      currentNumberScheduled: replicas,
      numberMisscheduled: 0,
      numberReady: available,
      desiredNumberScheduled: replicas,
      updatedNumberScheduled: updated,
      numberAvailable: available,
    },
  });
};
