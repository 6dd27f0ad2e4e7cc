/*
 * The parts of the answer that the comparison with the API server does not reach, or not often.
 *
 * Invariants:
 * - A rule's names are a subset of what it names, or every Pod; never "every" with names given.
 * - Whoever may read these logs and nothing else is judged clean; each thing beyond that is named.
 */
import fc from "fast-check";
import type { PolicyRule } from "kubernetes-types/rbac/v1.d.ts";
import { describe, expect, test } from "vitest";
import { resolveBindings } from "../../src/access/bindings.ts";
import { furtherBindings } from "../../src/access/further-bindings.ts";
import { intersectionOf, namesOf, READ_LOG, READ_POD, unionOf } from "../../src/access/rule.ts";
import { judgeRules } from "../../src/access/rules-review.ts";
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

describe("what a token may do", () => {
  const basics = [
    {
      ...rule(["selfsubjectaccessreviews", "selfsubjectrulesreviews"], ["create"]),
      apiGroups: ["authorization.k8s.io"],
    },
    { ...rule(["selfsubjectreviews"], ["create"]), apiGroups: ["authentication.k8s.io"] },
  ];
  const paths = [{ nonResourceURLs: ["/api", "/api/*", "/healthz", "/version/"], verbs: ["get"] }];
  const judge = (resourceRules: readonly PolicyRule[], nonResourceRules = paths) =>
    judgeRules({ resourceRules: [...basics, ...resourceRules], nonResourceRules }, PODS);

  test.each([false, true])("is just right with what podlogreader gives it (get on Pods: %s)", (allowPodGet) => {
    expect(judge(rulesFor(PODS, { allowPodGet }))).toEqual({ surplus: [], unreadable: [] });
  });

  test.each([
    [rule(["pods/log"]), "get pods/log"],
    [rule(["pods/log"], ["get"], ["web-a", "db-0"]), "get pods/log (db-0)"],
    [rule(["pods"], ["list", "watch"]), "watch pods"],
    [rule(["pods"], ["get"]), "get pods"],
    [rule(["pods/exec"], ["create"], PODS), "create pods/exec"],
    [rule(["secrets", "configmaps"], ["get"]), "get configmaps; get secrets"],
    [{ ...rule(["pods"], ["list"]), apiGroups: ["metrics.k8s.io"] }, "list pods.metrics.k8s.io"],
    [rule(["*"], ["*"]), "* *"],
  ])("is too much with %j: %s", (more, text) => {
    expect(judge([...rulesFor(PODS, { allowPodGet: false }), more]).surplus.join("; ")).toBe(text);
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
});

describe("bindings beside its own", () => {
  const subject = { kind: "ServiceAccount", namespace: "shop", name: "podlogreader-web" } as const;
  const binding = (
    namespace: string,
    name: string,
    more: { kind?: "User" | "Group" | "ServiceAccount"; who?: string; role?: string } = {},
  ) => {
    const { kind = "ServiceAccount", who = subject.name, role = "view" } = more;
    return {
      metadata: { namespace, name },
      roleRef: { apiGroup: "", kind: role === subject.name ? "Role" : "ClusterRole", name: role },
      subjects: [{ kind, name: who, ...(kind === "ServiceAccount" && { namespace: "shop" }) }],
    };
  };

  test("are those that name it or a group of its, in all namespaces", () => {
    const found = furtherBindings({
      subject,
      role: subject.name,
      roleBindings: [
        binding("shop", "own", { role: subject.name }),
        binding("shop", "other"),
        binding("blog", "there"),
        binding("blog", "group", { kind: "Group", who: "system:serviceaccounts:shop" }),
        binding("blog", "user", { kind: "User", who: "system:serviceaccount:shop:podlogreader-web" }),
        binding("blog", "somebody-else", { who: "podlogreader-db" }),
      ],
      clusterRoleBindings: [
        {
          ...binding("", "everybody", { kind: "Group", who: "system:authenticated" }),
          metadata: { name: "everybody" },
        },
        {
          ...binding("", "default", { kind: "Group", who: "system:authenticated" }),
          metadata: { name: "default", labels: { "kubernetes.io/bootstrapping": "rbac-defaults" } },
        },
      ],
    });
    expect(found.map(({ text }) => text)).toEqual([
      "ClusterRoleBinding everybody (ClusterRole view)",
      "RoleBinding blog/group (ClusterRole view)",
      "RoleBinding blog/there (ClusterRole view)",
      "RoleBinding blog/user (ClusterRole view)",
      "RoleBinding shop/other (ClusterRole view)",
    ]);
  });
});
