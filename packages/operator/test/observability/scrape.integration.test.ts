/*
 * A real Prometheus scrapes a manager, and an agent where the machine permits one, while they work; dashboards and alerts are asked
 * of it.
 *
 * Invariants:
 * - Every expression parses; every metric that it names is exported, with every label that it matches or groups by.
 * - Every query of every dashboard has values, with the labels that its legend names; those without are listed here, with the reason.
 * - Every variable of every dashboard finds values.
 * - Every alert is evaluated without an error. At an idle manager none is active, not even pending; while it works, those alone that
 *   the scene provokes.
 * - Every kubectl line of every runbook is one that kubectl takes.
 */
import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { testNetwork } from "../ebpf/support/network.ts";
import { noKernel } from "../ebpf/support/node.ts";
import { AgentStage } from "../integration/support/agent-stage.ts";
import { eventually } from "../integration/support/eventually.ts";
import type { ManagerProcess } from "../integration/support/manager-process.ts";
import { documented } from "../integration/support/metrics-reference.ts";
import { startWebhook } from "../integration/support/webhook-process.ts";
import { useWorld } from "../integration/support/world.ts";
import { ALERTS, chosenAll, dashboardQueries, dashboards, path, RUNBOOKS, rules } from "./support/committed.ts";
import { noPrometheus, Prometheus } from "./support/prometheus.ts";
import { keepBusy, play, prepare, registerNode, type Stage } from "./support/scene.ts";
import { groupingLabelsOf, selectorsOf } from "./support/selectors.ts";

/** Of others. */
const FOREIGN: Readonly<Record<string, string>> = {
  up: "Prometheus' own",
  kube_daemonset_status_desired_number_scheduled: "of kube-state-metrics",
  kube_daemonset_status_number_available: "of kube-state-metrics",
  apiserver_admission_webhook_fail_open_count: "of the API server; fail-open.integration.test.ts makes it count",
};

/** Queries, by metric, that find nothing in this scene. */
const SILENT: Readonly<Record<string, string>> = {
  rest_client_request_retries_total: "no request fails here",
  event_recorder_dropped_total: "no Event is dropped here",
  leader_election_slowpath_total: "nobody else writes the Lease here",
  reflector_watch_restarts_total: "watches last for minutes, the scene for seconds",
  process_memory_limit_bytes: "the processes run without a limit here; packages/controller-runtime tests it",
  podconfigmap_controller_watcher_restarts_total:
    "no workload is restarted here; watcher-rollout.integration.test.ts does",
};
/** And by what else tells them apart. */
const SILENT_SELECTORS: readonly (readonly [part: string, reason: string])[] = [
  ['code="429"', "nothing is throttled here"],
];

/** Alerts that the scene provokes; they are pending, as it does not last for minutes. */
const PROVOKED: Readonly<Record<string, string>> = {
  PcmcNotReady: "the template of one PodConfigMapConfig fails",
  PcmcWatcherMissedPods: "a Pod asks for a Watcher that comes later",
};
/** Scrapes of a process after which rates are there. */
const SOME_SCRAPES = 5;

const EBPF = "podconfigmap_controller_ebpf_";
const withoutKernel = noKernel === undefined ? "" : `, without an agent (skipped: ${noKernel})`;
const skipped = noPrometheus === undefined ? "" : ` (skipped: ${noPrometheus})`;
const EVERYTHING = {
  ebpfConfig: {
    syscallMonitoring: { enabled: true },
    l4Firewall: { enabled: true, blockedPorts: [7000] },
    metricsExport: { enabled: true, updateInterval: "1s" },
  },
};
/** Of a rate: some scrapes of one second. */
const WINDOW = "1m";

const isSilent = (expr: string): boolean =>
  selectorsOf(expr).some(({ metric }) => metric in SILENT || (noKernel !== undefined && metric.startsWith(EBPF))) ||
  SILENT_SELECTORS.some(([part]) => expr.includes(part));

const hostOf = (url: string): string => new URL(url).host;

const dashboardExprs = () => dashboardQueries().map(({ expr }) => chosenAll(expr, { window: WINDOW }));
const expressions = () => [...dashboardExprs(), ...rules().map(({ expr }) => expr)];

