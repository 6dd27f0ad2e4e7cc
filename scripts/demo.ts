/*
 * From nothing to ConfigMaps, sidecars and readable logs: a real control plane, the manager, three simulated nodes, the files in examples/.
 *
 *   node scripts/demo.ts [--keep]     --keep leaves it running and prints the kubeconfig
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { parseArgs, styleText } from "node:util";
import { type Cluster, freePort, startCluster } from "@pcmc/devcluster";
import { showPodConfigMaps } from "./demo/podconfigmap.ts";
import { showPodLogReader } from "./demo/podlogreader.ts";
import { chapter, kubectl, path, say, typed } from "./demo/stage.ts";
import { showWatchers } from "./demo/watcher.ts";

const { values } = parseArgs({ options: { keep: { type: "boolean", default: false } } });

const startManager = async (cluster: Cluster): Promise<ChildProcess> => {
  const webhooks = `127.0.0.1:${await freePort()}`;
  return spawn(path("bin/pcmc"), ["manager"], {
    env: {
      ...process.env,
      KUBECONFIG: cluster.kubeconfig,
      METRICS_ADDR: "127.0.0.1:0",
      CONTROLLER_POD_WORKERS: "auto",
      WEBHOOK_ADDR: webhooks,
      WEBHOOK_URL: `https://${webhooks}`,
    },
    stdio: ["ignore", "ignore", "pipe"],
  });
};

const stopManager = async (manager: ChildProcess): Promise<number | null> => {
  if (manager.exitCode !== null) return manager.exitCode;
  const exit = once(manager, "exit");
  manager.kill("SIGTERM");
  await exit;
  return manager.exitCode;
};

const run = async () => {
  chapter("A Kubernetes control plane starts: etcd, API server, controller manager, scheduler, three simulated nodes.");
  await using cluster = await startCluster({ nodes: 3, log: say });
  say(`API server at ${cluster.server}`);
  await kubectl(cluster, "apply", "-f", path("crd"));
  chapter("The manager starts:");
  typed("pcmc manager");
  const manager = await startManager(cluster);
  if (manager.stderr !== null) {
    createInterface({ input: manager.stderr }).on("line", (line) => console.log(styleText("dim", `        ${line}`)));
  }
  try {
    await showPodConfigMaps(cluster);
    await showWatchers(cluster);
    await showPodLogReader(cluster);
    if (values.keep) await keep(cluster);
  } finally {
    const code = await stopManager(manager);
    say(`The manager has stopped, exit code ${code}.`);
    if (code !== 0) process.exitCode = 1;
  }
};

/** Leaves everything running until Ctrl-C. */
const keep = async (cluster: Cluster) => {
  chapter("It goes on. Look at it from another terminal, and end it with Ctrl-C:");
  console.log(`\n  export KUBECONFIG=${cluster.kubeconfig}\n`);
  const end = new AbortController();
  const hold = setInterval(() => {}, 0x7fffffff);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => end.abort());
  await once(end.signal, "abort");
  clearInterval(hold);
};

await run();
