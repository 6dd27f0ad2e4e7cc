/** Starts a cluster with a real node and a running Pod in the folder given, says who keeps it, and waits for its end. */
import { startCluster } from "@pcmc/devcluster";
import { BUSYBOX, buildBusybox } from "./images.ts";
import { apply, waitFor } from "./kubectl.ts";

const [stateDir] = process.argv.slice(2);
const cluster = await startCluster({ node: "real", stateDir });
await buildBusybox(cluster);
const container = { name: "main", image: BUSYBOX, imagePullPolicy: "Never", command: ["sleep", "100000"] };
await apply(cluster, { apiVersion: "v1", kind: "Pod", metadata: { name: "pod" }, spec: { containers: [container] } });
await waitFor(cluster, "pod/pod", "condition=Ready");
const pids = Object.values(await cluster.pids());
process.stdout.write(`${JSON.stringify({ keeper: cluster.keeperPid, pids, state: cluster.stateDir })}\n`);
setInterval(() => {}, 60_000);
