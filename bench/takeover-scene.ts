import { setTimeout as sleep } from "node:timers/promises";
import type { Lease } from "kubernetes-types/coordination/v1.d.ts";
import type { ConfigMap } from "kubernetes-types/core/v1.d.ts";
import { LEASE_NAME, LEASE_SECONDS } from "../packages/operator/test/chaos/lease.ts";
import { emptied, type Ground } from "./ground.ts";
import { Ledger, teamOf } from "./takeover-ledger.ts";
import { type Ending, Replicas } from "./takeover-replicas.ts";
import { EventWatch } from "./takeover-watch.ts";
import { CONFIG_MAPS, podName, setTeam } from "./workload.ts";

/** Milliseconds between two changes of Pods, those of the rounds not counted. */
const TRICKLE = 250;
/** Longer than any take-over may take: what has not come by then is said to be missing. Milliseconds. */
const PATIENCE = 60_000;
const LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases";

/** Replicas on a converged cluster, Pods that change now and then, and somebody who looks on. */
export class TakeOverScene implements AsyncDisposable {
  readonly #ground: Ground;
  readonly #replicas: Replicas;
  readonly #ledger = new Ledger();
  readonly #watches: EventWatch[] = [];
  /** Who held the Lease, from when on (`performance.now()`). */
  readonly #holders: { readonly holder: string; readonly at: number }[] = [];
  /** The last change of each Pod, by the name of its ConfigMap. */
  readonly #last = new Map<string, number>();
  readonly #over = new AbortController();
  #trickle: Promise<void> = Promise.resolve();
  #changes = 0;

  private constructor(ground: Ground) {
    this.#ground = ground;
    this.#replicas = new Replicas(ground);
  }

  /** Resolves when the cluster has converged and all replicas are ready. */
  static async open(ground: Ground, replicas: number): Promise<TakeOverScene> {
    const scene = new TakeOverScene(ground);
    try {
      await emptied(ground);
      for (let i = 0; i < replicas; i++) await scene.#replicas.start();
      await scene.#look();
      await scene.#until("all ConfigMaps", () => scene.#ledger.size === ground.pods);
      scene.#trickle = scene.#changePods();
      // Whoever closes the scene sees the rejection; until then it is nobody's.
      scene.#trickle.catch(() => {});
      return scene;
    } catch (error) {
      await scene[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Ends the leader, and starts another replica once the next one leads. @returns seconds from the signal. */
  async takeOver(ending: Ending): Promise<{ readonly lease: number; readonly change: number }> {
    await this.#settled();
    // Some moment between two renewals.
    await sleep(Math.random() * LEASE_SECONDS.retryPeriod * 1_000);
    const { holder } = await this.#until("a leader", () => this.#holders.at(-1));
    const known = this.#holders.length;
    const { signalled, ended } = this.#replicas.end(holder, ending);
    const change = await this.#change();
    const next = await this.#until("the next leader", () =>
      this.#holders.slice(known).find((one) => one.holder !== ""),
    );
    const seen = await this.#until(`change ${change} in its ConfigMap`, () => this.#ledger.seen.get(change));
    await ended();
    await this.#replicas.start();
    return { lease: (next.at - signalled) / 1_000, change: (seen - signalled) / 1_000 };
  }

  /** Ends the changes, waits for the last one, and sums up. */
  async close(): Promise<{ readonly changes: number; readonly problems: readonly string[] }> {
    this.#over.abort();
    await this.#trickle;
    await this.#settled();
    return { changes: this.#changes, problems: [...this.#ledger.problems(this.#last), ...this.#replicas.problems] };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    // What it failed with was told where it was waited for.
    await this.#trickle.catch(() => {});
    for (const watch of this.#watches) await watch[Symbol.asyncDispose]();
    await this.#replicas[Symbol.asyncDispose]();
  }

  async #look(): Promise<void> {
    const { cluster } = this.#ground;
    const { onEvent } = this.#ledger;
    this.#watches.push(await EventWatch.open<ConfigMap>(cluster, CONFIG_MAPS, onEvent));
    const path = `${LEASES}?fieldSelector=metadata.name%3D${LEASE_NAME}`;
    const watch = await EventWatch.open<Lease>(cluster, path, ({ type, object, at }) => {
      const holder = type === "DELETED" ? "" : (object.spec?.holderIdentity ?? "");
      if (holder !== this.#holders.at(-1)?.holder) this.#holders.push({ holder, at });
    });
    this.#watches.push(watch);
  }

  async #changePods(): Promise<void> {
    while (!this.#over.signal.aborted) {
      await this.#change();
      await sleep(TRICKLE);
    }
  }

  /** Changes the Pod whose turn it is. @returns the number of the change. */
  async #change(): Promise<number> {
    const change = this.#changes++;
    const pod = podName(change % this.#ground.pods);
    this.#last.set(`pod-${pod}-from-web-cfg`, change);
    await setTeam(this.#ground.cluster, pod, teamOf(change));
    return change;
  }

  /** Waits until what was changed so far is in the ConfigMaps, or overtaken there by a later change. */
  async #settled(): Promise<void> {
    const wanted = [...this.#last];
    await this.#until("all changes in their ConfigMaps", () =>
      wanted.every(([name, change]) => this.#ledger.changeIn(name) >= change),
    );
  }

  async #until<T>(what: string, look: () => T | undefined | false): Promise<T> {
    const deadline = performance.now() + PATIENCE;
    while (performance.now() < deadline) {
      for (const watch of this.#watches) watch.throwIfEnded();
      this.#replicas.throwIfEnded();
      const found = look();
      if (found !== undefined && found !== false) return found;
      // The times that count come from the watches.
      await sleep(10);
    }
    throw new Error(`not within ${PATIENCE / 1_000} s: ${what}`);
  }
}
