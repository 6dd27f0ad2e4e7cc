/*
 * `pcmc logs-kubeconfig`, and what real kubectl can do with its kubeconfig. No node runs the Pods: a request for a log that is
 * authorized is answered with an empty log, one that is not with 403.
 *
 * Invariants:
 * - The kubeconfig reads the logs of the current Pods, lists Pods, and does nothing else.
 * - What the token can do beyond that, or cannot, is a warning, and so is what cannot be found out about it: a token that was
 *   made is printed. When it expires is said as the API server has it.
 * - What every rollout brings about is no false alarm.
 */
import { readFile } from "node:fs/promises";
import { loadClusterConfig } from "@pcmc/controller-runtime";
import { type Cluster, startCluster, startFaultProxy } from "@pcmc/devcluster";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { kubeconfigText } from "../../src/cli/logs-kubeconfig/kubeconfig-text.ts";
import { allowed } from "../access/verdict.ts";
import { Folder, type Said } from "../cli/support.ts";
import { grant, group, TestDeployment, user } from "./support/deployment.ts";
import { eventually } from "./support/eventually.ts";

let cluster: Cluster;
let namespaces = 0;

beforeAll(async () => {
  cluster = await startCluster({ apiServerFlags: { "service-account-max-token-expiration": "2h" } });
});

afterAll(async () => {
  await cluster?.stop();
});

const newNamespace = async (): Promise<string> => {
  const name = `logs-${++namespaces}`;
  await cluster.request("POST", "/api/v1/namespaces", { metadata: { name } });
  return name;
};

interface Made extends Said {
  readonly namespace: string;
  readonly deployment: TestDeployment;
  /** Path of the kubeconfig that was printed. */
  readonly kubeconfig: string;
}

/** Whether the API server counts what podlogreader has made. */
const logsAreReadable = ({ namespace, account }: TestDeployment, pod: string): Promise<true> => {
  const action = { namespace, verb: "get", group: "", resource: "pods", subresource: "log", name: pod };
  const who = { user: `system:serviceaccount:${namespace}:${account}`, groups: [] };
  return eventually("the Role counts", () => allowed(cluster, who, action));
};

/** A Deployment with its Role, ServiceAccount and RoleBinding. */
const deployed = async (choices: { readonly allowPodGet?: boolean } = {}): Promise<TestDeployment> => {
  const deployment = await TestDeployment.create(cluster, { namespace: await newNamespace() });
  await deployment.grantLogs(choices);
  const [pod = ""] = await deployment.pods();
  await logsAreReadable(deployment, pod);
  return deployment;
};

const make = async (deployment: TestDeployment, flags = "", from = cluster.kubeconfigYaml): Promise<Made> => {
  const { namespace } = deployment;
  const line = `logs-kubeconfig deployment/web -n ${namespace} --kubeconfig ./from ${flags}`;
  const said = await (await Folder.with({ from })).run(line.trim());
  const { path } = await Folder.with({ made: said.stdout });
  return { ...said, namespace, deployment, kubeconfig: `${path}/made` };
};

const kubectl = (made: Made, line: string) => cluster.kubectl(line.split(" "), { kubeconfig: made.kubeconfig });

const claimsOf = ({ stdout }: Said): { exp: number; iat: number; aud: string[]; sub: string } => {
  const token: string = parse(stdout).users[0].user.token;
  return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
};

const timeText = (seconds: number) => new Date(seconds * 1_000).toISOString().replace(".000Z", "Z");

const NOTE = /^note: token of ServiceAccount logs-\d+\/podlogreader-web for https:.*, until (\S+)( \(.*\))?$/;

