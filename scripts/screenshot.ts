/*
 * Pictures of the dashboards with real data: a real control plane, two managers, an agent where the machine permits one, and a
 * Prometheus that scrapes them while Pods come and specs change. Each panel of a dashboard's JSON is asked of Prometheus and drawn,
 * and Chromium makes a PNG of the page.
 *
 *   node scripts/screenshot.ts [--seconds 120]
 *
 * Needs the Debian packages prometheus and chromium; `make screenshot` installs them.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { findProgram, startCluster } from "@pcmc/devcluster";
import { testNetwork } from "../packages/operator/test/ebpf/support/network.ts";
import { noKernel } from "../packages/operator/test/ebpf/support/node.ts";
import { AgentStage } from "../packages/operator/test/integration/support/agent-stage.ts";
import { ManagerProcess } from "../packages/operator/test/integration/support/manager-process.ts";
import { Namespace } from "../packages/operator/test/integration/support/namespace.ts";
import { startWebhook } from "../packages/operator/test/integration/support/webhook-process.ts";
import {
  ALERTS,
  chosenAll,
  dashboards,
  type GrafanaPanel,
} from "../packages/operator/test/observability/support/committed.ts";
import { type Labels, Prometheus } from "../packages/operator/test/observability/support/prometheus.ts";
import {
  keepBusy,
  play,
  prepare,
  registerNode,
  type Stage,
} from "../packages/operator/test/observability/support/scene.ts";
import { chapter, path, say } from "./demo/stage.ts";
import { type Drawing, pageOf, sizeOf } from "./screenshot/draw.ts";

/** Which dashboards; the pictures are named after them. */
const PICTURES = ["pcmc-overview", "pcmc-queues", "pcmc-ebpf"];
/** Bytes of a picture at the most: they are in everybody's clone. */
const LARGEST = 300_000;
const WINDOW = "30s";
const STEP = 3;
/** A machine that builds and tests at the same time takes its time for an answer. */
const SCRAPES = "3s";

type World = Parameters<typeof AgentStage.create>[0];

const worldOf = async (ending: AsyncDisposableStack): Promise<World> => {
  const cluster = ending.use(await startCluster({ controllerManager: true }));
  let made = 0;
  const namespace = async () => {
    const name = ["shop", "guarded"][made++] ?? `more-${made}`;
    await cluster.request("POST", "/api/v1/namespaces", { metadata: { name } });
    const accounts = `/api/v1/namespaces/${name}/serviceaccounts`;
    await cluster.request("POST", accounts, { metadata: { name: "default" } }).catch(() => {});
    return new Namespace(cluster, name);
  };
  const { stderr, exitCode } = await cluster.kubectl(["apply", "--filename", path("crd")]);
  if (exitCode !== 0) throw new Error(stderr);
  return { cluster, namespace };
};

/** An agent with Pods that make calls and are blocked; none where the kernel cannot be had. */
const startAgent = async (world: World, ending: AsyncDisposableStack): Promise<readonly string[]> => {
  if (noKernel !== undefined) {
    say(`no agent: ${noKernel}`);
    return [];
  }
  const stage = ending.use(await AgentStage.create(world));
  await registerNode(world.cluster, stage.nodeName);
  const network = ending.use(await testNetwork());
  await stage.namespace.createConfig("guard", {
    ebpfConfig: {
      syscallMonitoring: { enabled: true },
      l4Firewall: { enabled: true, blockedPorts: [7000] },
      metricsExport: { enabled: true, updateInterval: "1s" },
    },
  });
  const [web, api] = [await stage.createPod("web"), await stage.createPod("api")];
  const agent = await stage.startAgent({ EBPF_RUN_STATS: "true" });
  for (const name of ["web", "api"]) await stage.reason(name, "Attached");
  await network.serve(web.cgroup, [7000, 7001]);
  const traffic = new AbortController();
  const talking = (async () => {
    for (let round = 0; !traffic.signal.aborted; round += 1) {
      await network.reach("tcp", 7001);
      if (round % 3 === 0) await network.reach("tcp", 7000);
      await stage.call(api, { getppid: 100 + (round % 50) });
      await pause(50);
    }
  })();
  ending.defer(async () => {
    traffic.abort();
    await talking;
  });
  return [hostOf(agent)];
};

const hostOf = ({ url }: ManagerProcess): string => new URL(url).host;

