/*
 * Invariants of `pcmc top` with agents that are named (`--agent`):
 * - Rates come of two looks; standard output has only them, in the form that was asked for.
 * - An agent that does not answer, answers something else, or whose two answers give no rates, is told on standard error, with
 *   exit code 1; the others are shown.
 * - What an agent answers, however long and whatever it is, reaches no terminal but as a name or a number.
 */

import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { MOST_BYTES } from "../../../src/cli/top/bounded-get.ts";
import { LEAST_INTERVAL } from "../../../src/cli/top.ts";
import { type LivePage, LivePages } from "../../../src/ebpf/agent/live-page.ts";
import { ManualClock } from "../../ebpf/support/manual-clock.ts";
import { Folder } from "../support.ts";

/** An agent whose counters grow with each look, by its own clock one second a look. */
const agent = async (answer: (look: number) => unknown): Promise<string> => {
  let looks = 0;
  const server: Server = createServer((request, response) => {
    const isLive = request.url === "/ebpf";
    response.writeHead(isLive ? 200 : 404, { "content-type": "application/json" });
    response.end(isLive ? JSON.stringify(answer(looks++)) : "");
  });
  return served(server);
};

/** Its URL. */
const served = async (server: Server): Promise<string> => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

const page = (node: string, look: number): LivePage => ({
  node,
  at: look * 1_000,
  pods: ["shop", "blog"].map((namespace) => ({
    uid: `${node}-${namespace}`,
    namespace,
    name: `web-on-${node}`,
    pid: 7,
    syscalls: { read: look * 10 },
    firewall: {
      ingress: { allowed: look, blocked: look * 2, tcp: look * 3, udp: 0 },
      egress: { allowed: 0, blocked: 0, tcp: 0, udp: 0 },
      blockedPorts: [{ direction: "ingress", protocol: "tcp", port: 22, count: look * 2 }],
      unparsable: { ingress: look * 3, egress: 0 },
    },
  })),
});

const top = async (line: string) => (await Folder.with({})).run(`top --interval 200ms --once ${line}`);

test("the Pods of all agents are one table", async () => {
  const urls = await Promise.all(["n1", "n2"].map((node) => agent((look) => page(node, look))));
  const { code, stdout, stderr } = await top(`--agent ${urls.join(" ")}`);
  expect([code, stderr]).toEqual([0, ""]);
  expect(
    stdout
      .trimEnd()
      .split("\n")
      .map((line) => line.split(/ +/)),
  ).toEqual([
    ["NAMESPACE", "POD", "NODE", "SYSCALLS/S", "ALLOWED/S", "BLOCKED/S", "BUSIEST", "CALLS", "BLOCKED", "PORTS"],
    ["blog", "web-on-n1", "n1", "10", "1", "2", "read", "<-22/tcp", "(2)"],
    ["blog", "web-on-n2", "n2", "10", "1", "2", "read", "<-22/tcp", "(2)"],
    ["shop", "web-on-n1", "n1", "10", "1", "2", "read", "<-22/tcp", "(2)"],
    ["shop", "web-on-n2", "n2", "10", "1", "2", "read", "<-22/tcp", "(2)"],
  ]);
});

test("-o json is for programs, -n for one namespace", async () => {
  const url = await agent((look) => page("n1", look));
  const { code, stdout } = await top(`--agent ${url} -n shop -o json`);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual({
    intervalSeconds: 0.2,
    pods: [
      {
        namespace: "shop",
        name: "web-on-n1",
        node: "n1",
        pid: 7,
        syscalls: { perSecond: 10, busiest: [{ name: "read", perSecond: 10 }] },
        packets: { allowedPerSecond: 1, blockedPerSecond: 2, unparsablePerSecond: 3 },
        blockedPorts: [{ direction: "ingress", protocol: "tcp", port: 22, perSecond: 2, total: 2 }],
      },
    ],
    unseen: [],
  });
});

test.each([
  ["answers something else", () => ({ hello: "world" }), "something else than a node agent"],
  ["has no eBPF", () => ({ node: "n2", at: 0, failure: "Mount the bpffs.", pods: [] }), "Mount the bpffs."],
])("an agent that %s is told, and the others are shown", async (_, answer, reason) => {
  const urls = [await agent((look) => page("n1", look)), await agent(answer)];
  const { code, stdout, stderr } = await top(`--agent ${urls.join(" ")}`);
  expect(code).toBe(1);
  expect(stdout).toContain("web-on-n1");
  expect(stderr).toBe(`not all is shown: ${urls[1]}: ${stderr.slice(`not all is shown: ${urls[1]}: `.length)}`);
  expect(stderr).toContain(reason);
});

