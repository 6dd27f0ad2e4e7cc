/*
 * What the chart grants, against what the code declares.
 *
 * Invariants, for every choice of controllers, with all namespaces and with two, with each way to certificates:
 * - The manager's account has exactly the rules of the chosen controllers, of the webhooks where these are served, and of the
 *   choices of podlogreader: in all namespaces by ClusterRoles, or by Roles in just those that are named.
 * - With namespaces, nothing is left of ClusterRoles but what no Role can give.
 * - Every rule has the comment that the code gives it.
 * - Who makes the rules themselves is told all of them that the Job before the removal needs.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { GROUPS, type Group } from "../../src/controllers/names.ts";
import type { Permission } from "../../src/controllers/permission.ts";
import { agentPermissions } from "../../src/rbac/agent.ts";
import { AUDIENCES, audiencePermissions } from "../../src/rbac/aggregated.ts";
import { groupPermissions, permissionsFor } from "../../src/rbac/groups.ts";
import { leasePermissions, managerPermissions } from "../../src/rbac/manager.ts";
import { certificatePermissions, webhookPermissions } from "../../src/rbac/webhooks.ts";
import { documented } from "./support/documented.ts";
import { type ChartObject, Helm, objectsIn, only, type Rule, type Values } from "./support/helm.ts";

let helm: Helm;
beforeAll(async () => {
  helm = await Helm.start();
});
afterAll(() => helm?.[Symbol.dispose]());

const MANAGER = "podconfigmap-controller";

/** One right in words, with the namespace it is for; `*` = all. */
const inWords = (where: string, { group, resources, verbs, names }: Permission): string[] =>
  resources.flatMap((resource) =>
    verbs.map((verb) => `${where}: ${verb} ${resource}.${group}${names === undefined ? "" : ` ${[...names].sort()}`}`),
  );

const ruleInWords = (where: string, { apiGroups, resources, verbs, resourceNames }: Rule): string[] =>
  apiGroups.flatMap((group) =>
    inWords(where, { why: "", group, resources, verbs, ...(resourceNames && { names: resourceNames }) }),
  );

/** What an account has by the bindings that the chart makes, each right once. */
const grantedTo = (objects: readonly ChartObject[], account: string): readonly string[] => {
  const bindings = objects.filter(
    ({ kind, subjects = [] }) =>
      kind.endsWith("Binding") && subjects.some(({ name, namespace }) => name === account && namespace === "ops"),
  );
  const rights = bindings.flatMap(({ metadata, roleRef }) => {
    const role = objects.find(
      (one) =>
        one.kind === roleRef?.kind &&
        one.metadata.name === roleRef.name &&
        (roleRef.kind === "ClusterRole" || one.metadata.namespace === metadata.namespace),
    );
    return (role?.rules ?? []).flatMap((rule) => ruleInWords(metadata.namespace ?? "*", rule));
  });
  return [...new Set(rights)].sort();
};

const subsets: readonly (readonly Group[])[] = [1, 2, 3, 4, 5, 6, 7].map((bits) =>
  GROUPS.filter((_, index) => bits & (1 << index)),
);

const CLUSTER_WIDE = ["subjectaccessreviews", "validatingwebhookconfigurations", "mutatingwebhookconfigurations"];
const isOfNamespaces = ({ resources }: Permission) => resources.includes("namespaces");
const isConfiguration = ({ resources }: Permission) => resources.some((one) => one.endsWith("webhookconfigurations"));

interface Case {
  readonly groups: readonly Group[];
  readonly namespaces: readonly string[];
  readonly certificates: "own" | "cert-manager" | "none";
}

/** Webhook configurations are written by who makes the certificate; otherwise readiness looks at them; without webhooks nobody. */
const configured = (one: Permission, certificates: Case["certificates"]): readonly Permission[] => {
  if (!isConfiguration(one) || certificates === "own") return [one];
  return certificates === "none" ? [] : [{ ...one, verbs: one.verbs.filter((verb) => verb !== "patch") }];
};

/** What the code says that an account needs, said apart from the chart's templates. */
const needed = ({ groups, namespaces, certificates }: Case): readonly string[] => {
  const admits = certificates !== "none" && groups.some((group) => group !== "podlogreader");
  const everywhere = namespaces.length === 0 ? ["*"] : namespaces;
  const ofGroups = [...managerPermissions, ...groups.flatMap((group) => groupPermissions[group])];
  const wanted = ofGroups
    .flatMap((one) => configured(one, certificates))
    .filter((one) => {
      if (!isOfNamespaces(one)) return true;
      // Named namespaces are each asked about, all of them are listed.
      return one.verbs.includes("get") ? namespaces.length > 0 : namespaces.length === 0;
    });
  const rights = [
    ...wanted.flatMap((one) => {
      const isClusterWide = one.resources.some((resource) => CLUSTER_WIDE.includes(resource));
      return (isClusterWide ? ["*"] : everywhere).flatMap((where) => inWords(where, one));
    }),
    ...leasePermissions.flatMap((one) => inWords("ops", one)),
    ...(admits ? webhookPermissions : [])
      .flatMap((one) => configured(one, certificates))
      .flatMap((one) => inWords("*", one)),
    ...(admits && certificates === "own" ? certificatePermissions : []).flatMap((one) => inWords("ops", one)),
  ];
  return [...new Set(rights)].sort();
};

