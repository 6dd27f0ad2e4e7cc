/*
 * Invariants of `pcmc top` with agents that are named (`--agent`):
 * - Rates come of two looks; standard output has only them, in the form that was asked for.
 * - An agent that does not answer, or answers something else, is told on standard error, with exit code 1; the others are shown.
 */

import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import type { LivePage } from "../../../src/ebpf/agent/live-page.ts";
import { Folder } from "../support.ts";

/** An agent whose counters grow with each look, by its own clock one second a look. */
const agent = async (node: string, answer: (look: number) => unknown): Promise<string> => {
  let looks = 0;
  const server: Server = createServer((request, response) => {
    const isLive = request.url === "/ebpf";
    response.writeHead(isLive ? 200 : 404, { "content-type": "application/json" });
    response.end(isLive ? JSON.stringify(answer(looks++)) : "");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}?${node}`.split("?", 1)[0] ?? "";
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
    },
  })),
});

const top = async (line: string) => (await Folder.with({})).run(`top --interval 10ms --once ${line}`);

test("the Pods of all agents are one table", async () => {
  const urls = await Promise.all(["n1", "n2"].map((node) => agent(node, (look) => page(node, look))));
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
  const url = await agent("n1", (look) => page("n1", look));
  const { code, stdout } = await top(`--agent ${url} -n shop -o json`);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual({
    intervalSeconds: 0.01,
    pods: [
      {
        namespace: "shop",
        name: "web-on-n1",
        node: "n1",
        pid: 7,
        syscalls: { perSecond: 10, busiest: [{ name: "read", perSecond: 10 }] },
        packets: { allowedPerSecond: 1, blockedPerSecond: 2 },
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
  const urls = [await agent("n1", (look) => page("n1", look)), await agent("n2", answer)];
  const { code, stdout, stderr } = await top(`--agent ${urls.join(" ")}`);
  expect(code).toBe(1);
  expect(stdout).toContain("web-on-n1");
  expect(stderr).toBe(`not all is shown: ${urls[1]}: ${stderr.slice(`not all is shown: ${urls[1]}: `.length)}`);
  expect(stderr).toContain(reason);
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
