import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Cluster } from "@pcmc/devcluster";

/**
 * As whom the manager and the raw driver speak. `admin` is a client certificate in system:masters, which priority and
 * fairness lets pass and RBAC does not ask about; `serviceaccount` is what users run: a token bound to the manager's
 * Pod, with the rights of manifests/rbac.yaml.
 */
export const IDENTITY_NAMES = ["serviceaccount", "admin"] as const;
export type IdentityName = (typeof IDENTITY_NAMES)[number];

/** One identity, for a process that reads a kubeconfig and for one that sends requests itself. */
export interface Identity {
  readonly name: IdentityName;
  readonly kubeconfig: string;
  readonly credentials: { readonly cert: string; readonly key: string } | { readonly authorization: string };
}

/** Where manifests/rbac.yaml has the ServiceAccount, and its name, which is that of the Pod too. */
const NAMESPACE = "default";
const NAME = "podconfigmap-controller";
/** An hour, as kubelets ask for; longer than any run. Seconds. */
const TOKEN_LIFE = 3_600;

/** The identity of that name in a cluster that has manifests/rbac.yaml. */
export const identityOf = (cluster: Cluster, name: IdentityName): Promise<Identity> =>
  name === "admin" ? Promise.resolve(admin(cluster)) : serviceAccount(cluster);

/** Gives the ServiceAccount its rights, and makes the Pod that tokens are bound to. */
export const installServiceAccount = async (cluster: Cluster): Promise<void> => {
  await apply(cluster, "manifests/rbac.yaml");
  await cluster.request("POST", `/api/v1/namespaces/${NAMESPACE}/pods`, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: NAME },
    spec: { serviceAccountName: NAME, containers: [{ name: "manager", image: NAME }] },
  });
};

/** `kubectl apply -f` of a file or folder of this repository. @throws what kubectl says. */
export const apply = async (cluster: Cluster, path: string): Promise<void> => {
  const file = fileURLToPath(new URL(`../${path}`, import.meta.url));
  const { exitCode, stderr } = await cluster.kubectl(["apply", "-f", file]);
  if (exitCode !== 0) throw new Error(`kubectl apply -f ${path}: ${stderr}`);
};

const admin = ({ kubeconfig, certPem, keyPem }: Cluster): Identity => ({
  name: "admin",
  kubeconfig,
  credentials: { cert: certPem, key: keyPem },
});

const serviceAccount = async (cluster: Cluster): Promise<Identity> => {
  const token = await boundToken(cluster);
  const kubeconfig = join(cluster.stateDir, "serviceaccount.kubeconfig");
  // A file, as in a Pod: the manager reads it again from time to time.
  const tokenFile = join(cluster.stateDir, "serviceaccount.token");
  writeFileSync(tokenFile, token, { mode: 0o600 });
  writeFileSync(kubeconfig, kubeconfigText(cluster, tokenFile));
  return { name: "serviceaccount", kubeconfig, credentials: { authorization: `Bearer ${token}` } };
};

const boundToken = async (cluster: Cluster): Promise<string> => {
  const path = `/api/v1/namespaces/${NAMESPACE}`;
  const pod = await cluster.request<{ metadata: { uid: string } }>("GET", `${path}/pods/${NAME}`);
  const { status } = await cluster.request<{ status: { token: string } }>(
    "POST",
    `${path}/serviceaccounts/${NAME}/token`,
    {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: {
        expirationSeconds: TOKEN_LIFE,
        boundObjectRef: { apiVersion: "v1", kind: "Pod", name: NAME, uid: pod.metadata.uid },
      },
    },
  );
  return status.token;
};

/** JSON is YAML too. */
const kubeconfigText = ({ server, caPem }: Cluster, tokenFile: string): string =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "bench",
    contexts: [{ name: "bench", context: { cluster: "bench", user: "bench", namespace: NAMESPACE } }],
    clusters: [
      { name: "bench", cluster: { server, "certificate-authority-data": Buffer.from(caPem).toString("base64") } },
    ],
    users: [{ name: "bench", user: { tokenFile } }],
  });
