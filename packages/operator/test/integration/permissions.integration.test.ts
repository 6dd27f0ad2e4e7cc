/*
 * The manager as a process, under exactly the permissions of manifests/, on an API server that logs every request.
 *
 * Invariants:
 * - Whatever the controllers do, no request of the manager is answered with 403: with all of them, and with each alone under its
 *   own permissions.
 * - Every verb on every resource that is granted is used, but for what is held only in order to grant it.
 * - What the manager does not hold, it cannot grant.
 */
import { ApiStatusError, type Cluster, startCluster } from "@pcmc/devcluster";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { GROUPS, type Group } from "../../src/controllers/names.ts";
import type { Permission } from "../../src/controllers/permission.ts";
import { CHOICES, groupPermissions, permissionsFor, spelledOut } from "../../src/rbac/groups.ts";
import { leasePermissions, managerPermissions } from "../../src/rbac/manager.ts";
import { certificatePermissions, webhookPermissions } from "../../src/rbac/webhooks.ts";
import { eventually } from "./support/eventually.ts";
import { applyShipped, type Granted, GrantedIdentity, usedBy } from "./support/granted-manager.ts";
import { Namespace } from "./support/namespace.ts";
import { exercisePodConfigMap, preparePodConfigMap } from "./support/scenario-podconfigmap.ts";
import {
  endPodLogReader,
  exerciseAccounts,
  exercisePodLogReader,
  preparePodLogReader,
} from "./support/scenario-podlogreader.ts";
import { exerciseWatcher, prepareWatcher, replaceWatcher } from "./support/scenario-watcher.ts";
import { SECRET } from "./support/webhook-process.ts";

const NAMESPACE = "shop";

/** What is granted and shows in no request of the manager, each with why it is needed all the same. */
const UNSEEN: Readonly<Record<string, string>> = {
  "update watchers/finalizers.watch.example.com":
    "asked for by the admission plugin OwnerReferencesPermissionEnforcement, which runs here, not by a request",
};

/** What the manager has asked for in all tests together, in the words of `spelledOut`. */
const used = new Set<string>();

interface Stage {
  readonly cluster: Cluster;
  readonly namespace: Namespace;
  readonly identity: GrantedIdentity;
}

/**
 * A cluster with what is shipped for these groups. The caller stops it. Without `watchList` the API server sends no list through a
 * watch, as older ones: then lists are asked for.
 */
const stageFor = async ({ watchList, ...granted }: Granted & { readonly watchList: boolean }): Promise<Stage> => {
  const cluster = await startCluster({
    audit: true,
    nodes: 1,
    apiServerFlags: { "enable-admission-plugins": "OwnerReferencesPermissionEnforcement" },
    ...(!watchList && { featureGates: { WatchList: false } }),
  });
  await applyShipped(cluster, granted);
  await cluster.request("POST", "/api/v1/namespaces", { metadata: { name: NAMESPACE } });
  // Pods need it.
  await eventually("the namespace has its ServiceAccount", () =>
    cluster.request("GET", `/api/v1/namespaces/${NAMESPACE}/serviceaccounts/default`),
  );
  return { cluster, namespace: new Namespace(cluster, NAMESPACE), identity: await GrantedIdentity.of(cluster) };
};

/** What a group does, in turn: before the manager starts, beside the others, and when all others are through. */
interface Scenario {
  readonly prepare: (stage: Stage) => Promise<void>;
  readonly play: (stage: Stage) => Promise<void>;
  readonly end?: (stage: Stage) => Promise<void>;
}

const scenarios: Readonly<Record<Group, Scenario>> = {
  podconfigmap: {
    prepare: ({ namespace }) => preparePodConfigMap(namespace),
    play: ({ cluster, namespace }) => exercisePodConfigMap(cluster, namespace),
  },
  watcher: {
    prepare: ({ cluster, namespace }) => prepareWatcher(cluster, namespace),
    play: ({ cluster, namespace }) => exerciseWatcher(cluster, namespace),
    end: ({ cluster, namespace }) => replaceWatcher(cluster, namespace),
  },
  podlogreader: {
    prepare: ({ cluster, namespace }) => preparePodLogReader(cluster, namespace),
    play: ({ cluster, namespace }) => exercisePodLogReader(cluster, namespace),
    end: ({ cluster, namespace }) => endPodLogReader(cluster, namespace),
  },
};

