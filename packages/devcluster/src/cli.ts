import { Command, InvalidArgumentError, Option } from "commander";
import { resolveAssets } from "./assets.ts";
import { BINARIES, NODE_BINARIES, TOOL_BINARIES } from "./binaries.ts";
import { down, find, list, type NamedCluster, up } from "./named.ts";
import { installPackages } from "./real-node/packages.ts";
import { DEFAULT_VERSION } from "./versions.ts";

const print = (line: string) => process.stdout.write(`${line}\n`);
const say = (line: string) => process.stderr.write(`devcluster: ${line}\n`);

const wholeNumber = (text: string): number => {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("a whole number, please");
  return Number(text);
};

/** Ctrl-C ends what is under way, and it cleans up after itself. */
const interrupted = (): AbortSignal => {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => controller.abort(new Error(`interrupted by ${signal}`)));
  }
  return controller.signal;
};

const describe = ({ name, kubeconfig, pids, complete }: NamedCluster): string => {
  const components = Object.entries(pids).map(([component, pid]) => `${component}=${pid}`);
  return [name, complete ? "up" : "incomplete", kubeconfig, ...components].join(" ");
};

interface UpOptions {
  readonly node: "simulated" | "real";
  readonly name: string;
  readonly version?: string;
  readonly nodes?: number;
  readonly audit: boolean;
}

const runUp = async ({ name, ...options }: UpOptions) => {
  const cluster = await up(name, { ...options, nodes: options.nodes ?? 1, signal: interrupted() });
  if (!cluster.started) {
    say(cluster.complete ? `${name} is already up` : `${name} is there but incomplete: take it down first`);
    if (!cluster.complete) process.exitCode = 1;
  }
  print(cluster.kubeconfig);
};

const runDown = async ({ name }: { name: string }) => {
  say((await down(name)) ? `${name} is down` : `${name} is not up`);
};

const runStatus = async ({ name }: { name?: string }) => {
  const clusters = name === undefined ? await list() : [await find(name)].filter((cluster) => cluster !== undefined);
  for (const cluster of clusters) print(describe(cluster));
  if (clusters.length > 0) return;
  say(name === undefined ? "nothing is up" : `${name} is not up`);
  process.exitCode = 1;
};

interface AssetsOptions {
  readonly version?: string;
  readonly node: "simulated" | "real";
  readonly only?: (typeof TOOL_BINARIES)[number];
}

const runAssets = async ({ only, ...options }: AssetsOptions) => {
  const cluster = options.node === "real" ? [...BINARIES, ...NODE_BINARIES] : BINARIES;
  const wanted = only === undefined ? cluster : [only];
  const paths = await resolveAssets(wanted, { ...options, signal: interrupted() });
  for (const binary of wanted) print(`${binary} ${paths[binary]}`);
};

const program = new Command("pcmc-devcluster").description("A real Kubernetes control plane on this machine");
const version = [
  "--version <version>",
  `Kubernetes version (default: $KUBERNETES_VERSION, else ${DEFAULT_VERSION})`,
] as const;
const node = new Option("--node <kind>", "what a node is").choices(["simulated", "real"]).default("simulated");
const named = ["--name <name>", "which cluster", "default"] as const;

program
  .command("up")
  .description("start a cluster that stays, and print the path of its kubeconfig")
  .option(...version)
  .option("--nodes <number>", "how many (default: 1)", wholeNumber)
  .addOption(node)
  .option("--audit", "write an audit log", false)
  .option(...named)
  .action(runUp);
program
  .command("down")
  .description("end a cluster")
  .option(...named)
  .action(runDown);
program
  .command("status")
  .description("print what is up: name, state, kubeconfig, pids; exit code 1 when nothing is")
  .option("--name <name>", "only this one")
  .action(runStatus);
program
  .command("assets")
  .description("download or build all programs, and print their paths")
  .option(...version)
  .addOption(node)
  .addOption(new Option("--only <tool>", "just this, which is no part of a cluster").choices(TOOL_BINARIES))
  .action(runAssets);
program
  .command("install-packages")
  .description("install the Debian packages that a real node needs")
  .action(() => installPackages(say));

try {
  await program.parseAsync();
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
