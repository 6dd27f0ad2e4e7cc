import { existsSync, readFileSync } from "node:fs";
import { startCluster } from "@pcmc/devcluster";
import { committedDefinition, install } from "../packages/operator/test/integration/support/definition.ts";
import { creationOf, inSecret, startWebhook } from "../packages/operator/test/integration/support/webhook-process.ts";
import { keepToOneCore } from "./one-core.ts";
import { atSteadyRate, type Steady, sentAt } from "./steady-rate.ts";
import { type Answered, answered } from "./webhook-clock.ts";
import { startFloor } from "./webhook-floor.ts";

const PATH = "/validate/podconfigmapconfigs";

/** What comes to the webhook: mostly what is right, and no template twice, so that none is known from before. */
const KINDS = [
  { allowed: true, spec: () => ({ labelsToInclude: ["app.kubernetes.io/name", "tier"] }) },
  { allowed: true, spec: (n: number) => templates(n, "{{ .metadata.labels.app | default .podName | quote }}") },
  {
    allowed: true,
    spec: (n: number) => templates(n, "{{ range .spec.containers }}{{ .name }}={{ .image }}\n{{ end }}"),
  },
  { allowed: true, spec: (n: number) => ({ ...templates(n, "{{ .phase }}"), ebpfConfig: EBPF }) },
  { allowed: false, spec: (n: number) => templates(n, "{{ toYml .metadata }}") },
] as const;

const EBPF = {
  syscallMonitoring: { enabled: true, syscallNames: ["open", "execve"] },
  l4Firewall: { enabled: true, allowedPorts: [80, 443], defaultAction: "block" },
};

const templates = (n: number, template: string) => ({
  podSelector: { matchLabels: { app: `app-${n}` } },
  configMapDataTemplate: { "app.conf": `# ${n}\n${template}`, "app.env": `NUMBER=${n}\nNAME={{ .podName }}` },
});

const kindOf = (n: number) => KINDS[n % KINDS.length] ?? KINDS[0];

const reviewOf = (n: number): string =>
  JSON.stringify(creationOf("default", { metadata: { name: `config-${n}` }, spec: kindOf(n).spec(n) }));

/** Each measures the webhook, then the floor, for its share of the seconds: what the machine does meanwhile is done to both. */
const ROUNDS = 4;

export interface Validation {
  /** Milliseconds of each review, with the way there and back. */
  readonly latencies: readonly number[];
  /** How many were not answered as they should. */
  readonly failures: number;
  /** The share that was answered within 5 ms by the webhook's own clock. */
  readonly within: number;
  /** The same of a server that does no work: what this machine lets any webhook have. */
  readonly floor: number;
  /** Whether the load was kept to one core. */
  readonly isApart: boolean;
  /** The share of the time of all CPUs that the hypervisor gave to others; NaN where the kernel does not say. */
  readonly stolen: number;
}

/**
 * The manager as users run it, beside a real API server that it asks for the rights of authors, and reviews sent to it as that
 * API server would: over TLS, and in a process of our own, so that its time alone counts. Whoever sends, and the API server, share
 * one core, as they are on other machines than the manager mostly; it may use all, and so may the floor.
 */
export const measureValidation = async ({
  rate,
  seconds,
}: {
  readonly rate: number;
  readonly seconds: number;
}): Promise<Validation> => {
  await using cluster = await startCluster({ controllerManager: false, scheduler: false });
  await install(cluster, committedDefinition());
  await using running = await startWebhook(cluster);
  await running.manager.ready();
  await using floor = await startFloor();
  const isApart = keepToOneCore([process.pid, ...Object.values(await cluster.pids())]);
  const load = { rate, seconds: seconds / ROUNDS };
  const reviews = Array.from({ length: ROUNDS * sentAt(rate, load.seconds) }, (_, n) => reviewOf(n));
  const webhook: Target = {
    port: running.port,
    ca: await inSecret(cluster, "ca.crt"),
    path: `${PATH}?timeout=5s`,
    answered: () => answered(running.manager, PATH),
  };
  const latencies: number[] = [];
  const [ours, bare] = [
    { all: 0, soon: 0 },
    { all: 0, soon: 0 },
  ];
  let failures = 0;
  const before = cpuTime();
  for (let round = 0; round < ROUNDS; round++) {
    const first = round * sentAt(rate, load.seconds);
    const isRight = (answer: string, n: number) => answer.includes(`"allowed":${kindOf(first + n).allowed}`);
    const measured = await clocked(webhook, { ...load, reviews: reviews.slice(first), isRight }, ours);
    latencies.push(...measured.latencies);
    failures += measured.failures;
    await clocked({ ...floor, path: "/" }, { ...load, reviews: reviews.slice(first) }, bare);
  }
  const after = cpuTime();
  return {
    latencies,
    failures,
    within: ours.soon / ours.all,
    floor: bare.soon / bare.all,
    stolen: (after.stolen - before.stolen) / (after.all - before.all),
    isApart,
  };
};

interface Target extends Pick<Steady, "port" | "ca" | "path"> {
  /** What it has answered since its start, by its own clock. */
  readonly answered: () => Promise<Answered>;
}

/** One load; what was answered after its warm-up is added to `sum`. */
const clocked = async (
  { answered: look, ...target }: Target,
  load: Omit<Steady, keyof Target>,
  sum: { all: number; soon: number },
) => {
  let warm: Answered = { all: 0, soon: 0 };
  const onWarm = async () => {
    warm = await look();
  };
  const measured = await atSteadyRate({ ...target, ...load, onWarm });
  const { all, soon } = await look();
  sum.all += all - warm.all;
  sum.soon += soon - warm.soon;
  return measured;
};

/** Ticks of all CPUs since the start of the machine (proc_stat(5)), and those that it did not get. */
const cpuTime = (): { readonly all: number; readonly stolen: number } => {
  if (!existsSync("/proc/stat")) return { all: 0, stolen: 0 };
  const [line = ""] = readFileSync("/proc/stat", "utf8").split("\n");
  // user nice system idle iowait irq softirq steal: what follows is part of the first two.
  const ticks = line.split(/\s+/).slice(1, 9).map(Number);
  return { all: ticks.reduce((sum, one) => sum + one, 0), stolen: ticks[7] ?? 0 };
};
