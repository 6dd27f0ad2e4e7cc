/*
 * `pcmc uninstall` where the operator is installed more than once, or elsewhere, against a real API server: docs/how-to/uninstall.md,
 * docs/how-to/several-installs.md.
 *
 * Invariants:
 * - It finds where the operator is installed, and what is left of it, wherever that is; where that is in several places it asks.
 * - What another installation of the cluster goes by stays, and while there is one, --purge removes nothing.
 */
import { since } from "@pcmc/devcluster";
import { describe, expect, onTestFinished, test } from "vitest";
import { filledSecret } from "./support/uninstall-secret.ts";
import { AGENT, LEASE, LOCK, MANAGER, NS, useUninstallStage } from "./support/uninstall-stage.ts";

const policies = since("1.30", "ValidatingAdmissionPolicy v1");

const stage = useUninstallStage();

describe("pcmc uninstall", () => {
  test("finds where it is installed, and asks where that is in several places", async () => {
    const object = JSON.parse(await stage.kubectl("get", "deployment", "podconfigmap-controller", "-o", "json"));
    const { name, labels } = object.metadata;
    await stage.cluster.request("POST", "/apis/apps/v1/namespaces/shop/deployments", {
      metadata: { name, labels },
      spec: object.spec,
    });
    const { code, stderr } = await stage.pcmc("uninstall --yes");
    expect([code, stderr]).toEqual([2, expect.stringContaining("name one by --namespace: default, shop")]);
  });

  test("of several installations removes only what is surely that of the one that was named", async () => {
    const { metadata, spec } = JSON.parse(
      await stage.kubectl("get", "deployment", "podconfigmap-controller", "-o", "json"),
    );
    const { name, labels } = metadata;
    await stage.cluster.request("POST", "/apis/apps/v1/namespaces/shop/deployments", {
      metadata: { name, labels },
      spec,
    });
    const rbac = "/apis/rbac.authorization.k8s.io/v1";
    const grant = async (namespace: string, own: string) => {
      const where = `${rbac}/namespaces/${namespace}`;
      const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: own };
      const subjects = [{ kind: "ServiceAccount", name, namespace: "shop" }];
      await stage.cluster.request("POST", `${where}/roles`, { metadata: { name: own, labels }, rules: [] });
      await stage.cluster.request("POST", `${where}/rolebindings`, {
        metadata: { name: own, labels },
        roleRef,
        subjects,
      });
      return [`${where}/roles/${own}`, `${where}/rolebindings/${own}`];
    };
    // One of its own namespace, and one of a namespace that it watches.
    const own = [...(await grant("shop", name)), ...(await grant("default", `${name}-shop`))];
    onTestFinished(
      async () => void (await stage.kubectl("delete", "role,rolebinding", `${name}-shop`, "--ignore-not-found")),
    );
    const admission = "/apis/admissionregistration.k8s.io/v1";
    const others = [
      AGENT,
      MANAGER,
      `${rbac}/clusterroles/${name}`,
      `${rbac}/clusterrolebindings/${name}`,
      `${rbac}/namespaces/default/roles/${name}-leader-election`,
      `${rbac}/namespaces/default/rolebindings/${name}-leader-election`,
      `${admission}/validatingwebhookconfigurations/${name}`,
      `${admission}/mutatingwebhookconfigurations/${name}`,
      ...(policies.missing ? [] : [`${admission}/validatingadmissionpolicies/${name}-agent`]),
    ];
    // What was made for users, and the definitions, are the other one's too.
    for (const way of ["--yes", "--dry-run"]) {
      const refused = await stage.pcmc(`uninstall --purge ${way} --namespace shop`);
      const why = /^[^\n]*something of one in default, too.*run pcmc uninstall --namespace default first\n$/;
      expect(refused).toEqual({ code: 2, stdout: "", stderr: expect.stringMatching(why) });
    }
    const definition = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/watchers.watch.example.com";
    for (const path of [...own, ...others, definition]) expect([path, await stage.exists(path)]).toEqual([path, true]);
    const { code, stdout, stderr } = await stage.pcmc("uninstall --yes --namespace shop");
    const stays = `ValidatingAdmissionPolicy ${name}-agent stays: it may be that of the installation in def`;
    const told = policies.missing ? expect.not.stringContaining(stays) : expect.stringContaining(stays);
    expect([code, stderr]).toEqual([0, told]);
    expect(stdout).toMatch(/^webhooks: nothing is installed$/m);
    for (const path of own) expect([path, await stage.exists(path)]).toEqual([path, false]);
    for (const path of others) expect([path, await stage.exists(path)]).toEqual([path, true]);
    // Of the last one everything goes.
    expect(await stage.pcmc("uninstall --yes")).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^note: .*\n$/),
    });
    for (const path of others) expect([path, await stage.exists(path)]).toEqual([path, false]);
  });

  test("finds what is elsewhere, by what its manager is told and by what is left of it", async () => {
    await stage.move();
    const args = ["manager", "--leader-election-lock-name=other-lock", "--webhook-secret-name", "other-cert"];
    const spec = { template: { spec: { containers: [{ name: "manager", args }] } } };
    const manager = "/apis/apps/v1/namespaces/shop/deployments/podconfigmap-controller";
    await stage.kubectl("patch", "deployment", "podconfigmap-controller", "-n", "shop", "-p", JSON.stringify({ spec }));
    await stage.cluster.request("POST", LEASE, { metadata: { name: "other-lock" } });
    await stage.cluster.request("POST", `${NS}/secrets`, {
      metadata: { name: "other-cert" },
      ...(await filledSecret()),
    });
    expect(await stage.pcmc("uninstall --agents-only --yes")).toMatchObject({
      code: 0,
      stdout: "agents: detached on 2 nodes (DaemonSet shop/podconfigmap-controller-agent)\n",
    });
    expect((await stage.pcmc("uninstall --dry-run")).stdout).toMatch(
      /^would: operator: delete \d+ objects: Secret shop\/other-cert, Lease default\/other-lock, /m,
    );
    // Who deleted these two by hand is helped all the same.
    await stage.kubectl("delete", "daemonset,deployment", "--all", "-n", "shop");
    const lease = LEASE.replace("default", "shop");
    await stage.cluster.request("POST", lease, { metadata: { name: LOCK } });
    await stage.cluster.request("POST", `${NS}/secrets`, {
      metadata: { name: "podconfigmap-controller-webhook-cert" },
      ...(await filledSecret()),
    });
    expect(await stage.pcmc("uninstall --yes")).toMatchObject({ code: 0 });
    for (const path of [
      manager,
      `${lease}/${LOCK}`,
      `${NS}/secrets/podconfigmap-controller-webhook-cert`,
      `${NS}/services/podconfigmap-controller-metrics`,
      `${NS}/serviceaccounts/podconfigmap-controller`,
    ]) {
      expect([path, await stage.exists(path)]).toEqual([path, false]);
    }
    await stage.kubectl("delete", "lease", "other-lock");
  });
});
