/*
 * Invariants:
 * - What is asked about is what the code declares for the controllers that run, in the namespaces that are watched: no rule
 *   more, and none less.
 * - What is refused is named with account, place and what grants it; an answer that does not come fails nothing.
 */
import { describe, expect, test } from "vitest";
import { agentNeeds, needsOf, questionsOf } from "../../../src/cli/doctor/operator-needs.ts";
import { judgeAccounts, judgeSelf } from "../../../src/cli/doctor/permissions.ts";
import { seen } from "../../../src/cli/doctor/seen.ts";
import { selfNeeds } from "../../../src/cli/doctor/self-needs.ts";
import { GROUPS } from "../../../src/controllers/names.ts";
import { agentPermissions } from "../../../src/rbac/agent.ts";
import { CHOICES, groupPermissions, permissionsFor, spelledOut } from "../../../src/rbac/groups.ts";
import { leasePermissions, managerPermissions } from "../../../src/rbac/manager.ts";
import { certificatePermissions, webhookPermissions } from "../../../src/rbac/webhooks.ts";
import { type DeploymentWish, FORBIDDEN, operator, told } from "./fixtures.ts";
import { type DoctorNeed, needTexts } from "./need-texts.ts";

const needs = (wish: DeploymentWish, namespaces: readonly string[] = []): readonly DoctorNeed[] => {
  const found = operator(wish);
  return found.settings === undefined ? [] : needTexts(needsOf(found, found.settings, namespaces));
};
const rules = (all: readonly DoctorNeed[]) => [...new Set(all.flatMap((need) => need.rules))].sort();

describe("what is asked about", () => {
  test("with the default settings is all that the chart grants: no namespace is looked for by its name", () => {
    const declared = [
      ...managerPermissions,
      ...leasePermissions,
      ...webhookPermissions,
      ...certificatePermissions,
      ...GROUPS.flatMap((group) => groupPermissions[group]),
    ];
    const granted = new Set(declared.flatMap(spelledOut));
    expect(granted.delete("get namespaces")).toBe(true);
    expect(rules(needs({}))).toEqual([...granted].sort());
  });

  test.each(GROUPS)("of %s alone is its own, and not the others'", (group) => {
    const all = rules(needs({ args: [`--controllers=${group}`] }));
    for (const rule of groupPermissions[group].flatMap(spelledOut)) expect(all).toContain(rule);
    const isWebhook = all.includes("patch validatingwebhookconfigurations.admissionregistration.k8s.io");
    expect(isWebhook).toBe(group !== "podlogreader");
  });

  test.each(CHOICES)("grows with %s", (choice) => {
    const env = { [choice === "allowPodGet" ? "ALLOW_POD_GET" : "CREATE_SA_AND_ROLEBINDING"]: "true" };
    const more = rules(needs({ env }));
    for (const rule of permissionsFor(choice).flatMap(spelledOut)) expect(more).toContain(rule);
  });

  test("with WATCH_NAMESPACES is asked in each of them, but for what no Role can give", () => {
    const all = needs({ env: { WATCH_NAMESPACES: "a,b" } }, ["a", "b"]);
    const places = (rule: string) => all.filter((need) => need.rules.includes(rule)).map(({ namespace }) => namespace);
    expect(places("update configmaps")).toEqual(["a", "b", "a", "b"]);
    expect(places("list namespaces")).toEqual([]);
    expect(places("patch mutatingwebhookconfigurations.admissionregistration.k8s.io")).toEqual([""]);
  });

  test("of webhooks is nothing where they are off, and no Secret where others make the certificate", () => {
    const secret = "get secrets";
    expect(rules(needs({}))).toContain(secret);
    expect(rules(needs({ env: { WEBHOOK_CERT_DIR: "/certs" } }))).not.toContain(secret);
    const off = rules(needs({ env: { WEBHOOK_ENABLED: "false" } }));
    expect(off.filter((rule) => /secrets|webhook|accessreviews/.test(rule))).toEqual([]);
    expect(rules(needs({ env: { AUTHOR_CHECKS: "false" } })).join()).not.toContain("subjectaccessreviews");
  });

  test("names the Lease and the Secret as they are set", () => {
    const all = needs({
      namespace: "ops",
      env: { LEADER_ELECTION_LOCK_NAME: "mine", LEADER_ELECTION_LOCK_NAMESPACE: "locks", WEBHOOK_SECRET_NAME: "cert" },
    });
    expect(all.find(({ part }) => part === "leader election")).toMatchObject({ namespace: "locks", names: ["mine"] });
    expect(all.find(({ part }) => part.includes("certificates"))).toMatchObject({ namespace: "ops", names: ["cert"] });
  });

  test("of a namespace is asked by its name, as RBAC judges it", () => {
    const [need] = needsOf({ namespace: "default" }, operator({}).settings ?? never(), ["shop"]);
    const found = need && questionsOf(need).find(({ resource }) => resource === "namespaces");
    expect(found).toEqual({ group: "", resource: "namespaces", verb: "get", name: "shop", namespace: "shop" });
  });

  test("of agents is what their manifest grants", () => {
    expect(rules(needTexts(agentNeeds([])))).toEqual(agentPermissions.flatMap(spelledOut).sort());
  });

  test("of agents with WATCH_NAMESPACES is asked in each of them, and in no other place", () => {
    const all = needTexts(agentNeeds(["a", "b"]));
    expect(all.map(({ namespace }) => namespace)).toEqual(["a", "b"]);
    for (const need of all) expect(rules([need])).toEqual(agentPermissions.flatMap(spelledOut).sort());
  });
});