const startManagers = async ({ cluster }: World, ending: AsyncDisposableStack): Promise<readonly string[]> => {
  const args = ["--controllers=podconfigmap,watcher,podlogreader"];
  const elected = { LEADER_ELECTION_ENABLED: "true", CONTROLLER_POD_WORKERS: "auto" };
  const { manager } = ending.use(await startWebhook(cluster, elected, args));
  await manager.ready();
  const env = { ...elected, KUBECONFIG: cluster.kubeconfig, WEBHOOK_ENABLED: "false" };
  const standby = ending.use(await ManagerProcess.start(env, args));
  // A picture of a bug is no picture of the product.
  ending.defer(() => {
    for (const line of [...manager.lines, ...standby.lines]) if (line.includes("reconcile threw")) say(line);
  });
  return [hostOf(manager), hostOf(standby)];
};

const workUntilTheEnd = (stage: Stage, ending: AsyncDisposableStack): void => {
  const busy = new AbortController();
  const working = keepBusy(stage, busy.signal);
  ending.defer(async () => {
    busy.abort();
    await working;
  });
};

const named = (legend: string, metric: Labels): string =>
  legend.replaceAll(/\{\{(\w+)\}\}/g, (_, label: string) => metric[label] ?? "");

interface Asked {
  readonly panel: GrafanaPanel;
  readonly range: { readonly start: number; readonly end: number; readonly step: number };
}

const lastOf = ({ values }: Drawing["curves"][number]): number => Number(values.at(-1)?.[1]) || 0;

/** What Prometheus answers to a panel, the largest first. */
const drawingOf = async (prometheus: Prometheus, { panel, range }: Asked): Promise<Drawing> => {
  const { type, title, gridPos, targets = [], fieldConfig } = panel;
  const answers = targets.map(async ({ expr, legendFormat }) => {
    const curves = await prometheus.queryRange(chosenAll(expr, { window: WINDOW }), range);
    return curves.map(({ metric, values }) => ({ name: named(legendFormat, metric), values }));
  });
  const { unit, thresholds, custom } = fieldConfig?.defaults ?? { unit: "none", thresholds: { steps: [] }, custom: {} };
  return {
    type,
    title,
    gridPos,
    unit,
    from: range.start,
    to: range.end,
    curves: (await Promise.all(answers)).flat().sort((a, b) => lastOf(b) - lastOf(a)),
    steps: thresholds.steps,
    stacked: custom.stacking?.mode === "normal",
  };
};

/** @throws where a picture is larger than it may be. */
const photograph = (
  uid: string,
  { title, drawings }: { readonly title: string; readonly drawings: readonly Drawing[] },
) => {
  const folder = mkdtempSync(join(tmpdir(), "pcmc-picture-"));
  const { width, height } = sizeOf(drawings);
  const picture = path(`docs/images/${uid}.png`);
  try {
    writeFileSync(join(folder, "page.html"), pageOf(title, drawings));
    const quiet = [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--hide-scrollbars",
      `--user-data-dir=${folder}/profile`,
    ];
    const shot = [`--window-size=${width},${height}`, `--screenshot=${picture}`, `file://${folder}/page.html`];
    execFileSync(findProgram("chromium") ?? "chromium", [...quiet, ...shot], { stdio: "pipe", timeout: 120_000 });
  } finally {
    rmSync(folder, { recursive: true });
  }
  const { size } = statSync(picture);
  if (size > LARGEST) throw new Error(`${picture} has ${size} bytes, more than ${LARGEST}`);
  const empty = drawings.filter(({ type, curves }) => type !== "row" && curves.length === 0).map(({ title }) => title);
  say(`docs/images/${uid}.png: ${size} bytes${empty.length === 0 ? "" : `; no data in: ${empty.join(", ")}`}`);
};

const run = async (seconds: number): Promise<void> => {
  await using ending = new AsyncDisposableStack();
  chapter("A control plane, two managers, an agent and a Prometheus start.");
  const world = await worldOf(ending);
  const { name } = await world.namespace();
  const stage = { cluster: world.cluster, namespace: name };
  await prepare(stage);
  const managers = await startManagers(world, ending);
  const agents = await startAgent(world, ending);
  const jobs = { "podconfigmap-controller": managers, "podconfigmap-controller-agent": agents };
  const prometheus = ending.use(await Prometheus.start({ jobs, rules: ALERTS, interval: SCRAPES }));
  await play(stage);
  workUntilTheEnd(stage, ending);
  chapter(`They work for ${seconds} s, while Pods come and specs change.`);
  await pause(seconds * 1_000);
  const end = Math.floor(Date.now() / 1_000);
  const range = { start: end - seconds, end, step: STEP };
  for (const uid of PICTURES) {
    const dashboard = dashboards().get(`${uid}.json`);
    if (dashboard === undefined) throw new Error(`there is no dashboard ${uid}`);
    const { panels, title } = dashboard;
    const drawings = await Promise.all(panels.map((panel) => drawingOf(prometheus, { panel, range })));
    photograph(uid, { title, drawings });
  }
};

const { values } = parseArgs({ options: { seconds: { type: "string", default: "120" } } });
await run(Number(values.seconds));