describe("the kubeconfig", () => {
  test("reads the logs of each current Pod, and of no other", async () => {
    const made = await make(await deployed());
    expect([made.code, made.stderr.trimEnd().split("\n")]).toEqual([0, [expect.stringMatching(NOTE)]]);
    const { namespace, deployment } = made;
    await TestDeployment.create(cluster, { namespace, name: "db", replicas: 1 });
    const log = (pod: string, where = namespace) =>
      kubectl(made, `get --raw /api/v1/namespaces/${where}/pods/${pod}/log`);
    for (const pod of await deployment.pods()) {
      expect(await log(pod)).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    }
    const { items } = JSON.parse((await kubectl(made, "get pods -o json -l app=db")).stdout);
    expect((await log(items[0].metadata.name)).stderr).toContain("(Forbidden)");
    expect((await log((await deployment.pods())[0] ?? "", "default")).stderr).toContain("(Forbidden)");
  });

  test("prints the logs that kubectl picks by label", async () => {
    const made = await make(await deployed());
    expect(await kubectl(made, "logs -l app=web")).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  });

  test("lists Pods in the namespace of its context, and is refused all else", async () => {
    const made = await make(await deployed());
    const [pod = ""] = await made.deployment.pods();
    const listed = await kubectl(made, "get pods -o name");
    expect(listed.stdout.trimEnd().split("\n")).toEqual((await made.deployment.pods()).map((name) => `pod/${name}`));
    const refused = [
      "get secrets",
      "get configmaps",
      `get pod ${pod}`,
      `logs ${pod}`,
      `exec ${pod} -- true`,
      `delete pod ${pod}`,
      "get pods -n default",
      "get pods -A",
      "create serviceaccount more",
      `create token ${made.deployment.account}`,
      "get roles",
    ];
    for (const line of refused) {
      const { exitCode, stderr } = await kubectl(made, line);
      expect([line, exitCode, stderr]).toEqual([line, 1, expect.stringMatching(/forbidden/i)]);
    }
  });

  test("is allowed, as the API server lists it, what the Role says and what everybody is", async () => {
    const made = await make(await deployed());
    const pods = await made.deployment.pods();
    const { stdout } = await kubectl(made, "auth can-i --list --no-headers");
    // Those of paths begin with blanks.
    const ofResources = stdout.split("\n").filter((line) => /^\S/.test(line));
    const own = ofResources.filter((line) => !/^(self\w+reviews|clustertrustbundles)[.]/.test(line));
    expect(own.map((line) => line.trim().replace(/ +/g, " ")).sort()).toEqual([
      "pods [] [] [list]",
      ...pods.map((pod) => `pods/log [] [${pod}] [get list watch]`),
    ]);
  });

  test("lets kubectl logs POD through where the Role allows to get the Pods", async () => {
    const made = await make(await deployed({ allowPodGet: true }));
    expect(made.stderr.trimEnd().split("\n")).toEqual([expect.stringMatching(NOTE)]);
    const [pod = ""] = await made.deployment.pods();
    expect(await kubectl(made, `logs ${pod}`)).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  });

  test("is of the ServiceAccount, for the API server, and gone with it", async () => {
    const made = await make(await deployed());
    const { namespace, deployment } = made;
    const claims = claimsOf(made);
    expect(claims.sub).toBe(`system:serviceaccount:${namespace}:${deployment.account}`);
    expect(claims.aud).toEqual(["https://kubernetes.default.svc.cluster.local"]);
    await cluster.request("DELETE", `/api/v1/namespaces/${namespace}/serviceaccounts/${deployment.account}`);
    await eventually("the token is refused", async () => {
      return (await kubectl(made, "get pods")).stderr.includes("Unauthorized");
    });
  });

  test("trusts the server as the one it is made from does", async () => {
    const deployment = await deployed();
    const made = await make(deployment);
    const config = await loadClusterConfig({ flags: { kubeconfig: made.kubeconfig }, env: {} });
    expect([config.server, config.namespace]).toEqual([cluster.server, made.namespace]);
    expect(config.tls()).toEqual({ ca: cluster.caPem, rejectUnauthorized: true });
    const careless = cluster.kubeconfigYaml.replace(/certificate-authority-data: .*/, "insecure-skip-tls-verify: true");
    const insecure = await make(deployment, "", careless);
    expect(insecure.stderr).toContain(
      "warning: the server's certificate is not verified: insecure-skip-tls-verify is carried over\n",
    );
    expect((await kubectl(insecure, "get pods")).exitCode).toBe(0);
  });
});

