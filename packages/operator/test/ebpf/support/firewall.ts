import { readdirSync, readFileSync } from "node:fs";
import { BpfMap, type BpfObject, openObject } from "@pcmc/libbpf";
import { buildPrograms } from "../../../../../scripts/bpf.ts";
import { parseAddress } from "../../../src/ebpf/address.ts";
import {
  type Direction,
  decodeBlockedPorts,
  decodeCounters,
  encodeIndex,
  encodePolicy,
  FIREWALL_MAPS,
  FIREWALL_PROGRAMS,
  type FirewallCounters,
  MAP_SHAPES,
  NODE_ADDRESSES,
  type PolicyValue,
} from "../../../src/ebpf/layout.ts";
import type { BlockedPort } from "../../../src/ebpf/outcome.ts";
import type { DirectionPolicy, FirewallPolicy } from "../../../src/ebpf/policy.ts";
import { mark, type PortBitmap, uniform } from "../../../src/ebpf/port-bitmap.ts";
import { readProgram } from "../../../src/ebpf/programs.ts";
import { ARCHITECTURE } from "./architecture.ts";
import { type Family, frame } from "./packets.ts";

/** Offsets in `struct __sk_buff`, and more room than any kernel's has. */
const IFINDEX = 40;
const GSO_SEGS = 164;
const CONTEXT_SIZE = 256;

/** Any network device but the loopback, on which nothing is judged; packets of a test run are said to have come over it. */
const otherDevice = readdirSync("/sys/class/net")
  .filter((name) => name !== "lo")
  .map((name) => Number(readFileSync(`/sys/class/net/${name}/ifindex`, "utf8")))[0];

export interface RunOptions {
  /** Index of the network device that the packet goes over. */
  readonly device?: number;
  /** Packets that the device makes of it, or has made it of; 0 = it is one. */
  readonly segments?: number;
}

/** The program of a Pod in the kernel, with maps of its own, attached to nothing yet. */
export class TestFirewall implements Disposable {
  readonly object: BpfObject;

  /** @param predecessor whose maps it takes over. */
  constructor(predecessor?: TestFirewall) {
    const { bytes } = readProgram("firewall", ARCHITECTURE);
    const mapFds =
      predecessor &&
      Object.fromEntries(predecessor.object.mapNames.map((name) => [name, predecessor.object.map(name)]));
    this.object = openObject(bytes, { name: "firewall", mapFds });
    try {
      this.object.load();
    } catch (error) {
      this.object[Symbol.dispose]();
      throw error;
    }
  }

  /** Puts a policy into the map, in one step. `nodeAddresses`: all that the node has. */
  replace({ nodeAddresses = [], ...value }: PolicyValue & { readonly nodeAddresses?: readonly string[] }): void {
    const addresses = this.object.map(NODE_ADDRESSES);
    const wanted = nodeAddresses.map(parseAddress);
    for (const before of [...addresses.keys()]) addresses.delete(before);
    for (const address of wanted) addresses.update(address, Buffer.of(1));
    using inner = BpfMap.create({ ...MAP_SHAPES.policy, name: "policy_value" });
    inner.update(encodeIndex(0), encodePolicy(value));
    this.#map("policy").setInner(encodeIndex(0), inner);
  }

  /** Whether a packet passes. */
  run(direction: Direction, family: Family, packet: Uint8Array, options: RunOptions = {}): boolean {
    const { device = otherDevice ?? 0, segments = 0 } = options;
    const context = Buffer.alloc(CONTEXT_SIZE);
    context.writeUInt32LE(device, IFINDEX);
    context.writeUInt32LE(segments, GSO_SEGS);
    const program = this.object.program(FIREWALL_PROGRAMS[direction]);
    return program.testRun({ dataIn: frame(family, packet), ctxIn: context }).retval === 1;
  }

  attach(cgroup: string): Disposable {
    const stack = new DisposableStack();
    for (const name of Object.values(FIREWALL_PROGRAMS)) stack.use(this.object.program(name).attachCgroup(cgroup));
    return stack;
  }

  counters(): FirewallCounters {
    return decodeCounters(this.#map("counters").lookupPerCpu(encodeIndex(0)) ?? []);
  }

  blockedPorts(): readonly BlockedPort[] {
    return [...this.#map("blockedPorts").entries()].flatMap(([, bucket]) => decodeBlockedPorts(bucket));
  }

  /** How many UDP peers are remembered. */
  peers(map: "udpRequests" | "udpGuests"): number {
    return [...this.#map(map).keys()].length;
  }

  #map(name: keyof typeof FIREWALL_MAPS): BpfMap {
    return this.object.map(FIREWALL_MAPS[name]);
  }

  [Symbol.dispose](): void {
    this.object[Symbol.dispose]();
  }
}

const failure = (): string | undefined => {
  if (process.getuid?.() !== 0) return "needs root";
  if (otherDevice === undefined) return "needs a network device besides the loopback";
  buildPrograms(() => {});
  try {
    new TestFirewall()[Symbol.dispose]();
    return undefined;
  } catch (error) {
    // A program that the verifier refuses is a failure of ours, and the tests that load it say so.
    if (error instanceof Error && error.name === "VerifierError") return undefined;
    return error instanceof Error ? error.message : String(error);
  }
};

/** Why tests of the program in the kernel cannot run here; `undefined` where they can. */
export const noFirewall = failure();

/** A list that blocks `blocked`, or all but `allowed`. */
export const list = (
  ports: { readonly blocked: readonly number[] } | { readonly allowed: readonly number[] },
): PortBitmap => {
  const bitmap = uniform("blocked" in ports ? "allow" : "block");
  mark(bitmap, "blocked" in ports ? ports.blocked : ports.allowed, "blocked" in ports ? "block" : "allow");
  return bitmap;
};

const ALL = uniform("allow");

/** The same for TCP and UDP. */
export const enforcing = (bitmap: PortBitmap): DirectionPolicy => ({
  tcp: { enforced: bitmap, audited: ALL },
  udp: { enforced: bitmap, audited: ALL },
});

export const auditing = (bitmap: PortBitmap): DirectionPolicy => ({
  tcp: { enforced: ALL, audited: bitmap },
  udp: { enforced: ALL, audited: bitmap },
});

/** A policy that judges nothing, changed by `changes`. */
export const firewallPolicy = (changes: Partial<FirewallPolicy>): FirewallPolicy => ({
  ingress: undefined,
  egress: undefined,
  established: "keep",
  probePorts: [],
  ...changes,
});

/** TCP ports of this network namespace on which something listens, whatever the address. */
export const listeningPorts = (): readonly number[] =>
  ["tcp", "tcp6"].flatMap((table) =>
    readFileSync(`/proc/net/${table}`, "utf8")
      .split("\n")
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , , state]) => state === LISTEN)
      .map(([, local = ""]) => Number.parseInt(local.slice(local.lastIndexOf(":") + 1), 16)),
  );

const LISTEN = "0A";
