import { fileURLToPath } from "node:url";
import { startCluster } from "@pcmc/devcluster";

await using cluster = await startCluster({ node: "real" });

const containerfile = fileURLToPath(new URL("Containerfile", import.meta.url));
await cluster.images.build({ name: "localhost/hello:1", context: "/usr/bin", containerfile });
await cluster.kubectl(["run", "hello", "--image=localhost/hello:1", "--image-pull-policy=Never", "--restart=Never"]);
await cluster.kubectl(["wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/hello"]);
const logs = await cluster.kubectl(["logs", "hello"]);
process.stdout.write(logs.stdout);
