import {
  type ClusterConfig,
  createLogger,
  describe,
  type Logger,
  loadClusterConfig,
  type StopSignals,
  stderrSink,
  stopSignals,
} from "@pcmc/controller-runtime";
import type { AgentSettings } from "../settings/agent-settings.ts";
import { EXIT } from "./io.ts";
import { version } from "./version.ts";

/** What reconciles under way get after SIGTERM, milliseconds; less than the 30 s after which a kubelet kills. */
export const DRAIN_TIMEOUT = 10_000;

/** What a process that runs until it is told to stop stands on. */
export interface Ground {
  readonly config: ClusterConfig;
  readonly log: Logger;
}

export interface ProcessOptions {
  /** For messages: `the manager`. */
  readonly what: string;
  /** Its first line: what starts, and with what. */
  readonly hello: readonly [message: string, fields: Readonly<Record<string, unknown>>];
  /** Said right after that, each as a warning. */
  readonly warnings?: readonly string[];
}

/**
 * Runs `work` until SIGTERM or SIGINT.
 *
 * @returns the exit code: 0 after a graceful stop, 1 after a fatal error, which has been logged.
 */
export const runProcess = async (
  settings: Pick<AgentSettings, "kubeconfig" | "logLevel" | "logFormat">,
  { what, hello: [message, fields], warnings = [] }: ProcessOptions,
  work: (ground: Ground, signals: StopSignals) => Promise<void>,
): Promise<number> => {
  const log = createLogger({ level: settings.logLevel, format: settings.logFormat, stream: stderrSink() });
  let config: ClusterConfig | undefined;
  try {
    config = await loadClusterConfig({ flags: { kubeconfig: settings.kubeconfig }, logger: log });
    // Not sooner: until here there is nothing to drain, and a signal ends the process at once.
    using signals = stopSignals();
    const { server, source } = config;
    log.info(message, { version, server, source, ...fields });
    for (const line of warnings) log.warning(line);
    await work({ config, log }, signals);
    log.info("stopped");
    return EXIT.ok;
  } catch (error) {
    log.error(`${what} ends: ${describe(error)}`, { error });
    return EXIT.failed;
  } finally {
    config?.close();
  }
};
