/*
 * Who can read logs, held against the API server's own verdict, for any Roles, ClusterRoles and bindings.
 *
 * Invariants:
 * - For everybody whom a binding names, and every Pod: the answer is that of a SubjectAccessReview. Nobody else can read.
 * - `everyPod` holds for a Pod that is not there yet.
 * - `kubectlLogs` are those of the Pods that may be read themselves too.
 * - The groups that a subject is always in are those that the API server puts it into.
 */
import { Client, loadClusterConfig } from "@pcmc/controller-runtime";
import { type Cluster, startCluster } from "@pcmc/devcluster";
import fc from "fast-check";
import type { SelfSubjectReview } from "kubernetes-types/authentication/v1.d.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Coverage, type Reader, readersOf } from "../../src/access/readers.ts";
import { impliedGroups, type Subject, subjectOf, subjectText } from "../../src/access/subject.ts";
import { readRbac } from "../../src/cli/who-can-read/read-rbac.ts";
import { PODS, policy, SUBJECTS } from "./generated.ts";
import { ofNamespace, StoredPolicy } from "./stored-policy.ts";
import { allowed, identityOf } from "./verdict.ts";

const LATER = "not-there-yet";
const RUNS = 40;
const SEED = 20260;

let cluster: Cluster;
let client: Client;
let namespaces = 0;

beforeAll(async () => {
  cluster = await startCluster({ controllerManager: false });
  client = new Client(await loadClusterConfig({ flags: { kubeconfig: cluster.kubeconfig }, env: {} }));
});

afterAll(async () => {
  await client?.close();
  await cluster?.stop();
});

const newNamespace = async (): Promise<string> => {
  const name = `access-${++namespaces}`;
  await cluster.request("POST", "/api/v1/namespaces", { metadata: { name } });
  return name;
};

/** What the API server says of a subject, in the form of the answer. */
const verdictOf = async (subject: Subject, namespace: string): Promise<Pick<Reader, "logs" | "kubectlLogs">> => {
  const identity = identityOf(subject);
  const may = async (name: string, subresource?: string) => {
    const what = { namespace, verb: "get", group: "", resource: "pods", name };
    return allowed(cluster, identity, subresource === undefined ? what : { ...what, subresource });
  };
  const verdicts = await Promise.all(
    [...PODS, LATER].map(async (name) => ({ name, log: await may(name, "log"), pod: await may(name) })),
  );
  const coverage = (of: (verdict: (typeof verdicts)[number]) => boolean): Coverage => ({
    everyPod: verdicts.every(of),
    pods: verdicts.filter((verdict) => of(verdict) && verdict.name !== LATER).map(({ name }) => name),
  });
  return { logs: coverage(({ log }) => log), kubectlLogs: coverage(({ log, pod }) => log && pod) };
};

const NOTHING: Coverage = { everyPod: false, pods: [] };

/** Of somebody whom no binding for logs names: what the groups can read that it is always in. */
const throughGroups = (subject: Subject, readers: readonly Reader[]): Coverage => {
  const groups = new Set(identityOf(subject).groups.map((group) => `Group ${group}`));
  const all = readers.filter((reader) => groups.has(subjectText(reader.subject))).map(({ logs }) => logs);
  const names = new Set(all.flatMap(({ pods }) => pods));
  return { everyPod: all.some(({ everyPod }) => everyPod), pods: PODS.filter((pod) => names.has(pod)) };
};

test("for any policy, the answer for everybody is the API server's", async () => {
  const seen = { whole: 0, partial: 0, withoutGet: 0 };
  const property = fc.asyncProperty(policy, async (wanted) => {
    const namespace = await newNamespace();
    await using _stored = await StoredPolicy.store(cluster, namespace, wanted);
    const { objects, unseen } = await readRbac(client, namespace);
    expect(unseen).toEqual([]);
    const { readers } = readersOf({ objects, pods: PODS, isOurs: () => false });
    const named = SUBJECTS.flatMap((subject) => subjectOf(ofNamespace(subject, namespace), "") ?? []);
    const listed = new Map(readers.map((reader) => [subjectText(reader.subject), reader]));
    const others = new Map(named.map((subject) => [subjectText(subject), subject]));
    for (const reader of readers) {
      const { logs, kubectlLogs, subject } = reader;
      expect({ subject, logs, kubectlLogs }).toEqual({ subject, ...(await verdictOf(subject, namespace)) });
      if (!others.has(subjectText(subject))) continue;
      seen[logs.everyPod ? "whole" : "partial"]++;
      if (kubectlLogs.pods.length < logs.pods.length) seen.withoutGet++;
    }
    for (const [text, subject] of others) {
      if (listed.has(text)) continue;
      const { logs } = await verdictOf(subject, namespace);
      expect({ subject, logs }).toEqual({ subject, logs: throughGroups(subject, readers) });
    }
  });
  await fc.assert(property, { numRuns: RUNS, seed: SEED, endOnFailure: true });
  // Else the policies were so narrow that the comparison said little.
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(RUNS / 4);
}, 300_000);

test("somebody whom nothing names can read nothing", async () => {
  const namespace = await newNamespace();
  const verdict = await verdictOf({ kind: "User", name: "stranger" }, namespace);
  expect(verdict).toEqual({ logs: NOTHING, kubectlLogs: NOTHING });
});

test("a ServiceAccount and a user are in the groups that the answer counts on", async () => {
  const namespace = await newNamespace();
  const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
  await cluster.request("POST", accounts, { metadata: { name: "app" } });
  const { status } = await cluster.request<{ status: { token: string } }>("POST", `${accounts}/app/token`, {
    spec: {},
  });
  const groupsOf = async (args: readonly string[], kubeconfig?: string) => {
    const asked = await cluster.kubectl([...args, "auth", "whoami", "-o", "json"], kubeconfig ? { kubeconfig } : {});
    const review: SelfSubjectReview = JSON.parse(asked.stdout);
    return review.status?.userInfo?.groups;
  };
  const user = await cluster.addUser({ name: "jane" });
  expect(await groupsOf([], user.kubeconfig)).toEqual(impliedGroups({ kind: "User", name: "jane" }));
  // kubectl prefers the certificate of its kubeconfig; without one, the token counts.
  const asToken = ["--server", cluster.server, "--insecure-skip-tls-verify", "--token", status.token];
  const groups = await groupsOf(asToken, "/dev/null");
  expect(groups?.toSorted()).toEqual([...impliedGroups({ kind: "ServiceAccount", namespace, name: "app" })].sort());
});
