import { readFileSync } from "node:fs";
import {
  type AddressPlan,
  addressPlan,
  familiesOf,
  freeBlock,
  localPrefix,
  parseRange,
  secondChoice,
  type UsedRange,
} from "./address-plan.ts";
import { type RunOptions, run } from "./run.ts";

/** What links of this package carry as alias, before the name of their owner. */
const ALIAS = "pcmc-devcluster ";

/** What the names of their devices on this machine begin with. */
const DEVICE = "pcmc-";

/** How often another may win the race for a block of addresses. */
const ATTEMPTS = 20;

/** Inside, the link has the name that everybody expects. */
const INSIDE = "eth0";

/** Whose link, and where its other end goes. */
export interface LinkOptions {
  /** Pid of the keeper, which makes the device's name. */
  readonly pid: number;
  readonly owner: string;
  /** A process in the network namespace of the node. */
  readonly inside: number;
  readonly random?: () => number;
  readonly signal?: AbortSignal | undefined;
  /** Gets a line when the addresses are not of the usual range. */
  readonly say?: (line: string) => void;
}

/** Runs `ip` with these arguments, in some network namespace. */
type Ip = (...args: readonly string[]) => Promise<string>;

const ipWith =
  (options: RunOptions): Ip =>
  (...args) =>
    run("ip", args, options);

/**
 * Links this machine with a node's network namespace, on addresses that nothing here uses, and routes Pods and
 * Services through it, and the node's own way to Services. The device goes with the namespace or by {@link removeLink}, and the routes with the device.
 */
export const createLink = async (options: LinkOptions): Promise<AddressPlan> => {
  const { pid, owner, inside, signal } = options;
  const ip = ipWith({ signal });
  const within: Ip = (...args) => run("nsenter", [`--net=/proc/${inside}/ns/net`, "ip", ...args], { signal });
  const device = `${DEVICE}${pid}`;
  await ip("link", "add", device, "type", "veth", "peer", "name", INSIDE, "netns", String(inside));
  await ip("link", "set", "dev", device, "alias", `${ALIAS}${owner}`);
  await ip("link", "set", "dev", device, "up");
  await within("link", "set", "dev", INSIDE, "up");
  const plan = await claim(ip, device, options);
  for (const { node, linkBits, pods, services } of familiesOf(plan)) {
    await within("address", "add", `${node}/${linkBits}`, "dev", INSIDE, ...knownUnique(node));
    for (const range of [pods, services]) await ip("route", "replace", range, "via", node, "dev", device);
    // What the node itself sends to a Service gets a Pod's address only after a route has been found. Other nodes have a default
    // route for that. Not by the host, which would send back what nobody gives another address.
    await within("route", "add", services, "dev", INSIDE);
  }
  return plan;
};

/** Two that start at once may choose the same block. The kernel takes a route once, so the second one learns of it. */
const claim = async (ip: Ip, device: string, { random = Math.random, say }: LinkOptions): Promise<AddressPlan> => {
  for (let attempt = 1; ; attempt++) {
    const block = freeBlock(await usedRanges(ip), random);
    const plan = addressPlan(block, hasIpv6(device) ? localPrefix(random) : undefined);
    try {
      for (const { host, linkBits, pods } of familiesOf(plan)) {
        await ip("route", "add", pods, "dev", device);
        await ip("address", "add", `${host}/${linkBits}`, "dev", device, ...knownUnique(host));
      }
      const unusual = secondChoice(block);
      if (unusual) say?.(unusual);
      return plan;
    } catch (error) {
      const lost = error instanceof Error && error.message.includes("File exists");
      if (!lost || attempt === ATTEMPTS) throw error;
      await ip("address", "flush", "dev", device, "scope", "global");
      await ip("route", "flush", "dev", device, "scope", "link");
    }
  }
};

/** There are two on the link, so nobody needs to be asked whether an address is taken, which takes a second. */
const knownUnique = (address: string): string[] => (address.includes(":") ? ["nodad"] : []);

/** Whether the kernel has IPv6, and this machine leaves it on for new devices. */
const hasIpv6 = (device: string): boolean => {
  try {
    return readFileSync(`/proc/sys/net/ipv6/conf/${device}/disable_ipv6`, "utf8").trim() === "0";
  } catch {
    return false;
  }
};

interface Route {
  readonly dst?: string;
  readonly dev?: string;
}

const usedRanges = async (ip: Ip): Promise<UsedRange[]> => {
  const routes = JSON.parse(await ip("-json", "-4", "route", "show", "table", "all")) as Route[];
  return routes.flatMap(({ dst = "", dev = "" }) => {
    const range = parseRange(dst);
    return range ? [{ ...range, isNode: dev.startsWith(DEVICE) }] : [];
  });
};

interface Device {
  readonly ifname?: string;
  readonly ifalias?: string;
}

/** Removes the links of an owner: at once, where the end of the namespace would take them some time later. */
export const removeLink = async (owner: string): Promise<void> => {
  const devices = JSON.parse(await run("ip", ["-json", "link", "show"])) as Device[];
  for (const { ifname, ifalias } of devices) {
    if (ifname === undefined || ifalias !== `${ALIAS}${owner}`) continue;
    // The kernel may just have been faster.
    await run("ip", ["link", "delete", "dev", ifname]).catch((error: Error) => {
      if (!error.message.includes("Cannot find device")) throw error;
    });
  }
};
