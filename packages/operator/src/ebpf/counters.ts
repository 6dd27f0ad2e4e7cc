import type { BpfMap } from "@pcmc/libbpf";
import { decodeBlockedPorts, decodeCallCounts, decodeCounters, encodeIndex, FIREWALL_MAPS } from "./layout.ts";
import type { BlockedPort, FirewallReading } from "./outcome.ts";
import { openPinnedMap } from "./pinned-object.ts";
import { syscallName } from "./syscall-numbers.ts";
import type { Architecture } from "./syscalls-table.ts";

const ENTRY = encodeIndex(0);

/** How many ports a reading lists. The kernel remembers some more. */
const TOP_PORTS = 20;

/** All counters of a Pod come with one system call: 512 of them are one value of the map. */
export const readCalls = (counts: BpfMap, architecture: Architecture): ReadonlyMap<string, bigint> =>
  new Map(
    [...decodeCallCounts(counts.lookupPerCpu(ENTRY) ?? [])].map(([number, count]) => [
      syscallName(number, architecture),
      count,
    ]),
  );

/** The maps that a firewall counts in. They outlast it while the Pod lives. */
export class FirewallCounters implements Disposable {
  readonly #counters: BpfMap;
  readonly #blockedPorts: BpfMap;

  private constructor(counters: BpfMap, blockedPorts: BpfMap) {
    this.#counters = counters;
    this.#blockedPorts = blockedPorts;
  }

  /** `undefined` where the Pod never had a firewall. */
  static open(folder: string): FirewallCounters | undefined {
    using stack = new DisposableStack();
    const counters = stack.use(openPinnedMap(`${folder}/${FIREWALL_MAPS.counters}`));
    const blockedPorts = stack.use(openPinnedMap(`${folder}/${FIREWALL_MAPS.blockedPorts}`));
    if (counters === undefined || blockedPorts === undefined) return undefined;
    stack.move();
    return new FirewallCounters(counters, blockedPorts);
  }

  read(): FirewallReading {
    const { ingress, egress, unparsable } = decodeCounters(this.#counters.lookupPerCpu(ENTRY) ?? []);
    return { ingress, egress, blockedPorts: this.#topPorts(), unparsable };
  }

  [Symbol.dispose](): void {
    this.#counters[Symbol.dispose]();
    this.#blockedPorts[Symbol.dispose]();
  }

  #topPorts(): readonly BlockedPort[] {
    const ports = [...this.#blockedPorts.entries()].flatMap(([, bucket]) => decodeBlockedPorts(bucket));
    return ports.sort(byCount).slice(0, TOP_PORTS);
  }
}

/** Most first; those of one count in an order that stays. */
const byCount = (a: BlockedPort, b: BlockedPort): number => {
  if (a.count !== b.count) return a.count < b.count ? 1 : -1;
  return a.port - b.port || (keyOf(a) < keyOf(b) ? -1 : 1);
};

const keyOf = ({ direction, protocol }: BlockedPort): string => `${direction} ${protocol}`;
