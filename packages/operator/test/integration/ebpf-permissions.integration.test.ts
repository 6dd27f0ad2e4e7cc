/*
 * `pcmc agent` with the rights of manifests/agent.yaml: its ServiceAccount's token, bound to a Pod of the node, under the shipped
 * role and ValidatingAdmissionPolicy.
 *
 * Invariants:
 * - It does all its work with these: it sets, changes and removes the condition.
 * - It uses each of its permissions, and asks for nothing else.
 * - Where its writes are refused it is not ready, and says why.
 */
import { writeFile } from "node:fs/promises";
import { since } from "@pcmc/devcluster";
import { beforeAll, describe, expect, test } from "vitest";
import { agentPermissions } from "../../src/rbac/agent.ts";
import { AGENT } from "../../src/rbac/names.ts";
import { applyAgent, createPod } from "../admission/agent-policy-world.ts";
import { noKernel, skipped } from "../ebpf/support/node.ts";
import { AgentStage } from "./support/agent-stage.ts";
import { eventually } from "./support/eventually.ts";
import { useWorld } from "./support/world.ts";

const COUNTING = { ebpfConfig: { syscallMonitoring: { enabled: true } } };
const policies = since("1.30", "ValidatingAdmissionPolicy v1");
const IDENTITY = `system:serviceaccount:default:${AGENT.name}`;

describe.skipIf(noKernel || policies.missing)(
  `the agent with the rights of its manifest${skipped}${policies.note}`,
  () => {
    const world = useWorld({ controllerManager: false, audit: true });

    beforeAll(() => applyAgent(world.cluster));

    /** A kubeconfig of the agent of a node, as if it ran in a Pod there. */
    const kubeconfigOf = async (stage: AgentStage, nodeName = stage.nodeName): Promise<string> => {
      const { cluster } = world;
      await cluster.request("POST", "/api/v1/nodes", { metadata: { name: nodeName } });
      const { metadata } = await createPod(cluster, `agent-on-${nodeName}`, nodeName);
      const boundObjectRef = { kind: "Pod", apiVersion: "v1", name: metadata?.name, uid: metadata?.uid };
      const path = `/api/v1/namespaces/default/serviceaccounts/${AGENT.name}/token`;
      const { status } = await cluster.request<{ status: { token: string } }>("POST", path, {
        spec: { boundObjectRef },
      });
      const file = `${stage.elsewhere}/kubeconfig`;
      const certificate = Buffer.from(cluster.caPem).toString("base64");
      const kubeconfig = {
        apiVersion: "v1",
        kind: "Config",
        "current-context": "agent",
        contexts: [{ name: "agent", context: { cluster: "test", user: "agent" } }],
        clusters: [{ name: "test", cluster: { server: cluster.server, "certificate-authority-data": certificate } }],
        users: [{ name: "agent", user: { token: status.token } }],
      };
      await writeFile(file, JSON.stringify(kubeconfig));
      return file;
    };

    test("does all of its work, uses every permission, and asks for nothing else", async () => {
      await using stage = await AgentStage.create(world);
      const KUBECONFIG = await kubeconfigOf(stage);
      await stage.createPod("web", { labels: { app: "web" } });
      await stage.createPod("gated", { gate: true });
      const agent = await stage.startAgent({ KUBECONFIG });
      await stage.reason("gated", "NotRequired");
      await stage.namespace.createConfig("calls", COUNTING);
      await stage.reason("web", "Attached");
      await stage.reason("gated", "Attached");
      await stage.namespace.remove("podconfigmapconfigs", "calls");
      await stage.reason("gated", "NotRequired");
      await eventually("the other has no condition", async () => (await stage.condition("web")) === undefined);
      expect(agent.lines.filter((line) => /forbidden/i.test(line))).toEqual([]);
      const asked = (await world.cluster.auditEvents())
        .filter(({ user, userAgent }) => user.username === IDENTITY && userAgent?.startsWith(`${AGENT.name}/`))
        .map(
          ({ verb, objectRef }) => `${verb} ${[objectRef?.resource, objectRef?.subresource].filter(Boolean).join("/")}`,
        );
      const permitted = agentPermissions.flatMap(({ resources, verbs }) =>
        resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}`)),
      );
      // Lists are for API servers that cannot stream them (before Kubernetes 1.32, or told not to).
      const streaming = permitted.filter((permission) => !permission.startsWith("list "));
      expect([...new Set(asked)].filter((request) => !request.startsWith("list ")).sort()).toEqual(streaming.sort());
      expect(permitted).toEqual(expect.arrayContaining(asked));
    });

    test("is not ready and says why while it may not write, as with the token of another node's Pod", async () => {
      await using stage = await AgentStage.create(world);
      const KUBECONFIG = await kubeconfigOf(stage, `${stage.nodeName}-other`);
      const agent = await stage.startAgent({ KUBECONFIG });
      await agent.ready();
      await stage.createPod("gated", { gate: true });
      await eventually("it says so", async () =>
        /^\[-\]ebpf: Conditions of Pods cannot be written: /m.test((await agent.readiness())?.text ?? ""),
      );
      expect(await stage.condition("gated")).toBeUndefined();
      await stage.namespace.remove("pods", "gated");
      await agent.ready();
    });
  },
);
