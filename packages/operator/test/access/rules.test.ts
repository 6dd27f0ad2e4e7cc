/*
 * The parts of the answer that the comparison with the API server does not reach, or not often.
 *
 * Invariants:
 * - A rule's names are a subset of what it names, or every Pod; never "every" with names given.
 * - Whoever may read these logs and nothing else is judged clean; each thing beyond that is named, and where it counts.
 * - The name of a Pod that is not there is no surplus, for what podlogreader gives.
 * - No label takes a binding out of the bindings beside a token's own.
 */
import fc from "fast-check";
import type { PolicyRule } from "kubernetes-types/rbac/v1.d.ts";
import { describe, expect, test } from "vitest";
import { resolveBindings } from "../../src/access/bindings.ts";
import { furtherBindings } from "../../src/access/further-bindings.ts";
import { readersOf } from "../../src/access/readers.ts";
import { intersectionOf, namesOf, READ_LOG, READ_POD, unionOf } from "../../src/access/rule.ts";
import { gapOf, judgeRules } from "../../src/access/rules-review.ts";
import { impliedGroups, subjectOf, subjectText } from "../../src/access/subject.ts";
import { rulesFor } from "../../src/podlogreader/role.ts";

const PODS = ["web-a", "web-b"];
const rule = (resources: string[], verbs = ["get"], resourceNames: string[] = []): PolicyRule => ({
  apiGroups: [""],
  resources,
  resourceNames,
  verbs,
});

describe("a rule", () => {
  test.each([["pods/log"], ["*/log"], ["*"]])("with %s is about logs, of every Pod where it names none", (resource) => {
    expect(namesOf(rule([resource]), READ_LOG)).toBe("every");
    expect(namesOf(rule([resource], ["get"], PODS), READ_LOG)).toEqual(new Set(PODS));
  });

  test.each([["pods"], ["pods/*"], ["*/*"], ["log"], ["*/lo"], ["pods/logs"]])(
    "with %s is not about logs",
    (resource) => {
      expect(namesOf(rule([resource]), READ_LOG)).toBeUndefined();
    },
  );

  test("about a subresource of all resources is not about Pods themselves", () => {
    expect(namesOf(rule(["*/log"]), READ_POD)).toBeUndefined();
    expect(namesOf(rule(["pods/log"]), READ_POD)).toBeUndefined();
  });

  test("of another group, or about paths, is about neither", () => {
    expect(namesOf({ ...rule(["pods/log"]), apiGroups: ["apps"] }, READ_LOG)).toBeUndefined();
    expect(namesOf({ verbs: ["get"], nonResourceURLs: ["*"] }, READ_LOG)).toBeUndefined();
  });
});

describe("names", () => {
  const names = fc.oneof(
    fc.constant("every" as const),
    fc.subarray(["a", "b", "c"]).map((list) => new Set(list)),
  );
  const has = (all: "every" | ReadonlySet<string>, name: string) => all === "every" || all.has(name);

  test("of a union and of an intersection are those of either and of both", () => {
    fc.assert(
      fc.property(names, names, fc.constantFrom("a", "b", "c", "later"), (a, b, name) => {
        expect(has(unionOf([a, b]), name)).toBe(has(a, name) || has(b, name));
        expect(has(intersectionOf(a, b), name)).toBe(has(a, name) && has(b, name));
      }),
    );
  });
});

describe("a subject", () => {
  test.each([
    [{ kind: "ServiceAccount", name: "app" }, "shop", "ServiceAccount shop/app"],
    [{ kind: "ServiceAccount", name: "app", namespace: "blog" }, "shop", "ServiceAccount blog/app"],
    [{ kind: "User", name: "system:serviceaccount:blog:app" }, "", "ServiceAccount blog/app"],
    [{ kind: "User", name: "system:serviceaccount:blog:app:x" }, "", "User system:serviceaccount:blog:app:x"],
    [{ kind: "Group", name: "devs" }, "", "Group devs"],
  ])("%j in a binding of %j is %s", (named, namespace, text) => {
    const subject = subjectOf(named, namespace);
    expect(subject && subjectText(subject)).toBe(text);
  });

  test.each([
    [{ kind: "ServiceAccount", name: "app" }, ""],
    [{ kind: "Robot", name: "r2" }, "shop"],
  ])("%j in a binding of %j is nobody", (named, namespace) => {
    expect(subjectOf(named, namespace)).toBeUndefined();
  });

  test("is never in its own group twice", () => {
    const groups = ["system:authenticated", "system:unauthenticated", "system:serviceaccounts:shop", "devs"];
    for (const name of groups) expect(impliedGroups({ kind: "Group", name })).not.toContain(name);
  });
});

