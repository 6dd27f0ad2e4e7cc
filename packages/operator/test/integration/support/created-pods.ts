import { type AdmissionRequest, allow } from "@pcmc/controller-runtime";
import type { Cluster } from "@pcmc/devcluster";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import { onTestFinished } from "vitest";
import { startServer } from "../../../../controller-runtime/test/webhook/rig.ts";

const CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";

let made = 0;

/** Gives each Pod with annotations that is created in a namespace the value for one of them, until the test ends. */
export const annotateCreated = async (
  cluster: Cluster,
  namespace: string,
  { key, value }: { readonly key: string; readonly value: string },
): Promise<void> => {
  const handler = ({ object }: AdmissionRequest) => {
    const { metadata } = object as Pod;
    if (metadata?.annotations === undefined) return allow();
    const path = `/metadata/annotations/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    return allow({ patch: [{ op: "add", path, value }] });
  };
  const server = await startServer({ routes: { "/annotate": { handler } } });
  const name = `on-create-${++made}`;
  await cluster.request("POST", CONFIGURATIONS, {
    metadata: { name },
    webhooks: [
      {
        name: `${name}.test.example.com`,
        clientConfig: {
          url: `https://127.0.0.1:${server.port}/annotate`,
          caBundle: Buffer.from(server.ca).toString("base64"),
        },
        rules: [{ apiGroups: [""], apiVersions: ["v1"], resources: ["pods"], operations: ["CREATE"] }],
        namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
        sideEffects: "None",
        admissionReviewVersions: ["v1"],
      },
    ],
  });
  onTestFinished(async () => {
    await cluster.request("DELETE", `${CONFIGURATIONS}/${name}`);
    await server[Symbol.asyncDispose]();
  });
};
