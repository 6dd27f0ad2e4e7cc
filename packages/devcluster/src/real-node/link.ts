import { type AddressPlan, addressPlan, BLOCKS, freeBlock, parseRange, type Range } from "./address-plan.ts";
import { run } from "./run.ts";

/** What links of this package carry as alias, before the name of their owner. */
const ALIAS = "pcmc-devcluster ";

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
}

/**
 * Links this machine with a node's network namespace, on addresses that nothing here uses, and routes Pods and
 * Services through it. The device goes with the namespace or by {@link removeLink}, and the routes with the device.
 */
export const createLink = async ({ pid, owner, inside, random = Math.random }: LinkOptions): Promise<AddressPlan> => {
  const device = `pcmc-${pid}`;
  await run("ip", ["link", "add", device, "type", "veth", "peer", "name", INSIDE, "netns", String(inside)]);
  await run("ip", ["link", "set", "dev", device, "alias", `${ALIAS}${owner}`]);
  await run("ip", ["link", "set", "dev", device, "up"]);
  const plan = await claimBlock(device, random);
  const within = (args: readonly string[]) => run("nsenter", [`--net=/proc/${inside}/ns/net`, "ip", ...args]);
  await within(["address", "add", `${plan.node}/${plan.linkBits}`, "dev", INSIDE]);
  await within(["link", "set", "dev", INSIDE, "up"]);
  for (const range of [plan.pods, plan.services]) {
    await run("ip", ["route", "replace", range, "via", plan.node, "dev", device]);
  }
  return plan;
};

/** Two that start at once may choose the same block. The kernel takes a route once, so the second one learns of it. */
const claimBlock = async (device: string, random: () => number): Promise<AddressPlan> => {
  for (let attempt = 1; ; attempt++) {
    const plan = addressPlan(freeBlock(await usedRanges(), Math.floor(random() * BLOCKS)));
    try {
      await run("ip", ["route", "add", plan.pods, "dev", device]);
      await run("ip", ["address", "add", `${plan.host}/${plan.linkBits}`, "dev", device]);
      return plan;
    } catch (error) {
      const lost = error instanceof Error && error.message.includes("File exists");
      if (!lost || attempt === ATTEMPTS) throw error;
    }
  }
};

interface Route {
  readonly dst?: string;
}

const usedRanges = async (): Promise<Range[]> => {
  const routes = JSON.parse(await run("ip", ["-json", "-4", "route", "show", "table", "all"])) as Route[];
  return routes.map(({ dst }) => parseRange(dst ?? "")).filter((range) => range !== undefined);
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
