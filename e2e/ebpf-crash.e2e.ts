/**
 * The agent is killed, stopped, replaced and removed, while Pods live on under traffic whose every packet is known.
 *
 * Invariants:
 * - no blocked port opens and no allowed one closes, not for one packet;
 * - what was counted in the end is what was sent and called, whoever was there to look;
 * - no counter that is exported ever goes back;
 * - what happened while no agent ran is made good when one runs, and `pcmc agent uninstall` leaves nothing.
 *
 * PCMC_E2E_KILLS says how often the agent is killed; default 100.
 */
import { execFileSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { findProgram } from "@pcmc/devcluster";
import { afterAll, beforeAll, beforeEach, expect, onTestFailed, test } from "vitest";
import { agentLogs, agentMetrics, agentProcess, replaceAgent, setAgent, uninstallAgent } from "./support/agent.ts";
import { recorded, tcp } from "./support/attempts.ts";
import { callsAre, countedBy, type Verdicts, verdictsAre } from "./support/ebpf-counts.ts";
import { addressesOf, EbpfWorld } from "./support/ebpf-world.ts";
import type { Probe } from "./support/probe.ts";
import { trafficSoFar, verdictsOn } from "./support/traffic.ts";
import { until } from "./support/until.ts";

const KILLS = Number(process.env.PCMC_E2E_KILLS ?? "100");

/** TCP and UDP, open and closed. */
const PORTS = { open: 8080, closed: 8081, openUdp: 9000, closedUdp: 9001 } as const;
/** For how long there is no agent while Pods come and go, milliseconds. */
const AWAY = 60_000;
/** More than a sender gets rid of in these tests. */
const NUMBERS = 1_900_000;

const LABELS = { app: "target" };
const policy = (blockedPorts: readonly number[]) => ({
  labels: LABELS,
  ebpfConfig: {
    syscallMonitoring: { enabled: true, syscallNames: ["getppid"] },
    l4Firewall: { enabled: true, blockedPorts, defaultAction: "allow" },
    metricsExport: { enabled: true, updateInterval: "1s" },
  },
});
const CLOSED = [PORTS.closed, PORTS.closedUdp];

let world: EbpfWorld;
let target: Probe;
let client: Probe;
let address: string;

/** Numbers of the datagrams that came, or did not, as they should have. */
const received = async (at: Probe, count: number) => {
  const seen = await recorded(at);
  return Array.from({ length: count }, (_, number) => seen(number));
};

/** Runs something under traffic to open and closed ports, and says what should have been counted. */
const underTraffic = async (run: () => Promise<void>): Promise<Verdicts> => {
  using open = await world.probe("target");
  using closed = await world.probe("target");
  await open.ask("record", PORTS.openUdp, NUMBERS);
  await closed.ask("record", PORTS.closedUdp, NUMBERS);
  await client.ask("traffic", address, PORTS.open, PORTS.closed, PORTS.openUdp, PORTS.closedUdp);
  await run();
  const sent = await trafficSoFar(client, "stop");
  expect(sent.openConnects).toBeGreaterThan(0);
  expect(sent.openConnected).toBe(sent.openConnects);
  expect(sent.closedConnected).toBe(0);
  await until("every datagram to the open port has come", async () => {
    const lost = (await received(open, sent.openDatagrams)).filter((came) => !came).length;
    expect(lost).toBe(0);
    return true;
  });
  expect((await received(closed, sent.closedDatagrams)).filter((came) => came)).toEqual([]);
  return verdictsOn(sent);
};

/** Kills the agent as the kernel does when memory runs out, and waits until another process has its place. */
const kill = async (): Promise<void> => {
  const pid = await until("the agent runs", async () => agentProcess(world.cluster));
  process.kill(pid, "SIGKILL");
  await until("the agent runs again", async () => {
    const next = agentProcess(world.cluster);
    return next !== undefined && next !== pid ? true : undefined;
  });
};

const isReady = () =>
  until(
    "the agent answers again",
    async () => (await agentMetrics(world.cluster)).of("ebpf_attached_programs").length > 0 || undefined,
  );

const bpftool = (...words: readonly string[]): unknown =>
  JSON.parse(execFileSync(findProgram("bpftool") ?? "bpftool", ["--json", ...words], { encoding: "utf8" }));

interface Program {
  readonly id: number;
}

/** Ids of the programs that the agent has pinned. */
const pinnedPrograms = (): number[] =>
  world
    .pins()
    .filter((path) => path.endsWith("_program"))
    .map((path) => bpftool("prog", "show", "pinned", world.cluster.node.path(`/sys/fs/bpf/${path}`)) as Program)
    .map(({ id }) => id);

/** Ids of all programs in the kernel of this machine. */
const allPrograms = (): number[] => (bpftool("prog", "list") as readonly Program[]).map(({ id }) => id);

beforeAll(async () => {
  world = await EbpfWorld.start({ respawn: true });
  await Promise.all([world.run("target", { ports: `${PORTS.open},${PORTS.closed}` }), world.run("client")]);
  address = addressesOf(await world.pod("target")).v4;
  [target, client] = await Promise.all([world.probe("target"), world.probe("client")]);
  await world.enforce("target", "rules", policy(CLOSED));
});

beforeEach(() => {
  onTestFailed(async () => console.error(await agentLogs(world.cluster)));
});

afterAll(async () => {
  for (const probe of [target, client]) probe?.[Symbol.dispose]();
  await world?.[Symbol.asyncDispose]();
});

test(`nothing is lost when the agent is killed ${KILLS} times under traffic`, async () => {
  const before = await countedBy(world, "target");
  const each = 1000;
  const wanted = await underTraffic(async () => {
    for (let time = 0; time < KILLS; time++) {
      await kill();
      await target.ask("calls", "getppid", each);
      // At another moment of its start each time: before it has read anything, while it adopts, when it is done.
      await sleep((time % 20) * 50);
    }
  });
  await isReady();
  await verdictsAre(world, "target", { before, wanted });
  await callsAre(world, "target", { before, wanted: { getppid: KILLS * each } });
});

test("no counter goes back over restarts", async () => {
  let last = new Map<string, number>();
  for (let time = 0; time < 3; time++) {
    await isReady();
    const samples = await agentMetrics(world.cluster);
    const names = ["ebpf_l4_firewall_total", "ebpf_syscall_count_total"];
    const now = names.flatMap((name) =>
      samples.of(name).map((one) => [JSON.stringify([name, one.labels]), one.value] as const),
    );
    const gone = [...last].filter(([series, value]) => !((new Map(now).get(series) ?? -1) >= value));
    expect(gone).toEqual([]);
    expect(now.length).toBeGreaterThan(0);
    last = new Map(now);
    await target.ask("calls", "getppid", 10);
    await kill();
  }
  await isReady();
});

test("a rollout of the agent opens and closes nothing, and loses no count", async () => {
  const before = await countedBy(world, "target");
  const wanted = await underTraffic(() => replaceAgent(world.cluster));
  await isReady();
  await verdictsAre(world, "target", { before, wanted });
});

test("what happened in a minute without an agent is right once one runs, and counted to the last call", async () => {
  const [gone, ended] = await Promise.all(
    ["gone", "ended"].map((name) => world.run(name, { labels: LABELS, ports: "8080,8081" })),
  );
  for (const name of ["gone", "ended"]) await world.inKernel(name, "rules@1");
  const before = await countedBy(world, "target");
  await setAgent(world.cluster, "away");
  const back = performance.now() + AWAY;
  const wanted = await underTraffic(async () => {
    await target.ask("calls", "getppid", 1000);
    await world.remove("gone");
    await world.remove("ended");
    const { status } = await world.run("late", { labels: LABELS, ports: "8080,8081" });
    // Nobody was there to close it.
    expect(await tcp(client, status.podIP, PORTS.closed)).toBe("connected");
    await sleep(Math.max(back - performance.now(), 0));
    await target.ask("calls", "getppid", 1000);
  });
  await setAgent(world.cluster, "running");
  await world.inKernel("late", "rules@1");
  const { status } = await world.pod("late");
  expect(await tcp(client, status.podIP, PORTS.closed)).toBe("timeout");
  expect(await tcp(client, status.podIP, PORTS.open)).toBe("connected");
  await verdictsAre(world, "target", { before, wanted });
  await callsAre(world, "target", { before, wanted: { getppid: 2000 } });
  const uids = [gone, ended].map((pod) => pod?.metadata.uid ?? "");
  await until("what Pods have left is swept", async () => {
    expect(world.pins().filter((path) => uids.some((uid) => path.includes(uid)))).toEqual([]);
    return true;
  });
});

test("a policy that changed while no agent ran is in force once one runs", async () => {
  await setAgent(world.cluster, "away");
  const generation = await world.configure("rules", policy([PORTS.open]));
  expect(await tcp(client, address, PORTS.closed)).toBe("timeout");
  expect(await tcp(client, address, PORTS.open)).toBe("connected");
  await setAgent(world.cluster, "running");
  await world.inKernel("target", `rules@${generation}`);
  expect(await tcp(client, address, PORTS.closed)).toBe("connected");
  expect(await tcp(client, address, PORTS.open)).toBe("timeout");
});

test("pcmc agent uninstall leaves no program, no pin and no rule", async () => {
  const ours = pinnedPrograms();
  expect(ours.length).toBeGreaterThanOrEqual(5);
  await uninstallAgent(world.cluster);
  expect(await tcp(client, address, PORTS.open)).toBe("connected");
  expect(world.pins()).toEqual([]);
  expect(bpftool("cgroup", "tree", world.cluster.node.cgroupFolder ?? "")).toEqual([]);
  await until("the kernel has freed the programs", async () => {
    const left = allPrograms();
    expect(ours.filter((id) => left.includes(id))).toEqual([]);
    return true;
  });
});
