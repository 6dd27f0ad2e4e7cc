/**
 * The operator runs as Pods, and somebody with the token of `podlogreader-<deployment>` reads the logs of real containers.
 *
 * Invariants:
 * - the token reads the logs of each current Pod of its Deployment: through the API and with `kubectl logs -l`, and with
 *   ALLOW_POD_GET also with `kubectl logs POD`;
 * - everything else is refused: other Pods, those of before a rollout, exec, secrets, other namespaces, any write;
 * - that holds however often the Pods come and go.
 */
import { type RealCluster, startCluster } from "@pcmc/devcluster";
import { afterAll, beforeAll, beforeEach, expect, onTestFailed, test } from "vitest";
import { buildBusybox } from "./support/images.ts";
import { apply, kubectl, rolledOut } from "./support/kubectl.ts";
import { deployment, type List, namespace, type Pod, shell } from "./support/objects.ts";
import { deployOperator, operatorLogs, setEnvironment } from "./support/operator.ts";
import { type Reader, readerWith } from "./support/reader.ts";
import { until } from "./support/until.ts";

const NAMESPACE = "shop";
const AFFILIATE = { "podlogreader-affiliate": "enable" };

/** Its Pods say their name. */
const says = { spec: { containers: [shell("main", "hostname; exec sleep 100000")] } };

let cluster: RealCluster;
let reader: Reader;

const podNames = async (app: string, where = NAMESPACE) => {
  const pods = await cluster.request<List<Pod>>("GET", `/api/v1/namespaces/${where}/pods?labelSelector=app=${app}`);
  return pods.items.map(({ metadata }) => metadata.name).sort();
};

const logPath = (pod: string, where = NAMESPACE) => `/api/v1/namespaces/${where}/pods/${pod}/log`;

const logStatus = async (pod: string, where?: string) => (await reader.ask("GET", logPath(pod, where))).status;

interface Role {
  readonly rules: readonly { readonly resources: readonly string[]; readonly resourceNames?: readonly string[] }[];
}

/** The Pods whose logs the Role names; undefined when there is no rule for logs. */
const namedByRole = async () => {
  const path = `/apis/rbac.authorization.k8s.io/v1/namespaces/${NAMESPACE}/roles/podlogreader-api`;
  const { rules } = await cluster.request<Role>("GET", path);
  return rules.find(({ resources }) => resources.includes("pods/log"))?.resourceNames?.toSorted();
};

/** Waits until the Role names just the Pods that there are. */
const inStep = (replicas: number) =>
  until(`the Role names ${replicas} Pods`, async () => {
    const [pods, named] = [await podNames("api"), await namedByRole()];
    expect(pods).toHaveLength(replicas);
    expect(named).toEqual(replicas === 0 ? undefined : pods);
    return pods;
  });

/** The API server's authorizer hears of a Role a moment after the Role has changed. */
const becomes = (what: string, wanted: unknown, look: () => Promise<unknown>) =>
  until(what, async () => {
    expect(await look()).toEqual(wanted);
    return true;
  });

const readsEachLog = (pods: readonly string[]) =>
  becomes(
    "each log is read",
    pods.map((pod) => ({ status: 200, body: `${pod}\n` })),
    () => Promise.all(pods.map((pod) => reader.ask("GET", logPath(pod)))),
  );

/** The answer to everything that no setting allows, and what it has to be. */
const refusals = async () => {
  const [pod = ""] = await podNames("api");
  const [other = ""] = await podNames("other");
  const [elsewhere = ""] = await podNames("api", "elsewhere");
  const here = `/api/v1/namespaces/${NAMESPACE}`;
  const asked = [
    ["GET", logPath(other)],
    ["GET", logPath(elsewhere, "elsewhere")],
    ["GET", `${here}/pods/${other}`],
    ["POST", `${here}/pods/${pod}/exec?command=true&container=main&stdout=true`],
    ["DELETE", `${here}/pods/${pod}`],
    ["GET", `${here}/secrets/secret`],
    ["GET", `${here}/secrets`],
    ["GET", "/api/v1/namespaces/elsewhere/pods"],
    ["GET", "/api/v1/pods"],
  ] as const;
  const answers = await Promise.all(
    asked.map(async ([method, path]) => `${method} ${path} ${(await reader.ask(method, path)).status}`),
  );
  return { answers, wanted: asked.map(([method, path]) => `${method} ${path} 403`) };
};

