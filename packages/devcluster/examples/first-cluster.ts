import { startCluster } from "@pcmc/devcluster";

await using cluster = await startCluster({ nodes: 1 });

await cluster.request("POST", "/api/v1/namespaces/default/pods", {
  metadata: { name: "web" },
  spec: { containers: [{ name: "web", image: "example.com/never-pulled" }] },
});
const waited = await cluster.kubectl(["wait", "--for=condition=Ready", "pod/web"]);
process.stdout.write(waited.stdout);
