/*
 * `pcmc agent uninstall --stay` against a real API server and the real kernel, as in the agents' DaemonSet.
 *
 * Invariants:
 * - It is ready when nothing of ours is in the kernel and no Pod of its node says otherwise, and not before.
 * - While an agent runs it takes nothing away, and says what is in the way.
 * - A setting that no agent could start with does not keep it from its work, and it ends with a signal only.
 */
import { freePort } from "@pcmc/devcluster";
import { describe, expect, test } from "vitest";
import { Folder } from "../cli/support.ts";
import { noKernel, skipped } from "../ebpf/support/node.ts";
import { AgentStage } from "./support/agent-stage.ts";
import { eventually } from "./support/eventually.ts";
import { RunningLine } from "./support/running-line.ts";
import { useWorld } from "./support/world.ts";

const RULES = { ebpfConfig: { l4Firewall: { enabled: true, blockedPorts: [7000] } } };

describe.skipIf(noKernel)(`pcmc agent uninstall --stay${skipped}`, () => {
  const world = useWorld({ controllerManager: false });

  test("waits for the agent that runs, takes everything out, clears what was said, and stays", async () => {
    await using stage = await AgentStage.create(world);
    const folder = await Folder.with({});
    await stage.namespace.createConfig("all", RULES);
    await stage.createPod("web");
    await stage.createPod("gated", { gate: true });
    await stage.createPod("other", { runs: false, spec: { nodeName: "elsewhere" } });
    const attached = { type: "podconfig.example.com/EbpfReady", status: "True", reason: "Attached" };
    await stage.namespace.patchStatus("pods", "other", { conditions: [attached] });
    const agent = await stage.startAgent();
    for (const pod of ["web", "gated"]) await stage.reason(pod, "Attached");
    const port = await freePort();
    const env = { ...stage.env, METRICS_ADDR: `127.0.0.1:${port}`, CONTROLLER_MAX_RETRIES: "no number" };
    await using stay = new RunningLine("pcmc agent uninstall --stay", { cwd: folder.path, env });
    const ask = async (path: string) => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`);
      return [response.status, await response.text()];
    };
    await eventually("it says that an agent is in the way", async () => {
      const [status, text] = await ask("/readyz");
      return status === 503 && String(text).includes("PinDirInUse: Another agent");
    });
    expect(await ask("/healthz")).toEqual([200, "ok\n"]);
    expect((await stage.condition("web"))?.reason).toBe("Attached");
    await agent.stop();
    await eventually("it is ready", async () => (await ask("/readyz"))[0] === 200);
    const conditions = await Promise.all(["web", "gated", "other"].map((pod) => stage.condition(pod)));
    expect(conditions.map((condition) => condition?.reason)).toEqual([undefined, "NotRequired", "Attached"]);
    expect(await folder.run(`agent uninstall --bpf-pin-dir ${stage.node.pinDir}`)).toMatchObject({
      stdout: `nothing is installed under ${stage.node.pinDir}\n`,
    });
    stay.kill("SIGTERM");
    expect(await stay.ended).toBe(0);
  });
});