/** The groups' scenarios under a manager of these groups, from its start to its end. */
const play = async (stage: Stage, { extra, ...granted }: Granted & { extra?: () => Promise<void> }): Promise<void> => {
  for (const group of granted.groups) await scenarios[group].prepare(stage);
  await using manager = await stage.identity.start(granted);
  try {
    await manager.ready();
    await Promise.all(granted.groups.map((group) => scenarios[group].play(stage)));
    await extra?.();
    for (const group of granted.groups) await scenarios[group].end?.(stage);
  } catch (error) {
    throw new Error(`the manager says:\n${manager.lines.join("\n")}`, { cause: error });
  }
  expect(await manager.stop()).toEqual({ code: 0, signal: null });
  expect(manager.lines.filter((line) => /not allowed|forbidden/i.test(line))).toEqual([]);
};

const noteRequests = async ({ identity }: Stage): Promise<void> => {
  for (const rule of usedBy(await identity.requests())) used.add(rule);
};

/** A definition without status, as an older one: a status that is not found is followed by a look at the object. */
const loseStatus = async ({ cluster, identity }: Stage): Promise<void> => {
  const changes = {
    "podconfigmapconfigs.podconfig.example.com": (tried: string) => ({ labelsToInclude: [tried] }),
    "watchers.watch.example.com": (tried: string) => ({ configData: { tried } }),
  };
  const patch = JSON.stringify([{ op: "remove", path: "/spec/versions/0/subresources" }]);
  for (const [definition, change] of Object.entries(changes)) {
    await cluster.kubectl(["patch", "crd", definition, "--type=json", "-p", patch]);
    let tries = 0;
    await eventually(`the manager looks for one of ${definition}`, async () => {
      const spec = change(`try-${++tries}`);
      const object = [definition, "taken", "--namespace", NAMESPACE];
      await cluster.kubectl(["patch", ...object, "--type=merge", "-p", JSON.stringify({ spec })]);
      return usedBy(await identity.requests()).has(`get ${definition}`);
    });
  }
};

describe("all controllers with all their settings", () => {
  const granted = { groups: GROUPS, choices: CHOICES };
  let stage: Stage;
  beforeAll(async () => {
    stage = await stageFor({ ...granted, watchList: true });
    // Of a wrong content: it is put right.
    const { cluster, namespace, identity } = stage;
    const [, name = ""] = /([^/]+)$/.exec(SECRET) ?? [];
    await cluster.request("POST", SECRET.slice(0, -name.length - 1), { metadata: { name } });
    const extra = async () => {
      await exerciseAccounts(cluster, namespace);
      await loseStatus(stage);
      await cluster.request("DELETE", SECRET);
      await eventually("the Secret is there again", () => cluster.request("GET", SECRET));
    };
    await play(stage, { ...granted, extra });
    await using narrow = await identity.start(granted, { WATCH_NAMESPACES: NAMESPACE });
    await narrow.ready();
    await noteRequests(stage);
  });
  afterAll(() => stage?.cluster.stop());

  test("nothing that it does is forbidden", async () => {
    expect(await stage.identity.forbidden()).toEqual([]);
  });
});

const isForUse = ({ heldToGrant }: Permission): boolean => heldToGrant !== true;

/** Everything that manifests/ gives the manager. */
const allPermissions = (): Permission[] => [
  ...managerPermissions,
  ...leasePermissions,
  ...webhookPermissions,
  ...certificatePermissions,
  ...Object.values(groupPermissions).flat(),
  ...CHOICES.flatMap(permissionsFor),
];