describe.skipIf(noPrometheus !== undefined)(`a Prometheus that scrapes what runs${withoutKernel}${skipped}`, () => {
  const world = useWorld();
  const ending = new AsyncDisposableStack();
  let prometheus: Prometheus;
  let stage: Stage;
  /** Processes that are scraped. */
  let targets: number;

  /** An agent that fails first, so that there are errors; then counts a Pod's calls and blocks what comes to it. */
  const startAgent = async (): Promise<readonly string[]> => {
    if (noKernel !== undefined) return [];
    const node = ending.use(await AgentStage.create(world));
    await registerNode(world.cluster, node.nodeName);
    const network = ending.use(await testNetwork());
    await node.namespace.createConfig("all", EVERYTHING);
    const { cgroup } = await node.createPod("guarded");
    const agent = await node.startAgent({ BPF_PIN_DIR: `${node.elsewhere}/pcmc`, EBPF_RUN_STATS: "true" });
    await node.reason("guarded", "BpffsNotMounted");
    node.mountElsewhere();
    await node.reason("guarded", "Attached");
    await network.serve(cgroup, [7000]);
    const traffic = new AbortController();
    const talking = (async () => {
      while (!traffic.signal.aborted) await network.reach("tcp", 7000);
    })();
    ending.defer(async () => {
      traffic.abort();
      await talking;
    });
    return [hostOf(agent.url)];
  };

  let manager: ManagerProcess;

  /**
   * Waits until just these alerts are active, for as long as it takes until what a start brings with it is over: the moment before
   * the first scrape, the election, the first lists. Judged once each of `targets` processes has been scraped a few times.
   */
  const eventuallyActive = async (asked: Prometheus, targets: number, names: readonly string[]): Promise<void> => {
    await eventually("all have been scraped a few times", async () => {
      const seen = await asked.query(`count_over_time(podconfigmap_controller_build_info[5m]) >= ${SOME_SCRAPES}`);
      return seen.length === targets;
    });
    await eventually(`just these alerts are active: ${names.join(", ")}`, async () => {
      const states = await asked.rules();
      // Groups come by their names.
      expect(new Set(states.map(({ name }) => name))).toEqual(new Set(rules().map(({ alert }) => alert)));
      expect(states.filter(({ health }) => health !== "ok")).toEqual([]);
      const active = states.flatMap(({ name, state }) => (state === "inactive" ? [] : [name]));
      expect(active).toEqual(names);
      return true;
    });
  };

  beforeAll(async () => {
    await world.cluster.kubectl(["apply", "--filename", path("crd")]);
    const args = ["--controllers=podconfigmap,watcher,podlogreader"];
    ({ manager } = ending.use(await startWebhook(world.cluster, { LEADER_ELECTION_ENABLED: "true" }, args)));
  });
  afterAll(() => ending[Symbol.asyncDispose]());

  test("no alert is active at a manager that has nothing to do", async () => {
    await using idle = await Prometheus.start({
      jobs: { "podconfigmap-controller": [hostOf(manager.url)] },
      rules: ALERTS,
    });
    await eventuallyActive(idle, 1, []);
  });

  describe("while they work", () => {
    beforeAll(async () => {
      const { name } = await world.namespace();
      stage = { cluster: world.cluster, namespace: name };
      await prepare(stage);
      const agents = await startAgent();
      const jobs = { "podconfigmap-controller": [hostOf(manager.url)], "podconfigmap-controller-agent": agents };
      targets = 1 + agents.length;
      prometheus = ending.use(await Prometheus.start({ jobs, rules: ALERTS }));
      await play(stage);
      const busy = new AbortController();
      const working = keepBusy(stage, busy.signal);
      ending.defer(async () => {
        busy.abort();
        await working;
      });
      await eventually("a Pod that asks for it is injected", async () =>
        (await manager.scrape()).includes('watcher_injections_total{result="injected"}'),
      );
    });

    test("takes every expression", async () => {
      for (const expr of expressions()) await prometheus.parse(expr);
    });

    test("has every metric that is named", async () => {
      const named = new Set(expressions().flatMap((expr) => selectorsOf(expr).map(({ metric }) => metric)));
      expect(named.size).toBeGreaterThan(60);
      const ours = [...named].filter(
        (metric) => !(metric in FOREIGN) && (noKernel === undefined || !metric.startsWith(EBPF)),
      );
      await eventually("all have been scraped", async () => {
        const told = await prometheus.metrics();
        const missing = ours.filter(
          (metric) => !told.has(metric) && !told.has(metric.replace(/_(bucket|sum|count)$/, "")),
        );
        expect(missing).toEqual([]);
        return true;
      });
    });

    test("has every label that is matched or grouped by", async () => {
      const reference = await documented(() => true);
      const known = async (metric: string): Promise<readonly string[]> => {
        const base = metric.replace(/_(bucket|sum|count)$/, "");
        const told = reference.get(metric)?.labels ?? reference.get(base)?.labels ?? [];
        return [...(await prometheus.labelsOf(metric)), ...told, "job", "instance"];
      };
      for (const expr of expressions()) {
        const selectors = selectorsOf(expr).filter(({ metric }) => !(metric in FOREIGN));
        const labels = new Map(
          await Promise.all(selectors.map(async ({ metric }) => [metric, await known(metric)] as const)),
        );
        const unmatched = selectors.flatMap(({ metric, labels: matched }) => {
          // What of the operator is in a namespace has that from its target, where Prometheus finds targets in Kubernetes.
          const strange = matched.filter((label) => !labels.get(metric)?.includes(label));
          return strange.map((label) => `${metric}{${label}}`);
        });
        const all = new Set([...labels.values()].flat());
        // Of others' metrics nothing is known here.
        if (selectors.length === 0) continue;
        const ungrouped = groupingLabelsOf(expr).filter((label) => label !== "namespace" && !all.has(label));
        expect([expr, unmatched, ungrouped]).toEqual([expr, [], []]);
      }
    });

    test("answers every query of every dashboard, with what its legend names", { timeout: 180_000 }, async () => {
      for (const { file, panel, expr, legend } of dashboardQueries()) {
        const asked = chosenAll(expr, { window: WINDOW });
        if (isSilent(asked)) {
          await prometheus.query(asked);
          continue;
        }
        const where = `${file}: ${panel}: ${asked}`;
        const found = await eventually(where, async () => {
          const values = await prometheus.query(asked);
          return values.some(({ value }) => value[1] !== "NaN") && values;
        });
        const wanted = [...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = ""]) => label);
        for (const { metric } of found)
          expect([where, wanted.filter((label) => !(label in metric))]).toEqual([where, []]);
      }
    });

    test("has values for every variable of every dashboard", async () => {
      for (const [file, { templating }] of dashboards()) {
        for (const { name, type, definition = "" } of templating.list) {
          if (type === "datasource" || (noKernel !== undefined && definition.includes(EBPF))) continue;
          const [, match = "", label = ""] = /^label_values\((.*), (\w+)\)$/.exec(definition) ?? [];
          const values = await prometheus.labelValues(label, match.replaceAll(/\$\w+/g, ".*"));
          expect([file, name, values.length > 0]).toEqual([file, name, true]);
        }
      }
    });

    test("no alert is active but for those that the scene provokes", async () => {
      await eventuallyActive(prometheus, targets, Object.keys(PROVOKED));
    });

    test("is not needed to know that kubectl takes what runbooks say", { timeout: 180_000 }, async () => {
      const given: Readonly<Record<string, string>> = {
        NS: "default",
        SECRET: "podconfigmap-controller-webhook-cert",
        NAME: "app",
        NAMESPACE: stage.namespace,
        POD: "web",
      };
      const text = readdirSync(RUNBOOKS).map((file) => readFileSync(`${RUNBOOKS}/${file}`, "utf8"));
      const lines = new Set(text.join("\n").match(/^kubectl .*$/gm));
      expect(lines.size).toBeGreaterThan(20);
      for (const line of lines) {
        const asked = line.replaceAll(/\$(\w+)/g, (_, name: string) => given[name] ?? "");
        // What comes behind a pipe is of other programs.
        const [own = ""] = asked.split(" | ");
        const args = (own.match(/"[^"]*"|\S+/g) ?? []).slice(1).map((word) => word.replaceAll(/["']/g, ""));
        const { stderr } = await stage.cluster.kubectl(args);
        const complaint = /unknown|unrecognized|invalid argument|resource type|error parsing/i.exec(stderr);
        expect([line, complaint]).toEqual([line, null]);
      }
    });
  });
});
