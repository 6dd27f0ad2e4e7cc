import type { ClusterConfig } from "@pcmc/controller-runtime";
import { InputError } from "../io.ts";
import { type BoundedAnswer, messageIn } from "../top/bounded-get.ts";
import type { Reader } from "./reader.ts";
import { failed, ok, type Verdict, warning } from "./verdict.ts";

/** The minor versions of Kubernetes 1 that are supported: docs/explanation/compatibility.md of every release says which. */
export const SUPPORTED = { from: 29, to: 36 } as const;

/** Milliseconds by which clocks may differ: certificates and Leases are judged by them. */
const MOST_SKEW = 5_000;

/** What the API server says of itself. */
export interface ClusterFacts {
  readonly server: string;
  /** `v1.36.3`; empty where it does not say. */
  readonly version: string;
  /** Milliseconds by which the server's clock is ahead of ours; undefined where it does not say. The header has whole seconds. */
  readonly ahead: number | undefined;
}

/**
 * Asks the API server for its version.
 *
 * @throws InputError where it does not answer, or not as an API server does.
 */
export const readCluster = async (
  reader: Reader,
  { server, source }: Pick<ClusterConfig, "server" | "source">,
  now: () => number,
): Promise<ClusterFacts> => {
  const sent = now();
  const answer = await reader.ask("/version", "get /version");
  const middle = (sent + now()) / 2;
  if (answer.kind === "unread") throw new InputError([`cannot reach the API server ${server}: ${answer.why}`]);
  if (answer.kind === "forbidden") return { server, version: "", ahead: undefined };
  const { status, text } = answer.value;
  if (status === 401) throw new InputError([`the API server ${server} does not accept the credentials of ${source}`]);
  const version = versionIn(text);
  if (status !== 200 || version === undefined) {
    throw new InputError([`${server} is no API server: it answers ${status} ${messageIn(text) ?? ""}`.trim()]);
  }
  return { server, version, ahead: aheadOf(answer.value, middle) };
};

const versionIn = (text: string): string | undefined => {
  try {
    const { gitVersion }: { readonly gitVersion?: unknown } = JSON.parse(text);
    return typeof gitVersion === "string" ? gitVersion : undefined;
  } catch {
    return undefined;
  }
};

const aheadOf = ({ date }: BoundedAnswer, now: number): number | undefined => {
  const told = Date.parse(date ?? "");
  // Half a second: the header is cut to whole ones.
  return Number.isNaN(told) ? undefined : told + 500 - now;
};

export const judgeReachable = ({ server }: ClusterFacts): readonly Verdict[] => [
  ok(`the API server ${server} answers`),
];

export const judgeVersion = ({ version }: ClusterFacts): readonly Verdict[] => {
  const [, major = "", minor = ""] = /^v?(\d+)\.(\d+)/.exec(version) ?? [];
  const range = `1.${SUPPORTED.from} to 1.${SUPPORTED.to}`;
  if (major === "")
    return [warning("the version of Kubernetes is not told", `supported is ${range}: compare yourself`)];
  if (major !== "1" || Number(minor) > SUPPORTED.to) {
    return [
      warning(
        `Kubernetes ${version} is newer than what this release was tested with (${range})`,
        "look for a newer release of podconfigmap-controller, which knows this version",
      ),
    ];
  }
  if (Number(minor) < SUPPORTED.from) {
    return [
      failed(
        `Kubernetes ${version} is older than what is supported (${range})`,
        `upgrade the cluster to 1.${SUPPORTED.from} or later`,
      ),
    ];
  }
  return [ok(`Kubernetes ${version} is supported (${range})`)];
};

export const judgeClock = ({ ahead }: ClusterFacts): readonly Verdict[] => {
  if (ahead === undefined) return [ok("the API server tells no time to compare with")];
  if (Math.abs(ahead) <= MOST_SKEW) return [ok("this machine and the API server agree on the time")];
  const seconds = Math.round(Math.abs(ahead) / 1_000);
  return [
    warning(
      `the clock of the API server is ${seconds} s ${ahead > 0 ? "ahead of" : "behind"} this machine's`,
      "set the clocks by NTP, on the control plane, the nodes and here: certificates and Leases depend on them",
    ),
  ];
};
