/**
 * On the kernel's own routes, in a network namespace in the place of the machine's.
 *
 * Invariants:
 * - a link takes no address that anything else has a route to, and says when it has to leave the usual space;
 * - the node itself has a route to Services, of each family;
 * - two links share nothing, also when both draw the same random numbers.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import type { AddressPlan } from "../../src/real-node/address-plan.ts";
import { whyNoRealNode } from "../../src/real-node/packages.ts";

const fixture = fileURLToPath(new URL("../fixtures/link.ts", import.meta.url));

interface Links {
  readonly plans: readonly AddressPlan[];
  readonly said: readonly string[];
  readonly routes: readonly string[];
  /** Those of the first node. */
  readonly inside: readonly string[];
}

/** Makes links after `prepare`, a script, one for each list of random numbers. */
const linksAfter = async (prepare: string, ...numbers: readonly string[]): Promise<Links> => {
  const script = `ip link set lo up && { ${prepare}; } && exec "$0" "$@"`;
  const node = [process.execPath, fixture, ...numbers];
  return JSON.parse((await promisify(execFile)("unshare", ["--net", "sh", "-c", script, ...node])).stdout) as Links;
};

const SAME = "0,0,0,0";
const IPV6 = "/proc/sys/net/ipv6/conf/default/disable_ipv6";
const reason = whyNoRealNode();
const noIpv6 = existsSync(IPV6) ? "" : " (skipped: the kernel has no IPv6)";

describe.skipIf(reason !== undefined)(`a link${reason ? ` (skipped: ${reason})` : ""}`, () => {
  test.skipIf(noIpv6)(`has its routes, of IPv4 and of IPv6, by its own device${noIpv6}`, async () => {
    const { plans, said, routes } = await linksAfter(`echo 0 >${IPV6}`, SAME);
    expect(plans).toMatchObject([{ pods: "198.18.1.0/24", v6: { pods: "fd00:1:1:1::/64" } }]);
    expect(said).toEqual([]);
    expect(routes).toEqual(
      expect.arrayContaining([
        "198.18.0.0/30 pcmc-0",
        "198.18.1.0/24 pcmc-0",
        "198.18.2.0/24 pcmc-0",
        "fd00:1:1:1::/64 pcmc-0",
        "fd00:1:1:2::/112 pcmc-0",
      ]),
    );
  });

  test.skipIf(noIpv6)(`gives the node a way to Services, of IPv4 and of IPv6${noIpv6}`, async () => {
    const { plans, inside } = await linksAfter(`echo 0 >${IPV6}`, SAME);
    const [plan] = plans;
    expect(inside).toEqual(expect.arrayContaining([`${plan?.services} eth0`, `${plan?.v6?.services} eth0`]));
  });

  test.skipIf(noIpv6)(`has other addresses than one before it that drew the same${noIpv6}`, async () => {
    const { plans, said, routes } = await linksAfter(`echo 0 >${IPV6}`, SAME, "0,0,0,0,0.5,0.5,0.5,0.5");
    expect(plans.map(({ pods }) => pods)).toEqual(["198.18.1.0/24", "198.19.1.0/24"]);
    expect(plans.map(({ v6 }) => v6?.pods)).toEqual(["fd00:1:1:1::/64", expect.stringMatching(/^fd80:/)]);
    // Nor is anything left of the attempt that failed for the addresses of IPv6.
    const ipv4 = routes.filter((route) => route.endsWith(" pcmc-1") && !route.includes(":"));
    expect(ipv4.sort()).toEqual(["198.19.0.0/30 pcmc-1", "198.19.1.0/24 pcmc-1", "198.19.2.0/24 pcmc-1"]);
    expect(said).toEqual([]);
  });

  test("leaves a space alone into which something else has a route, and says so", async () => {
    const { plans, said } = await linksAfter("ip route add 198.18.200.0/30 dev lo", SAME);
    expect(plans).toMatchObject([{ pods: "100.64.1.0/24" }]);
    expect(said).toEqual(["this machine has routes into 198.18.0.0/15: the node has addresses of 100.64.0.0/22"]);
  });

  test("has no IPv6 where the machine has it off", async () => {
    const { plans, routes } = await linksAfter(noIpv6 ? "true" : `echo 1 >${IPV6}`, SAME);
    expect(plans.map(({ v6 }) => v6)).toEqual([undefined]);
    expect(routes.filter((route) => route.includes(":"))).toEqual([]);
  });
});
