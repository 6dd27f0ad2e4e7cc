import type { Clock } from "@pcmc/controller-runtime";
import type { BlockedPort, FirewallReading, PodReading, UnparsableCounts, VerdictCounts } from "../outcome.ts";

/** Milliseconds for which a reading is good: whoever asks more often costs the kernel no more. */
const FRESH = 200;

/** What an agent counts at this moment, of all Pods it looks after, exported or not: what `pcmc top` reads. */
export interface LivePage {
  /** The node. */
  readonly node: string;
  /** When it was read, milliseconds since the agent's start: differences of two readings are exact. */
  readonly at: number;
  /** Why there are no Pods, where eBPF does not work on the node. */
  readonly failure?: string;
  readonly pods: readonly LivePod[];
}

export interface LivePod {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly pid?: number;
  /** Counts by the call's name. */
  readonly syscalls?: Readonly<Record<string, number>>;
  readonly firewall?: LiveFirewall;
}

export type LiveVerdicts = { readonly [K in keyof VerdictCounts]: number };

export type LiveUnparsable = { readonly [K in keyof UnparsableCounts]: number };

export interface LiveFirewall {
  readonly ingress: LiveVerdicts;
  readonly egress: LiveVerdicts;
  readonly blockedPorts: readonly LivePort[];
  /** Packets that no port was found in, in none of the counts above. */
  readonly unparsable: LiveUnparsable;
}

export type LivePort = Omit<BlockedPort, "count"> & { readonly count: number };

export interface LivePagesOptions {
  readonly node: string;
  readonly read: () => readonly PodReading[] | undefined;
  /** Why `read` finds nothing. */
  readonly failure: () => string;
  readonly clock: Clock;
}

/** Makes the pages of `LIVE_PATH`. */
export class LivePages {
  readonly #options: LivePagesOptions;
  #last: LivePage | undefined;

  constructor(options: LivePagesOptions) {
    this.#options = options;
  }

  /** @throws what reading the kernel throws. */
  page(): LivePage {
    const { clock, node, read, failure } = this.#options;
    const at = clock.now();
    if (this.#last !== undefined && at - this.#last.at < FRESH) return this.#last;
    const readings = read();
    this.#last = { node, at, ...(readings === undefined && { failure: failure() }), pods: (readings ?? []).map(podOf) };
    return this.#last;
  }
}

const podOf = ({ uid, namespace, name, pid, syscalls, firewall }: PodReading): LivePod => ({
  uid,
  namespace,
  name,
  ...(pid !== undefined && { pid }),
  ...(syscalls && { syscalls: Object.fromEntries(syscalls.entries().map(([call, count]) => [call, Number(count)])) }),
  ...(firewall && { firewall: firewallOf(firewall) }),
});

const firewallOf = ({ ingress, egress, blockedPorts, unparsable }: FirewallReading): LiveFirewall => ({
  ingress: verdictsOf(ingress),
  egress: verdictsOf(egress),
  blockedPorts: blockedPorts.map((port) => ({ ...port, count: Number(port.count) })),
  unparsable: { ingress: Number(unparsable.ingress), egress: Number(unparsable.egress) },
});

const verdictsOf = ({ allowed, blocked, tcp, udp }: VerdictCounts): LiveVerdicts => ({
  allowed: Number(allowed),
  blocked: Number(blocked),
  tcp: Number(tcp),
  udp: Number(udp),
});
