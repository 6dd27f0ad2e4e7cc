import { setTimeout as pause } from "node:timers/promises";
import type { Match } from "@pcmc/devcluster";
import { eventually } from "../integration/support/eventually.ts";
import type { Namespace } from "../integration/support/namespace.ts";
import { ForeignObjects } from "./foreign.ts";
import { disturbLease, LEASE_NAME, LEASE_SECONDS } from "./lease.ts";
import { Replica } from "./replica.ts";
import type { Stage } from "./stage.ts";
import type { FaultStep, PauseStep, Step, Story, UserStep } from "./story.ts";
import { Users } from "./users.ts";

/** Milliseconds that a story waits for managers to be ready: with faults on they may not be. */
const PATIENCE = 5_000;

/** One story on its way: a namespace, its users and its managers. */
export class Scene implements AsyncDisposable {
  readonly namespace: Namespace;
  readonly replicas: readonly Replica[];
  readonly foreign = new ForeignObjects();
  readonly #stage: Stage;
  readonly #users: Users;

  private constructor(parts: { stage: Stage; namespace: Namespace; replicas: readonly Replica[] }) {
    this.#stage = parts.stage;
    this.namespace = parts.namespace;
    this.replicas = parts.replicas;
    this.#users = new Users(parts.namespace, this.foreign);
  }

  /** Makes the namespace and starts the managers, without waiting for them. */
  static async open(stage: Stage, { replicas: count }: Pick<Story, "replicas">): Promise<Scene> {
    const namespace = await stage.namespace();
    const env = environment(namespace.name, { electing: count > 1 });
    const names = Array.from({ length: count }, (_, i) => `replica-${i}`);
    const replicas = await Promise.all(names.map((name) => Replica.open({ name, target: stage.target, env })));
    await Promise.all(replicas.map((replica) => replica.start()));
    return new Scene({ stage, namespace, replicas });
  }

  /** Lets one thing happen. */
  async play(step: Step): Promise<unknown> {
    if (step.do === "wait") return pause(step.ms);
    if (step.do === "await-ready") return this.#awaitReady();
    if (isFault(step)) return this.#fault(step);
    return this.#users.act(step);
  }

  /** Ends all faults: from here on the managers have all that they need. */
  async calm(): Promise<void> {
    await this.#stage.repair();
    for (const { proxy } of this.replicas) {
      proxy.clear();
      proxy.disconnectAll();
    }
    for (const replica of this.replicas) {
      replica.resume();
      await replica.start();
    }
  }

  /** Deletes all that users and managers have made; what the manager is to take away itself may be there for a while. */
  async clean(): Promise<void> {
    const { namespace, foreign } = this;
    for (const { metadata } of await namespace.list("podconfigmapconfigs")) {
      await namespace.remove("podconfigmapconfigs", metadata.name);
    }
    for (const { metadata } of await namespace.list("pods")) {
      await this.#users.act({ do: "delete-pod", pod: metadata.name });
      await this.#users.act({ do: "release-pod", pod: metadata.name });
    }
    // What a hand has written to may be nobody's by now, and then nobody else takes it away.
    for (const { metadata } of await namespace.list("configmaps")) {
      if (foreign.wasHandled(metadata.name)) await namespace.remove("configmaps", metadata.name).catch(() => {});
      foreign.forget(metadata.name);
    }
  }

  async #awaitReady(): Promise<void> {
    const running = this.replicas.flatMap(({ process }) => process ?? []);
    const isReady = async () =>
      (await Promise.all(running.map((one) => one.readiness()))).every((r) => r?.status === 200);
    await eventually("the managers are ready", isReady, { deadline: PATIENCE }).catch(() => {});
  }

  async #fault(step: FaultStep): Promise<unknown> {
    const { cluster } = this.#stage;
    switch (step.do) {
      case "restart-server":
        await cluster.kill(step.component);
        await pause(step.downFor);
        return this.#stage.repair();
      case "steal-lease":
      case "skew-lease":
      case "delete-lease":
        return disturbLease(cluster, this.namespace.name, step);
      default: {
        const replica = this.replicas[step.replica];
        return replica && this.#faultOf(replica, step);
      }
    }
  }

  #faultOf(replica: Replica, step: FaultStep & { readonly replica: number }): unknown {
    const { proxy } = replica;
    switch (step.do) {
      case "fault":
        for (const match of matchesOf(step)) proxy.rule({ match, times: step.times, action: step.how });
        return;
      case "break-connections":
        return proxy.disconnectAll();
      case "calm":
        proxy.clear();
        return proxy.disconnectAll();
      case "rewind": {
        const path = new RegExp(`/${step.of}\\?`);
        const body = {
          kind: "Status",
          apiVersion: "v1",
          status: "Failure",
          code: 410,
          reason: "Expired",
          message: "old",
        };
        proxy.rule({
          match: { verb: "watch", path: resumedWatch(step.of) },
          times: 1,
          action: { type: "answer", status: 410, body },
        });
        proxy.rule({ match: { verb: "watch", path }, times: 1, action: { type: "replay", age: step.age } });
        return proxy.disconnectAll();
      }
      case "kill-manager":
        return replica.kill();
      case "stop-manager":
        return replica.stop();
      case "start-manager":
        return replica.start();
      case "pause-manager":
        return replica.pause();
      case "resume-manager":
        return replica.resume();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.replicas.map((replica) => replica[Symbol.asyncDispose]()));
  }
}

/** A watch that goes on from where it was, and does not ask for the state first. */
const resumedWatch = (collection: string) => new RegExp(`/${collection}\\?(?!.*sendInitialEvents)`);

const FAULTS: ReadonlySet<string> = new Set<FaultStep["do"]>([
  "fault",
  "break-connections",
  "calm",
  "rewind",
  "kill-manager",
  "stop-manager",
  "start-manager",
  "pause-manager",
  "resume-manager",
  "restart-server",
  "steal-lease",
  "skew-lease",
  "delete-lease",
]);

const isFault = (step: Exclude<Step, PauseStep>): step is Exclude<Step, PauseStep | UserStep> => FAULTS.has(step.do);

/** The requests that a fault is for; each match counts its `times` by itself. */
const matchesOf = ({ on, of }: FaultStep & { readonly do: "fault" }): readonly Match[] => {
  const path = of === undefined ? {} : { path: new RegExp(`/${of}(?:[/?]|$)`) };
  if (on === "any") return [path];
  if (on === "watch") return [{ ...path, verb: "watch" }];
  return (["create", "update", "patch", "delete"] as const).map((verb) => ({ ...path, verb }));
};

const environment = (namespace: string, { electing }: { readonly electing: boolean }) => ({
  WATCH_NAMESPACES: namespace,
  LOG_FORMAT: "json",
  LOG_LEVEL: process.env.CHAOS_LOG_LEVEL || "warning",
  CONTROLLER_POD_WORKERS: "4",
  // So that it is about as long in trouble as the trouble lasts: the slow cap is 30 s.
  CONTROLLER_MAX_RETRIES: "1000",
  CONTROLLER_RECONCILIATION_TIMEOUT: "2s",
  LEADER_ELECTION_ENABLED: String(electing),
  LEADER_ELECTION_LOCK_NAME: LEASE_NAME,
  LEADER_ELECTION_LOCK_NAMESPACE: namespace,
  LEADER_ELECTION_LEASE_DURATION: `${LEASE_SECONDS.duration}s`,
  LEADER_ELECTION_RENEW_DEADLINE: `${LEASE_SECONDS.renewDeadline}s`,
  LEADER_ELECTION_RETRY_PERIOD: `${LEASE_SECONDS.retryPeriod}s`,
});