describe("a binding", () => {
  const metadata = { name: "b", namespace: "shop" };
  const roleBinding = (kind: "Role" | "ClusterRole") => ({
    metadata,
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind, name: "r" },
    subjects: [{ kind: "User", name: "paul" }],
  });

  test.each([
    ["Role", { roles: [], clusterRoles: undefined }, "missing"],
    ["Role", { roles: undefined, clusterRoles: [{ metadata: { name: "r" } }] }, "unseen"],
    ["ClusterRole", { roles: [{ metadata: { name: "r" } }], clusterRoles: [] }, "missing"],
    ["ClusterRole", { roles: [], clusterRoles: undefined }, "unseen"],
  ] as const)("to a %s where there are %j is %s", (kind, roles, why) => {
    const objects = {
      ...roles,
      roles: roles.roles && [...roles.roles],
      roleBindings: [roleBinding(kind)],
      clusterRoleBindings: [],
    };
    const { bound, open } = resolveBindings(objects, () => false);
    expect([bound, open.map((one) => one.why)]).toEqual([[], [why]]);
  });
});

describe("a role", () => {
  test("is read as often for a hundred bindings as for one", () => {
    const readsFor = (count: number): number => {
      let reads = 0;
      const counted = {
        ...rule(["pods/log", "pods"]),
        get resourceNames() {
          reads++;
          return PODS;
        },
      };
      const roleRef = { apiGroup: "", kind: "Role", name: "r" };
      const roleBindings = Array.from({ length: count }, (_, index) => ({
        metadata: { name: `${index}`, namespace: "shop" },
        roleRef,
        subjects: [{ kind: "User", name: `user-${index}` }],
      }));
      const roles = [{ metadata: { name: "r", namespace: "shop" }, rules: [counted] }];
      const objects = { roles, roleBindings, clusterRoles: [], clusterRoleBindings: [] };
      expect(readersOf({ objects, pods: PODS, isOurs: () => false }).readers).toHaveLength(count);
      return reads;
    };
    expect(readsFor(100)).toBe(readsFor(1));
  });
});

describe("what a token may do", () => {
  const basics = [
    {
      ...rule(["selfsubjectaccessreviews", "selfsubjectrulesreviews"], ["create"]),
      apiGroups: ["authorization.k8s.io"],
    },
    { ...rule(["selfsubjectreviews"], ["create"]), apiGroups: ["authentication.k8s.io"] },
  ];
  const paths = [{ nonResourceURLs: ["/api", "/api/*", "/healthz", "/version/"], verbs: ["get"] }];
  const allowing = (resourceRules: readonly PolicyRule[], nonResourceRules = paths) => ({
    resourceRules: [...basics, ...resourceRules],
    nonResourceRules,
  });
  /** Of the Pods that are there, `db-0` is another's. */
  const pods = { current: PODS, exists: (name: string) => [...PODS, "db-0"].includes(name) };
  const judge = (resourceRules: readonly PolicyRule[], nonResourceRules = paths) =>
    judgeRules({ here: allowing(resourceRules, nonResourceRules), everywhere: allowing([]) }, pods);
  const own = rulesFor(PODS, { allowPodGet: false });

  test.each([false, true])("is just right with what podlogreader gives it (get on Pods: %s)", (allowPodGet) => {
    expect(judge(rulesFor(PODS, { allowPodGet }))).toEqual({ surplus: [], everywhere: [], unreadable: [], gone: [] });
  });

  test.each([
    [rule(["pods/log"]), "get pods/log"],
    [rule(["pods/log"], ["get"], ["web-a", "db-0"]), "get pods/log (db-0)"],
    [rule(["pods/log"], ["get"], ["web-a", "web-gone", "db-0"]), "get pods/log (db-0)"],
    [rule(["pods"], ["list", "watch"]), "watch pods"],
    [rule(["pods"], ["get"]), "get pods"],
    [rule(["pods/exec"], ["create"], PODS), "create pods/exec (web-a, web-b)"],
    [rule(["pods/exec"], ["create"], ["web-gone"]), "create pods/exec (web-gone)"],
    [rule(["secrets", "configmaps"], ["get"]), "get configmaps; get secrets"],
    [rule(["secrets"], ["get"], ["web-gone"]), "get secrets (web-gone)"],
    [{ ...rule(["pods"], ["list"]), apiGroups: ["metrics.k8s.io"] }, "list pods.metrics.k8s.io"],
    [rule(["*"], ["*"]), "* *"],
  ])("is too much with %j: %s", (more, text) => {
    expect(judge([...own, more]).surplus.join("; ")).toBe(text);
  });

  test.each([
    [{ nonResourceURLs: ["/metrics"], verbs: ["get"] }, "get /metrics"],
    [{ nonResourceURLs: ["*"], verbs: ["*"] }, "* *"],
    [{ nonResourceURLs: ["/api"], verbs: ["post"] }, "post /api"],
  ])("is too much with the path %j: %s", (more, text) => {
    expect(judge([], [more]).surplus).toEqual([text]);
  });

  test("is too little where a log is left out", () => {
    expect(judge(rulesFor(["web-b"], { allowPodGet: false })).unreadable).toEqual(["web-a"]);
    expect(judge([]).unreadable).toEqual(PODS);
  });

  test.each([false, true])("may name Pods that are gone (get on Pods: %s), which are told", (allowPodGet) => {
    const rules = rulesFor(["web-gone", ...PODS], { allowPodGet });
    expect(judge(rules)).toEqual({ surplus: [], everywhere: [], unreadable: [], gone: ["web-gone"] });
  });

  test.each([
    [rule(["pods"], ["list"]), "list pods"],
    [rule(["pods/log"], ["get"], PODS), "get pods/log (web-a, web-b)"],
    [rule(["secrets"], ["get", "list"]), "get,list secrets"],
  ])("is too much with %j in every namespace, whatever the Role says, and is told once: %s", (more, text) => {
    const judgement = judgeRules({ here: allowing([...own, more]), everywhere: allowing([more]) }, pods);
    expect(judgement).toEqual({ surplus: [], everywhere: [text], unreadable: [], gone: [] });
  });

  test("is too much with paths, which are of no namespace", () => {
    const metrics = [...paths, { nonResourceURLs: ["/metrics"], verbs: ["get"] }];
    const judgement = judgeRules({ here: allowing(own, metrics), everywhere: allowing([], metrics) }, pods);
    expect([judgement.surplus, judgement.everywhere]).toEqual([[], ["get /metrics"]]);
  });

  test.each([
    [{ incomplete: false }, undefined],
    [{ incomplete: true }, "the API server gives no reason"],
    [{ incomplete: true, evaluationError: "no rules of webhooks" }, "no rules of webhooks"],
    [{ incomplete: false, evaluationError: "role not found" }, "role not found"],
  ])("is not known whole where the review is %j: %s", (status, reason) => {
    expect(gapOf(status)).toBe(reason);
  });
});

