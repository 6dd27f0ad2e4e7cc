import { startCluster } from "@pcmc/devcluster";
import { committedDefinition, install } from "../packages/operator/test/integration/support/definition.ts";
import { creationOf, inSecret, startWebhook } from "../packages/operator/test/integration/support/webhook-process.ts";
import { atSteadyRate, sentAt } from "./steady-rate.ts";
import { type Answered, answered, shareBetween } from "./webhook-clock.ts";

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

/**
 * The manager as users run it, beside a real API server that it asks for the rights of authors, and reviews sent to it as that
 * API server would: over TLS, and in a process of our own, so that its time alone counts.
 */
export const measureValidation = async ({ rate, seconds }: { readonly rate: number; readonly seconds: number }) => {
  await using cluster = await startCluster({ controllerManager: false, scheduler: false });
  await install(cluster, committedDefinition());
  await using running = await startWebhook(cluster);
  await running.manager.ready();
  const reviews = Array.from({ length: sentAt(rate, seconds) }, (_, n) => reviewOf(n));
  let before: Answered | undefined;
  const measured = await atSteadyRate({
    port: running.port,
    ca: await inSecret(cluster, "ca.crt"),
    path: `${PATH}?timeout=5s`,
    reviews,
    rate,
    seconds,
    isRight: (answer, n) => answer.includes(`"allowed":${kindOf(n).allowed}`),
    onWarm: async () => {
      before = await answered(running.manager, PATH);
    },
  });
  return { ...measured, within: shareBetween(before, await answered(running.manager, PATH)) };
};
