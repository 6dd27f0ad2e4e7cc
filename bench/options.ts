import { parseArgs } from "node:util";
import { IDENTITY_NAMES, type IdentityName } from "./identity.ts";
import { AUTO_WORKERS } from "./managed.ts";

/** What can be measured, in the order of `all`. */
export const PARTS = ["start", "convergence", "idle", "restart", "latency"] as const;
export type Part = (typeof PARTS)[number];

export interface Options {
  readonly parts: readonly Part[];
  /** Numbers of Pods. */
  readonly pods: readonly number[];
  readonly identities: readonly IdentityName[];
  /** Rounds of ours, and restarts. */
  readonly rounds: number;
  /** Starts on an empty cluster. */
  readonly starts: number;
  /** How long latency and idleness are looked at. */
  readonly seconds: number;
  /** Changes of Pods a second. */
  readonly rate: number;
  readonly connections: number;
  readonly json: boolean;
}

export const USAGE = `node bench/main.ts [all|${PARTS.join("|")}] [options]

  --pods 1000,10000                   numbers of Pods
  --identity serviceaccount,admin     as whom manager and raw driver speak
  --rounds 3                          rounds of ours, and restarts
  --starts 5                          starts on an empty cluster
  --seconds 30                        how long latency and idleness are looked at
  --rate 50                           changes of Pods a second
  --connections ${AUTO_WORKERS}                    of the raw driver; Pods that the manager works on at a time
  --json                              everything that was measured, as one line of JSON
  --help                              this text

A part runs for each number of Pods and each identity. "all" does so with convergence alone; the others take the largest
number and the first identity.
`;

/** `undefined` where only help is wanted. @throws Error with one line for what makes no sense. */
export const parseOptions = (args: readonly string[]): Options | undefined => {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      pods: { type: "string", default: "1000,10000" },
      identity: { type: "string", default: "serviceaccount,admin" },
      rounds: { type: "string", default: "3" },
      starts: { type: "string", default: "5" },
      seconds: { type: "string", default: "30" },
      rate: { type: "string", default: "50" },
      connections: { type: "string", default: String(AUTO_WORKERS) },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const [part = "all", ...more] = positionals;
  if (more.length > 0) throw new Error(`one part at a time, not also ${more.join(", ")}`);
  return {
    parts: part === "all" ? PARTS : [oneOf(PARTS, "the part", part)],
    pods: values.pods.split(",").map((text) => count("--pods", text)),
    identities: values.identity.split(",").map((text) => oneOf(IDENTITY_NAMES, "--identity", text)),
    rounds: count("--rounds", values.rounds),
    starts: count("--starts", values.starts),
    seconds: count("--seconds", values.seconds),
    rate: count("--rate", values.rate),
    connections: count("--connections", values.connections),
    json: values.json,
  };
};

const count = (option: string, text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${option}: ${text} is no whole number from 1 on`);
  return value;
};

const oneOf = <T extends string>(allowed: readonly T[], what: string, text: string): T => {
  const found = allowed.find((one) => one === text);
  if (found === undefined) throw new Error(`${what} is one of ${allowed.join(", ")}, not ${text}`);
  return found;
};
