import { systemClock } from "@pcmc/controller-runtime";
import { type ClusterFlags, withCluster } from "./deployment/session.ts";
import { gather } from "./doctor/facts.ts";
import { findingsOf, jsonOf, textOf } from "./doctor/report.ts";
import { EXIT, type Io } from "./io.ts";
import { TimeLimit } from "./time-limit.ts";

/** What `pcmc doctor` was asked for. */
export interface DoctorOptions extends ClusterFlags {
  readonly output: "text" | "json";
  /** Milliseconds for all of it. */
  readonly timeout: number;
}

/**
 * Checks a cluster, and says per finding what is wrong and what to do. It changes nothing.
 *
 * @returns 0; 1 where a check failed.
 * @throws InputError when there is no cluster, or it does not answer.
 */
export const doctor = async (options: DoctorOptions, io: Io): Promise<number> => {
  using limit = new TimeLimit(options.timeout, io.uptime());
  const { namespace, output } = options;
  const findings = await withCluster(options, io, async (session) =>
    findingsOf(await gather(session, { namespace, clock: systemClock, signal: limit.signal })),
  );
  const colors = io.isTerminal && !io.env.NO_COLOR;
  io.stdout(output === "json" ? jsonOf(findings) : textOf(findings, { colors }));
  return findings.some(({ status }) => status === "failed") ? EXIT.failed : EXIT.ok;
};