test.each<[string, (look: number) => unknown, string]>([
  ["had no answer before", (look) => (look === 0 ? {} : page("n2", look)), "had nothing to tell at the look before"],
  [
    "had no eBPF before",
    (look) => ({ ...page("n2", look), ...(look === 0 && { failure: "Mount the bpffs." }) }),
    "had nothing to tell at the look before",
  ],
  ["started anew", (look) => page("n2", 9 - look), "has started anew"],
  ["has read nothing new", () => page("n2", 1), "has read nothing new"],
])("an agent that %s has no rates, which is told", async (_, answer, reason) => {
  const urls = [await agent((look) => page("n1", look)), await agent(answer)];
  const { code, stdout, stderr } = await top(`--agent ${urls.join(" ")}`);
  expect(code).toBe(1);
  expect(stdout).toContain("web-on-n1");
  expect(stdout).not.toContain("web-on-n2");
  expect(stderr).toMatch(new RegExp(`^not all is shown: ${urls[1]}: [^\n]*${reason}[^\n]*\n$`));
});

const ESCAPE = "\u001b]0;owned\u0007\u001b[2J";
const changed = (look: number, change: object): LivePage => {
  const { pods, ...rest } = page("n2", look);
  return { ...rest, pods: pods.map((pod) => ({ ...pod, ...change })) };
};

test.each<[string, (look: number) => unknown]>([
  ["node", (look) => ({ ...page("n2", look), node: `n2${ESCAPE}` })],
  ["namespace", (look) => changed(look, { namespace: `shop${ESCAPE}` })],
  ["name of a Pod", (look) => changed(look, { name: `web${ESCAPE}` })],
  ["name of a Pod, with a line of its own", (look) => changed(look, { name: "web\nshop db" })],
  ["UID", (look) => changed(look, { uid: ESCAPE })],
  ["call", (look) => changed(look, { syscalls: { [`read${ESCAPE}`]: look } })],
  ["failure", (look) => ({ ...page("n2", look), failure: `none${ESCAPE}` })],
  ["failure that is long", (look) => ({ ...page("n2", look), failure: "x".repeat(100_000) })],
])("terminal escapes in an agent's %s are not passed on", async (_, answer) => {
  const urls = [await agent((look) => page("n1", look)), await agent(answer)];
  const { code, stdout, stderr } = await top(`--agent ${urls.join(" ")}`);
  expect(code).toBe(1);
  expect(stdout.trimEnd().split("\n")).toHaveLength(3);
  expect(`${stdout}${stderr}`).not.toMatch(/[^\n\P{C}]/u);
  expect(stderr.length).toBeLessThan(1_200);
});

test("an answer that has no end is given up", async () => {
  const server = createServer((_, response) => {
    const piece = Buffer.alloc(1024 * 1024, " ");
    const more = () => {
      while (response.write(piece));
    };
    response.on("drain", more);
    more();
  });
  const { code, stderr } = await top(`--agent ${await served(server)}`);
  expect(code).toBe(1);
  expect(stderr).toContain(`it answers more than ${MOST_BYTES / 1024 / 1024} MiB`);
});

test("an answer that leads elsewhere is not followed", async () => {
  const url = await agent((look) => page("n1", look));
  const server = createServer((_, response) => response.writeHead(302, { location: `${url}/ebpf` }).end());
  const { code, stderr } = await top(`--agent ${await served(server)}`);
  expect([code, stderr]).toEqual([1, expect.stringContaining("it answers 302")]);
});

test("the least interval is that for which agents give the same answer", async () => {
  const { stderr, code } = await top(`--agent http://127.0.0.1:1 --interval ${LEAST_INTERVAL - 1}ms`);
  expect([code, stderr]).toEqual([2, "--interval: must be at least 200ms, for which agents give the same answer\n"]);
  const clock = new ManualClock();
  const pages = new LivePages({ node: "n1", read: () => [], failure: () => "", clock });
  const first = pages.page();
  clock.advance(LEAST_INTERVAL - 1);
  expect(pages.page()).toBe(first);
  clock.advance(1);
  expect(pages.page()).not.toBe(first);
});

test("a node and an agent are not asked for together", async () => {
  const { code, stderr } = await top("--agent http://127.0.0.1:1 --node n1");
  expect([code, stderr]).toEqual([2, expect.stringMatching(/^--node and --agent: .*\n$/)]);
});

test("an address where nobody listens is told", async () => {
  const { code, stderr } = await top("--agent http://127.0.0.1:1");
  expect(code).toBe(1);
  expect(stderr).toMatch(/^not all is shown: http:\/\/127\.0\.0\.1:1: .*(ECONNREFUSED|bad port)/);
});

test("an address that is none is bad input", async () => {
  const { code, stdout, stderr } = await top("--agent localhost:8080");
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toBe("--agent localhost:8080: must be a URL, such as http://127.0.0.1:8080\n");
});