const never = (): never => {
  throw new Error("there are settings");
};

describe("what is answered", () => {
  const [first] = agentNeeds([]);
  const answered = (missing: Parameters<typeof judgeAccounts>[0]["accounts"][number]["missing"]) => ({
    self: seen([]),
    accounts: first === undefined ? [] : [{ account: "default/agent", need: first, missing }],
    leftOut: 0,
  });

  test("all granted is one line", () => {
    expect(told(judgeAccounts(answered(seen([]))))).toEqual([
      "ok: ServiceAccount default/agent may do all that it has to",
    ]);
  });

  test("what is refused is named, with what grants it", () => {
    expect(judgeAccounts(answered(seen(["list pods"])))).toMatchObject([
      {
        status: "failed",
        message: expect.stringContaining("list pods"),
        remedy: expect.stringContaining("manifests/agent.yaml"),
      },
    ]);
  });

  test("without the right to ask it is skipped, with that right", () => {
    expect(judgeAccounts(answered(FORBIDDEN))).toMatchObject([
      { status: "skipped", remedy: "get the right to list things" },
    ]);
  });

  test("namespaces that were not asked about are said", () => {
    expect(told(judgeAccounts({ ...answered(seen([])), leftOut: 3 }))[1]).toContain(
      "3 namespaces of WATCH_NAMESPACES not asked about",
    );
  });

  test("of whoever asks is what is read beside the operator, and the Lease where it is", () => {
    const elsewhere = operator({ namespace: "ops", env: { LEADER_ELECTION_LOCK_NAMESPACE: "locks" } });
    const beside = selfNeeds(elsewhere).filter(({ namespace }) => namespace !== undefined);
    expect(beside.filter(({ resource }) => resource === "leases")).toMatchObject([{ verb: "get", namespace: "locks" }]);
    expect(new Set(beside.filter(({ resource }) => resource !== "leases").map(({ namespace }) => namespace))).toEqual(
      new Set(["ops"]),
    );
  });

  test("one's own rights that are missing are a warning that names them", () => {
    expect(judgeSelf({ ...answered(seen([])), self: seen(["list nodes"]) })).toMatchObject([
      { status: "warning", message: expect.stringContaining("list nodes") },
    ]);
  });
});
