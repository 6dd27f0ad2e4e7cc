import {
  type AbortSource,
  createLogger,
  type Logger,
  type PageContent,
  type StopSignals,
  servePages,
  stderrSink,
  stopSignals,
  systemClock,
} from "@pcmc/controller-runtime";
import { uninstall } from "../ebpf/uninstall.ts";
import type { AgentSettings } from "../settings/agent-settings.ts";
import { nodeNameOf } from "./agent/node-agent.ts";
import { failureHere, removedText } from "./agent-uninstall.ts";
import { EXIT } from "./io.ts";
import { clearNode } from "./uninstall/clear-node.ts";
import { type Farewell, farewell } from "./uninstall/farewell.ts";

/** What of the agent's settings its removal goes by. */
export type StaySettings = Pick<
  AgentSettings,
  "bpfPinDir" | "metricsAddr" | "nodeName" | "watchNamespaces" | "kubeconfig" | "logLevel" | "logFormat"
>;

/**
 * Removes what `uninstallAgent` removes, and what agents have said of the Pods of this node, and stays until SIGTERM: in the
 * agents' DaemonSet it must not end, or it would be started again, and its readiness is how others learn that the node is clean.
 * `/readyz` on `metricsAddr` is 200 from then on; until then it says what is in the way. It tries again for as long as it takes:
 * an agent that still runs there holds the folder, and is waited for.
 *
 * @returns 0 after a signal; 1 when the address cannot be listened on.
 */
export const stayUninstalled = async (settings: StaySettings): Promise<number> => {
  const log = createLogger({ level: settings.logLevel, format: settings.logFormat, stream: stderrSink() });
  using signals = stopSignals();
  try {
    await serving(settings, log, signals);
    log.info("stopped");
    return EXIT.ok;
  } catch (error) {
    log.error(`cannot stay: ${error instanceof Error ? error.message : String(error)}`, { error });
    return EXIT.failed;
  }
};

const serving = async (settings: StaySettings, log: Logger, { stop }: StopSignals): Promise<void> => {
  const work = farewell({ steps: stepsOf(settings, log), clock: systemClock, random: Math.random, log });
  const address = settings.metricsAddr;
  const server = address === "off" ? undefined : await servePages({ address, pages: pagesOf(work) });
  // Its timers alone do not keep the process alive.
  const hold = setInterval(() => {}, 0x7fffffff);
  try {
    await work.run(stop);
    await new Promise<void>((resolve) => {
      if (stop.aborted) resolve();
      stop.addEventListener("abort", () => resolve(), { once: true });
    });
  } finally {
    clearInterval(hold);
    await server?.close();
  }
};

const stepsOf = (settings: StaySettings, log: Logger) => [
  {
    name: "kernel",
    run: async () => {
      const { pods, node } = uninstall(settings.bpfPinDir);
      log.info(removedText(pods.length, node, settings.bpfPinDir));
    },
    explain: (error: unknown) => {
      const { reason, message } = failureHere(error);
      return `${reason}: ${message}`;
    },
  },
  {
    name: "conditions",
    run: async (signal: AbortSource) => clearNode({ ...settings, nodeName: nodeNameOf(settings), log, signal }),
  },
];

const text = (status: number, body: string): PageContent => ({ status, contentType: "text/plain", body: `${body}\n` });

const pagesOf = (work: Farewell) => ({
  "/healthz": () => text(200, "ok"),
  "/readyz": () => {
    const { trouble } = work;
    return trouble === undefined ? text(200, "[+]uninstalled ok") : text(503, `[-]uninstalled: ${trouble}`);
  },
});