beforeAll(async () => {
  cluster = await startCluster({ node: "real" });
  const environment = { CREATE_SA_AND_ROLEBINDING: "true" };
  const manifests = ["podlogreader/create-sa-and-rolebinding.yaml", "podlogreader/allow-pod-get.yaml"];
  await Promise.all([buildBusybox(cluster), deployOperator(cluster, { environment, manifests })]);
  await apply(cluster, namespace(NAMESPACE), namespace("elsewhere"));
  const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "secret", namespace: NAMESPACE } };
  await apply(
    cluster,
    secret,
    ...[deployment("api", 3, { labels: AFFILIATE, ...says }), deployment("other", 1, says)].map(
      ({ metadata, ...rest }) => ({ ...rest, metadata: { ...metadata, namespace: NAMESPACE } }),
    ),
  );
  const { metadata, ...rest } = deployment("api", 1, says);
  await apply(cluster, { ...rest, metadata: { ...metadata, namespace: "elsewhere" } });
  for (const name of ["api", "other"]) await rolledOut(cluster, name, NAMESPACE);
  await rolledOut(cluster, "api", "elsewhere");
  await inStep(3);
  reader = await readerWith(cluster, "podlogreader-api", NAMESPACE);
});

afterAll(async () => {
  await cluster?.stop();
});

beforeEach(() => {
  onTestFailed(async () => console.error(await operatorLogs(cluster)));
});

test("the token reads the log of each Pod through the API", async () => {
  await readsEachLog(await podNames("api"));
});

test("the token reads all logs with kubectl logs -l", async () => {
  const pods = await podNames("api");
  const said = await kubectl(cluster, ["logs", "-l", "app=api"], { kubeconfig: reader.kubeconfig });
  expect(said.trim().split("\n").sort()).toEqual(pods);
});

test("everything else is refused", async () => {
  const { answers, wanted } = await refusals();
  expect(answers).toEqual(wanted);
  const [pod = ""] = await podNames("api");
  expect((await reader.ask("GET", `/api/v1/namespaces/${NAMESPACE}/pods/${pod}`)).status).toBe(403);
});

test("after a rollout the new Pods' logs are read, and the old names are refused", async () => {
  const old = await podNames("api");
  await kubectl(cluster, ["-n", NAMESPACE, "rollout", "restart", "deployment/api"]);
  await rolledOut(cluster, "api", NAMESPACE);
  const pods = await inStep(3);
  expect(pods.filter((pod) => old.includes(pod))).toEqual([]);
  await readsEachLog(pods);
  await becomes("the old names are refused", [403, 403, 403], () => Promise.all(old.map((pod) => logStatus(pod))));
});

test("the Role follows from 3 Pods to 50, to none and back to 3", async () => {
  for (const replicas of [50, 0, 3]) {
    await kubectl(cluster, ["-n", NAMESPACE, "scale", "deployment/api", `--replicas=${replicas}`]);
    await rolledOut(cluster, "api", NAMESPACE);
    const pods = await inStep(replicas);
    await readsEachLog(pods);
    // An empty list of names would mean all Pods.
    const [other = ""] = await podNames("other");
    expect(await logStatus(other)).toBe(403);
  }
});

test("kubectl logs POD is refused, until ALLOW_POD_GET lets the token read the Deployment's Pods", async () => {
  const logs = (pod: string) => cluster.kubectl(["logs", pod], { kubeconfig: reader.kubeconfig });
  const [pod = ""] = await podNames("api");
  expect((await logs(pod)).stderr).toContain("Forbidden");
  await setEnvironment(cluster, { ALLOW_POD_GET: "true" });
  await becomes("kubectl logs POD works", `${pod}\n`, async () => (await logs(pod)).stdout);
  const [other = ""] = await podNames("other");
  expect((await logs(other)).stderr).toContain("Forbidden");
  const { answers, wanted } = await refusals();
  expect(answers).toEqual(wanted);
});