describe("its life", () => {
  const untilOf = ({ stderr }: Said) => NOTE.exec(stderr.split("\n")[0] ?? "");

  test("is an hour unless --ttl says otherwise, and is said as the token has it", async () => {
    const deployment = await deployed();
    for (const [flags, seconds] of [
      ["", 3_600],
      ["--ttl 10m", 600],
      ["--ttl 3607s", 3_607],
      ["--ttl 600001ms", 601],
    ] as const) {
      const made = await make(deployment, flags);
      const { exp, iat } = claimsOf(made);
      expect([flags, exp - iat]).toEqual([flags, seconds]);
      expect([untilOf(made)?.[1], untilOf(made)?.[2]]).toEqual([timeText(exp), undefined]);
    }
  });

  test("is what the API server makes of it", async () => {
    const made = await make(await deployed(), "--ttl 8h");
    const { exp, iat } = claimsOf(made);
    expect(exp - iat).toBe(7_200);
    expect(untilOf(made)?.[1]).toBe(timeText(exp));
    expect(untilOf(made)?.[2]).toBe(" (8h0m0s was asked for, 2h0m0s given)");
  });
});

describe("a warning is given", () => {
  const warningsOf = ({ stderr }: Said) => stderr.split("\n").filter((line) => line.startsWith("warning: "));
  const secrets = { apiGroups: [""], resources: ["secrets"], verbs: ["get", "list"] };
  const counts = async (namespace: string, who: string) => {
    const action = { namespace, verb: "get", group: "", resource: "secrets" };
    const account = { user: who, groups: [`system:serviceaccounts:${who.split(":")[2]}`] };
    await eventually("the grant counts", () => allowed(cluster, account, action));
  };

  test("for rights that others give the ServiceAccount or its groups in the namespace", async () => {
    const deployment = await deployed();
    const { namespace, account } = deployment;
    await grant(
      cluster,
      { namespace, name: "debug" },
      { rules: [secrets], subjects: [{ kind: "ServiceAccount", name: account }] },
    );
    await counts(namespace, `system:serviceaccount:${namespace}:${account}`);
    const here = `warning: the token allows more in namespace ${namespace} than to read these logs: get,list secrets; through RoleBinding ${namespace}/debug (Role debug)`;
    expect(warningsOf(await make(deployment))).toEqual([here]);
    const all = { apiGroups: ["*"], resources: ["*"], verbs: ["*"] };
    const everywhere = `${namespace}-accounts`;
    await grant(
      cluster,
      { name: everywhere },
      { rules: [all], subjects: [group(`system:serviceaccounts:${namespace}`)] },
    );
    await counts("default", `system:serviceaccount:${namespace}:x`);
    expect(warningsOf(await make(deployment))).toEqual([
      here,
      `warning: the token allows more in every namespace: * *.*; through ClusterRoleBinding ${everywhere} (ClusterRole ${everywhere})`,
    ]);
  });

  test("for listing the Pods of every namespace, though in its own it is meant to", async () => {
    const deployment = await deployed();
    const { namespace, account } = deployment;
    const list = { apiGroups: [""], resources: ["pods"], verbs: ["list"] };
    const name = `${namespace}-lister`;
    const subject = group(`system:serviceaccounts:${namespace}`);
    await grant(cluster, { name }, { rules: [list], subjects: [subject] });
    const who = { user: `system:serviceaccount:${namespace}:${account}`, groups: [subject.name] };
    const action = { namespace: "default", verb: "list", group: "", resource: "pods" };
    await eventually("the grant counts", () => allowed(cluster, who, action));
    expect(warningsOf(await make(deployment))).toEqual([
      `warning: the token allows more in every namespace: list pods; through ClusterRoleBinding ${name} (ClusterRole ${name})`,
    ]);
    // Who may not look at bindings hears it from the token's own review.
    const from = await kubeconfigOfLead(deployment);
    expect(warningsOf(await make(deployment, "", from))).toContain(
      "warning: the token allows more in every namespace: list pods",
    );
  });

  test("for ClusterRoleBindings that allow nothing now, and bindings to roles that are not there", async () => {
    const deployment = await deployed();
    const { namespace, account } = deployment;
    const name = `${namespace}-idle`;
    const subject = { kind: "ServiceAccount", namespace, name: account };
    await grant(cluster, { name }, { rules: [], subjects: [subject] });
    const [idle, ...none] = warningsOf(await make(deployment));
    expect([idle, none]).toEqual([
      `warning: the token gets, in every namespace, what is allowed through ClusterRoleBinding ${name} (ClusterRole ${name}): nothing more is known now`,
      [],
    ]);
    const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "later" };
    const bindings = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings`;
    await cluster.request("POST", bindings, { metadata: { name: "open" }, roleRef, subjects: [subject] });
    const incomplete = /^warning: not all that the token allows could be listed: .*"later" not found/;
    await eventually("the review is not complete", async () =>
      warningsOf(await make(deployment)).some((line) => incomplete.test(line)),
    );
  });

  test("where a list of bindings cannot be had, of that one, and the kubeconfig is printed all the same", async () => {
    const deployment = await deployed();
    const { namespace } = deployment;
    const proxy = await startFaultProxy({ target: cluster, presentCertificate: false });
    try {
      const token = await adminToken(namespace);
      const from = kubeconfigText({
        server: proxy.server,
        tls: { ca: proxy.caPem, rejectUnauthorized: true },
        namespace,
        token,
        user: "admin",
      });
      const body = { kind: "Status", apiVersion: "v1", status: "Failure", message: "broken", code: 500 };
      for (const resource of ["rolebindings", "clusterrolebindings"]) {
        proxy.clear();
        const path = new RegExp(`/v1/${resource}`);
        proxy.rule({ match: { verb: "list", path }, action: { type: "answer", status: 500, body } });
        const made = await make(deployment, "", from);
        expect([made.code, parse(made.stdout).kind]).toEqual([0, "Config"]);
        expect(warningsOf(made)).toEqual([
          expect.stringMatching(new RegExp(`^warning: could not list ${resource}, .*: .*broken`)),
        ]);
      }
    } finally {
      await proxy.stop();
    }
  });

  /** Of somebody who may do everything, by a token, which a proxy passes on. */
  const adminToken = async (namespace: string): Promise<string> => {
    const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
    await cluster.request("POST", accounts, { metadata: { name: "admin" } });
    const all = { apiGroups: ["*"], resources: ["*"], verbs: ["*"] };
    const subject = { kind: "ServiceAccount", namespace, name: "admin" };
    await grant(cluster, { name: `${namespace}-admin` }, { rules: [all], subjects: [subject] });
    await counts("default", `system:serviceaccount:${namespace}:admin`);
    const { status } = await cluster.request<{ status: { token: string } }>("POST", `${accounts}/admin/token`, {
      spec: {},
    });
    return status.token;
  };

  test("for RoleBindings of other namespaces", async () => {
    const deployment = await deployed();
    const other = await newNamespace();
    const { namespace, account } = deployment;
    await grant(
      cluster,
      { namespace: other, name: "debug" },
      { rules: [secrets], subjects: [{ kind: "ServiceAccount", namespace, name: account }] },
    );
    expect(warningsOf(await make(deployment))).toEqual([
      `warning: the token allows more in other namespaces: through RoleBinding ${other}/debug (Role debug)`,
    ]);
  });

  test("where it cannot read what it is for", async () => {
    const deployment = await deployed();
    const { namespace, account } = deployment;
    const bindings = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings`;
    await cluster.request("DELETE", `${bindings}/${account}`);
    const [pod = ""] = await deployment.pods();
    const who = { user: `system:serviceaccount:${namespace}:${account}`, groups: [] };
    const action = { namespace, verb: "get", group: "", resource: "pods", subresource: "log", name: pod };
    await eventually("the binding is gone", async () => !(await allowed(cluster, who, action)));
    expect(warningsOf(await make(deployment))).toEqual([
      `warning: the token cannot read the logs of ${(await deployment.pods()).join(", ")}: see whether Role and RoleBinding ${account} are there`,
    ]);
  });

  test("while Pods change, of the new one alone: the name of the one that is gone is a note", async () => {
    const deployment = await deployed();
    const { namespace } = deployment;
    const [gone = "", kept] = await deployment.pods();
    await cluster.request("DELETE", `/api/v1/namespaces/${namespace}/pods/${gone}`);
    await eventually("there is another", async () => {
      const pods = await deployment.pods();
      return pods.length === 2 && !pods.includes(gone);
    });
    const fresh = (await deployment.pods()).find((pod) => pod !== kept) ?? "";
    const said = await make(deployment);
    expect(warningsOf(said)).toEqual([
      `warning: the token cannot read the logs of ${fresh} yet: podlogreader takes Pods that are new into the Role within seconds`,
    ]);
    expect(said.stderr).toContain(`note: the token may still read the logs of Pods that are gone: ${gone}\n`);
  });

  test("where other namespaces may not be looked at, and the kubeconfig is printed all the same", async () => {
    const deployment = await deployed();
    const said = await make(deployment, "", await kubeconfigOfLead(deployment));
    expect(said.code).toBe(0);
    expect(parse(said.stdout).kind).toBe("Config");
    expect(warningsOf(said)).toEqual(
      ["clusterrolebindings", "rolebindings"].map((resource) =>
        expect.stringMatching(
          new RegExp(`^warning: could not list ${resource}, .*User "lead-.*" cannot list resource "${resource}"`),
        ),
      ),
    );
  });

  /** Of somebody who may do all that the command takes, but see bindings. */
  const kubeconfigOfLead = async ({ namespace }: TestDeployment): Promise<string> => {
    const name = `lead-${namespace}`;
    const { kubeconfig } = await cluster.addUser({ name });
    const rules = [
      { apiGroups: ["apps", ""], resources: ["deployments", "replicasets", "pods"], verbs: ["get", "list"] },
      { apiGroups: [""], resources: ["serviceaccounts/token"], verbs: ["create"] },
      secrets,
    ];
    await grant(cluster, { namespace, name: "lead" }, { rules, subjects: [user(name)] });
    await eventually("the grant counts", () =>
      allowed(cluster, { user: name, groups: [] }, { namespace, verb: "get", group: "", resource: "secrets" }),
    );
    return readFile(kubeconfig, "utf8");
  };
});