const valuesOf = ({ groups, namespaces, certificates }: Case): Values => ({
  controllers: groups,
  watchNamespaces: namespaces,
  webhooks: { enabled: certificates !== "none", certManager: { enabled: certificates === "cert-manager" } },
});

const cases = subsets.flatMap((groups) =>
  [[], ["shop", "pay"]].flatMap((namespaces) =>
    (["own", "cert-manager", "none"] as const).map((certificates): Case => ({ groups, namespaces, certificates })),
  ),
);

test.each(cases)(
  "the manager of $groups in $namespaces with $certificates certificates may what it needs",
  async (one) => {
    const objects = await helm.objects(valuesOf(one));
    expect(grantedTo(objects, MANAGER)).toEqual(needed(one));
  },
);

test("without webhooks, a manager of two namespaces is in no ClusterRole", async () => {
  const objects = await helm.objects({ watchNamespaces: ["shop", "pay"], webhooks: { enabled: false } });
  expect(objects.filter(({ kind }) => kind === "ClusterRoleBinding")).toEqual([]);
});

test("the choices of podlogreader grant what these take, and only where they are made", async () => {
  const plain = grantedTo(await helm.objects(), MANAGER);
  const podlogreader = { createSaAndRoleBinding: true, allowPodGet: true };
  const chosen = grantedTo(await helm.objects({ podlogreader }), MANAGER);
  const more = [...permissionsFor("createSaAndRolebinding"), ...permissionsFor("allowPodGet")];
  expect(chosen).toEqual([...new Set([...plain, ...more.flatMap((one) => inWords("*", one))])].sort());
  expect(grantedTo(await helm.objects({ podlogreader, controllers: ["watcher"] }), MANAGER).join()).not.toContain(
    "serviceaccounts",
  );
});

describe("settings that decide over rights", () => {
  test("another lock and another Secret are named in the rules", async () => {
    const settings = {
      leaderElectionLockName: "other-lock",
      leaderElectionLockNamespace: "locks",
      webhookSecretName: "other-cert",
    };
    const rights = grantedTo(await helm.objects({ settings }), MANAGER);
    expect(rights).toContain("locks: update leases.coordination.k8s.io other-lock");
    expect(rights).toContain("ops: get secrets. other-cert");
    expect(rights.join()).not.toContain("podconfigmap-controller-lock");
  });

  test("without election, author checks or a certificate of its own the manager has no rights for these", async () => {
    const settings = { leaderElectionEnabled: false, authorChecks: false, webhookCertDir: "/certs" };
    const rights = grantedTo(await helm.objects({ settings, replicas: 1 }), MANAGER).join();
    expect(rights).not.toMatch(/leases|subjectaccessreviews|secrets|patch \w+webhookconfigurations/);
  });
});

test.each([
  ["in all namespaces", [], ["*"]],
  ["in two", ["shop", "pay"], ["shop", "pay"]],
])("the agent may what the code declares, %s", async (_, watchNamespaces, where) => {
  const objects = await helm.objects({ agent: { enabled: true }, watchNamespaces });
  const wanted = where.flatMap((one) => agentPermissions.flatMap((permission) => inWords(one, permission)));
  expect(grantedTo(objects, "podconfigmap-controller-agent")).toEqual([...new Set(wanted)].sort());
});

test("users get what the code declares, by aggregation, and nobody else", async () => {
  const objects = await helm.objects();
  for (const audience of AUDIENCES) {
    const role = only(objects, "ClusterRole", `${MANAGER}-${audience}`);
    expect(role.metadata.labels).toMatchObject({ [`rbac.authorization.k8s.io/aggregate-to-${audience}`]: "true" });
    const rights = role.rules?.flatMap((rule) => ruleInWords("*", rule));
    expect(rights).toEqual(audiencePermissions[audience].flatMap((one) => inWords("*", one)));
  }
  const without = await helm.objects({ rbac: { aggregate: false } });
  expect(without.filter(({ metadata }) => metadata.labels?.["app.kubernetes.io/component"] === "user")).toEqual([]);
});

test("each rule is explained", async () => {
  const text = await helm.render({ agent: { enabled: true }, rbac: { checkNamespaces: true } });
  const all = [
    ...[managerPermissions, leasePermissions, webhookPermissions, certificatePermissions, agentPermissions].flat(),
    ...GROUPS.flatMap((group) => groupPermissions[group]),
    ...AUDIENCES.flatMap((audience) => audiencePermissions[audience]),
  ];
  expect(all.filter(({ why }) => !text.includes(`  # ${why}\n`))).toEqual([]);
});

test("the rules that docs/how-to/uninstall.md gives to the Job with rbac.create: false are those that it has without", async () => {
  const objects = documented("docs/how-to/uninstall.md");
  const hooks = objectsIn(await helm.render({ crds: { install: false }, agent: { enabled: true } }));
  for (const kind of ["Role", "RoleBinding"]) {
    const { rules, roleRef, subjects } = only(hooks, kind, `${MANAGER}-uninstall`);
    const written = only(objects, kind);
    expect([written.rules, written.roleRef]).toEqual([rules, roleRef]);
    expect(written.subjects?.map(({ name }) => name)).toEqual(subjects?.map(({ name }) => name));
  }
});

test("nothing is granted with rbac.create: false", async () => {
  const objects = await helm.objects({ rbac: { create: false }, agent: { enabled: true } });
  expect(objects.filter(({ kind }) => /Role/.test(kind))).toEqual([]);
});
