import { type NetworkInterfaceInfo, networkInterfaces } from "node:os";
import type { Clock, Timer } from "@pcmc/controller-runtime";
import { MAX_NODE_ADDRESSES } from "./layout.ts";

/** Milliseconds. A CNI makes its bridge with the node's first Pod, and that Pod's probes come from the bridge's address. */
const LOOK_AGAIN = 1000;

/**
 * Interfaces whose addresses are no source of the node's own traffic: kube-proxy in IPVS mode gives this one the address of each
 * Service, which can be thousands.
 */
const NOT_THE_NODES: ReadonlySet<string> = new Set(["kube-ipvs0"]);

type Interfaces = Readonly<Record<string, readonly Pick<NetworkInterfaceInfo, "address" | "internal">[] | undefined>>;

/**
 * The addresses from which the node itself talks to its Pods, kubelet's probes above all: those of all interfaces but loopback.
 * Sorted, none twice, and no more than there is room for: a node that has more is told of by `dropped`.
 */
export const nodeAddresses = (
  interfaces: Interfaces = networkInterfaces(),
): { readonly addresses: readonly string[]; readonly dropped: number } => {
  const all = new Set(
    Object.entries(interfaces).flatMap(([name, infos = []]) =>
      NOT_THE_NODES.has(name) ? [] : infos.flatMap(({ address, internal }) => (internal ? [] : [address])),
    ),
  );
  // IPv4 first: where not all fit, these are the likelier ones to be probed from.
  const sorted = [...all].sort((a, b) => Number(a.includes(":")) - Number(b.includes(":")) || (a < b ? -1 : 1));
  return { addresses: sorted.slice(0, MAX_NODE_ADDRESSES), dropped: Math.max(0, sorted.length - MAX_NODE_ADDRESSES) };
};

export interface NodeAddressesOptions {
  readonly clock: Clock;
  /** Told the addresses, at first and when they change; those that it throws for are told again at each look. */
  readonly onChange: (addresses: readonly string[]) => void;
  /** Told what `read` or `onChange` throw; of failures in a row the first. */
  readonly onFailure: (error: unknown) => void;
  /** Told when there are more addresses than fit; the number of those that are left out. */
  readonly onDropped: (dropped: number) => void;
  readonly read: () => ReturnType<typeof nodeAddresses>;
}

/** The node's addresses as they change. Linux tells of changes by netlink alone, which Node cannot read, so it looks. */
export class NodeAddresses implements Disposable {
  readonly #options: NodeAddressesOptions;
  /** What `onChange` has taken, as one text; `undefined` where it is not known. */
  #taken: string | undefined;
  #isFailing = false;
  #dropped = 0;
  #timer: Timer | undefined;

  constructor(options: NodeAddressesOptions) {
    this.#options = options;
    this.#look();
    this.#schedule();
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
  }

  #schedule(): void {
    this.#timer = this.#options.clock.after(LOOK_AGAIN, () => {
      this.#look();
      this.#schedule();
    });
  }

  #look(): void {
    try {
      this.#take(this.#options.read());
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing) this.#options.onFailure(error);
      this.#isFailing = true;
    }
  }

  #take({ addresses, dropped }: ReturnType<typeof nodeAddresses>): void {
    if (dropped > this.#dropped) this.#options.onDropped(dropped);
    this.#dropped = dropped;
    const text = addresses.join();
    if (text === this.#taken) return;
    // A failure can leave a part of the change, so until it succeeds not even what was taken before is.
    this.#taken = undefined;
    this.#options.onChange(addresses);
    this.#taken = text;
  }
}