describe("nothing is printed, and one line says why", () => {
  const refused = async (line: string, from = cluster.kubeconfig) => {
    const said = await (await Folder.with({})).run(`logs-kubeconfig ${line} --kubeconfig ${from}`);
    expect(said.stdout).toBe("");
    expect(said.stderr).toMatch(/^[^\n]+\n$/);
    return said;
  };

  test("without the ServiceAccount: what makes one", async () => {
    const { namespace } = await TestDeployment.create(cluster, { namespace: await newNamespace() });
    const { code, stderr } = await refused(`deployment/web -n ${namespace}`);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^there is no ServiceAccount podlogreader-web in namespace logs-\d+: label .*podlogreader-affiliate=enable .*--create-sa-and-rolebinding/,
    );
  });

  test("without the Deployment", async () => {
    const { code, stderr } = await refused("deployment/nope -n default");
    expect([code, stderr]).toEqual([2, "there is no Deployment nope in namespace default\n"]);
  });

  test("without the right to ask for tokens: which that is", async () => {
    const { namespace } = await deployed();
    const { kubeconfig } = await cluster.addUser({ name: "reader" });
    const rules = [
      { apiGroups: ["apps", ""], resources: ["deployments", "replicasets", "pods"], verbs: ["get", "list"] },
    ];
    await grant(cluster, { namespace, name: "reader" }, { rules, subjects: [user("reader")] });
    await eventually("the grant counts", () =>
      allowed(cluster, { user: "reader", groups: [] }, { namespace, verb: "get", group: "", resource: "pods" }),
    );
    const { code, stderr } = await refused(`deployment/web -n ${namespace}`, kubeconfig);
    expect(code).toBe(2);
    expect(stderr).toContain('User "reader" cannot create resource "serviceaccounts/token"');
  });

  test("for kubectl proxy, which takes no token", async () => {
    const folder = await Folder.with({ proxied: cluster.kubeconfigYaml.replaceAll("https://", "http://") });
    const { code, stderr } = await refused("deployment/web", `${folder.path}/proxied`);
    expect(code).toBe(2);
    expect(stderr).toContain("is not HTTPS, as with kubectl proxy");
  });
});