describe.each(GROUPS)("%s alone, with its own permissions", (group) => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await stageFor({ groups: [group], watchList: false });
    await play(stage, { groups: [group] });
    await noteRequests(stage);
  });
  afterAll(() => stage?.cluster.stop());

  test("nothing that it does is forbidden", async () => {
    expect(await stage.identity.forbidden()).toEqual([]);
  });
});

describe("a Role or binding that gives what the manager does not hold", () => {
  const roles = `/apis/rbac.authorization.k8s.io/v1/namespaces/${NAMESPACE}/roles`;
  const bindings = `/apis/rbac.authorization.k8s.io/v1/namespaces/${NAMESPACE}/rolebindings`;
  let stage: Stage;
  beforeAll(async () => {
    stage = await stageFor({ groups: GROUPS, choices: CHOICES, watchList: true });
  });
  afterAll(() => stage?.cluster.stop());

  /** The API server's code for a request of the manager's identity. */
  const answerTo = async (path: string, object: object): Promise<number> => {
    try {
      await stage.identity.client.request("POST", path, object);
      return 201;
    } catch (error) {
      if (error instanceof ApiStatusError) return error.code;
      throw error;
    }
  };

  const roleOf = (rule: object) => ({ metadata: { generateName: "tried-" }, rules: [rule] });
  const bindingTo = (kind: string, name: string) => ({
    metadata: { generateName: "tried-" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind, name },
    subjects: [{ kind: "ServiceAccount", name: "somebody", namespace: NAMESPACE }],
  });

  test.each([
    ["Secrets", { apiGroups: [""], resources: ["secrets"], verbs: ["get"] }],
    ["containers", { apiGroups: [""], resources: ["pods/exec"], verbs: ["create"] }],
    ["the deletion of Pods", { apiGroups: [""], resources: ["pods"], verbs: ["delete"] }],
    ["everything", { apiGroups: ["*"], resources: ["*"], verbs: ["*"] }],
  ])("is refused: %s", async (_, rule) => {
    expect(await answerTo(roles, roleOf(rule))).toBe(403);
  });

  test.each(["cluster-admin", "admin", "edit"])("is refused: a binding to %s", async (name) => {
    expect(await answerTo(bindings, bindingTo("ClusterRole", name))).toBe(403);
  });

  test("is refused: a ClusterRole, and a binding of one for the whole cluster", async () => {
    const root = "/apis/rbac.authorization.k8s.io/v1";
    const logs = { apiGroups: [""], resources: ["pods/log"], verbs: ["get"] };
    expect(await answerTo(`${root}/clusterroles`, roleOf(logs))).toBe(403);
    expect(await answerTo(`${root}/clusterrolebindings`, bindingTo("ClusterRole", "view"))).toBe(403);
  });

  test("while what it holds in order to grant it is taken", async () => {
    const logs = { apiGroups: [""], resources: ["pods/log"], resourceNames: ["web-0"], verbs: ["get"] };
    expect(await answerTo(roles, { ...roleOf(logs), metadata: { name: "podlogreader-tried" } })).toBe(201);
    expect(await answerTo(bindings, bindingTo("Role", "podlogreader-tried"))).toBe(201);
  });
});

// The last: it looks at what all tests above have asked for.
describe("the permissions", () => {
  test("are all used, but for those held in order to grant them", () => {
    const granted = new Set(allPermissions().filter(isForUse).flatMap(spelledOut));
    expect([...granted].filter((rule) => !used.has(rule)).sort()).toEqual(Object.keys(UNSEEN).sort());
  });

  test("that are held only in order to grant them are for the logs of Pods, and for Pods where that is chosen", () => {
    const held = allPermissions()
      .filter(({ heldToGrant }) => heldToGrant)
      .flatMap(spelledOut);
    expect(held.sort()).toEqual(["get pods", "get pods/log", "list pods/log", "watch pods/log"]);
    expect(held.filter((rule) => used.has(rule))).toEqual([]);
  });
});