describe("bindings beside its own", () => {
  const subject = { kind: "ServiceAccount", namespace: "shop", name: "podlogreader-web" } as const;
  const labels = { "kubernetes.io/bootstrapping": "rbac-defaults" };
  const binding = (
    namespace: string,
    name: string,
    more: { kind?: "User" | "Group" | "ServiceAccount"; who?: string; role?: string } = {},
  ) => {
    const { kind = "ServiceAccount", who = subject.name, role = "view" } = more;
    return {
      metadata: { ...(namespace !== "" && { namespace }), name, labels },
      roleRef: { apiGroup: "", kind: role === subject.name ? "Role" : "ClusterRole", name: role },
      subjects: [{ kind, name: who, ...(kind === "ServiceAccount" && { namespace: "shop" }) }],
    };
  };
  const found = (
    roleBindings: readonly ReturnType<typeof binding>[],
    clusterRoleBindings: readonly ReturnType<typeof binding>[],
  ) => furtherBindings({ subject, role: subject.name, roleBindings, clusterRoleBindings }).map(({ text }) => text);

  test("are those that name it or a group of its, in all namespaces, whatever their labels", () => {
    const ofNamespaces = [
      binding("shop", "own", { role: subject.name }),
      binding("shop", "other"),
      binding("blog", "there"),
      binding("blog", "group", { kind: "Group", who: "system:serviceaccounts:shop" }),
      binding("blog", "user", { kind: "User", who: "system:serviceaccount:shop:podlogreader-web" }),
      binding("blog", "somebody-else", { who: "podlogreader-db" }),
    ];
    const everybody = binding("", "everybody", { kind: "Group", who: "system:authenticated" });
    expect(found(ofNamespaces, [everybody])).toEqual([
      "ClusterRoleBinding everybody (ClusterRole view)",
      "RoleBinding blog/group (ClusterRole view)",
      "RoleBinding blog/there (ClusterRole view)",
      "RoleBinding blog/user (ClusterRole view)",
      "RoleBinding shop/other (ClusterRole view)",
    ]);
  });

  const discovery = "system:discovery";
  const everybody = { kind: "Group", who: "system:authenticated", role: discovery } as const;

  test("leave out what the API server gives everybody, by name, role and group", () => {
    const issuer = "system:service-account-issuer-discovery";
    const ofAccounts = binding("", issuer, { kind: "Group", who: "system:serviceaccounts", role: issuer });
    expect(found([], [binding("", discovery, everybody), ofAccounts])).toEqual([]);
  });

  test.each([
    ["another name", binding("", "mine", everybody)],
    ["another role", binding("", discovery, { ...everybody, role: "view" })],
    ["another group", binding("", discovery, { ...everybody, who: "system:serviceaccounts:shop" })],
    ["the ServiceAccount itself", binding("", discovery, { role: discovery })],
  ])("do not leave it out with %s", (_, forged) => {
    expect(found([], [forged])).toHaveLength(1);
  });

  test("do not leave it out with further subjects, or in a RoleBinding", () => {
    const genuine = binding("", discovery, everybody);
    const widened = { ...genuine, subjects: [...genuine.subjects, ...binding("", "x").subjects] };
    expect(found([], [widened])).toHaveLength(1);
    expect(found([binding("blog", discovery, everybody)], [])).toHaveLength(1);
  });
});
