import type { Clock, Stored, Timer } from "@pcmc/controller-runtime";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import type { PodReading } from "../../../src/ebpf/outcome.ts";

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  #now = 0;
  readonly #timers = new Set<{ readonly at: number; readonly callback: () => void }>();

  now(): number {
    return this.#now;
  }

  date(): Date {
    return new Date(Date.UTC(2026, 0, 31) + this.#now);
  }

  after(delay: number, callback: () => void): Timer {
    const timer = { at: this.#now + delay, callback };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Moves time on, calling what comes due on the way, each at its time. */
  advance(milliseconds: number): void {
    const end = this.#now + milliseconds;
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.callback();
    }
    this.#now = end;
  }
}

/** A Pod of a node as it is stored. */
export const storedPod = (
  name: string,
  rest: Omit<Pod, "metadata"> & { metadata?: Pod["metadata"] } = {},
): Stored<Pod> => ({
  ...rest,
  metadata: { name, namespace: "shop", uid: `uid-of-${name}`, resourceVersion: "1", ...rest.metadata },
});

/** What was counted of a Pod. */
export const reading = (name: string, rest: Partial<PodReading> = {}): PodReading => ({
  uid: `uid-of-${name}`,
  namespace: "shop",
  name,
  pid: 4711,
  programs: ["syscall_counter", "l4_firewall"],
  syscalls: undefined,
  firewall: undefined,
  ...rest,
});

/** Verdicts of one direction. */
export const verdicts = (allowed = 0, blocked = 0, udp = 0) => ({
  allowed: BigInt(allowed),
  blocked: BigInt(blocked),
  tcp: BigInt(allowed + blocked - udp),
  udp: BigInt(udp),
});
