/*
 * examples/podlogreader.yaml and the commands of docs/how-to/give-log-access.md, as a reader would run them.
 *
 * Invariants:
 * - Each kubectl command of the page works, but for those that need a kubelet, which the end-to-end tests have.
 * - The group of the example can read the logs of the example's Pods, and of no other.
 * - The figure for the largest Role is what the code does.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { desiredObjects } from "../../src/podlogreader/role.ts";
import { RunningReader } from "../podlogreader/support/running-reader.ts";
import { useScene } from "../podlogreader/support/scene.ts";
import { Shop } from "../podlogreader/support/shop.ts";
import { fixedConfig } from "./support/manager.ts";

const scene = useScene({ workloads: true });

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
const PAGE = readFileSync(`${ROOT}docs/how-to/give-log-access.md`, "utf8");
const COMMANDS = [...PAGE.matchAll(/^```sh\n(.*?)^```/gms)].flatMap(([, block = ""]) => block.trim().split("\n"));
const NEEDS_KUBELET = /^kubectl logs /;
const GROUP = ["checkout-support"];

/** Runs a command of the page from the root of the repository. */
const run = async (command: string) => {
  const [program, ...args] = command.split(" ").map((word) => (word.startsWith("examples/") ? `${ROOT}${word}` : word));
  expect(program).toBe("kubectl");
  const { exitCode, stdout, stderr } = await scene.cluster.kubectl(args);
  expect(exitCode, `${command}\n${stderr}`).toBe(0);
  return stdout;
};

test("the commands of the page work, and the example's group can read the logs of its Pods and of no other", async () => {
  scene.keep(new RunningReader(fixedConfig(scene.cluster), { createSaAndRoleBinding: true }));
  const shop = new Shop(scene.cluster, "shop");
  const [cleanUp, ...more] = COMMANDS.filter((command) => command.startsWith("kubectl delete"));
  expect(more).toEqual([]);
  for (const command of COMMANDS) {
    if (command === cleanUp || NEEDS_KUBELET.test(command)) continue;
    await run(command);
    if (!command.startsWith("kubectl rollout")) continue;
    const pods = (await shop.list("pods")).map(({ metadata }) => metadata.name);
    expect(pods).toHaveLength(3);
    await shop.grants("podlogreader-checkout", pods);
    for (const name of pods)
      expect(await shop.allows("paul", { verb: "get", resource: "pods/log", name }, GROUP)).toBe(true);
  }
  expect(await shop.allows("paul", { verb: "get", resource: "pods/log", name: "other" }, GROUP)).toBe(false);
  expect(await shop.allows("paul", { verb: "get", resource: "pods/log", name: "other" })).toBe(false);
  // First the manager, as the page says; what is left then goes with the command.
  await scene.endTest();
  await run(cleanUp ?? "");
  for (const kind of ["roles", "rolebindings", "serviceaccounts"] as const) {
    expect(await shop.lacks(kind, "podlogreader-checkout")).toBe(true);
  }
  expect(await shop.lacks("rolebindings", "checkout-support")).toBe(false);
});

test("the page names the number of Pods that a Role has room for", () => {
  const [, stated = ""] = /([\d,]+) Pods with names\s+of 63 characters/.exec(PAGE) ?? [];
  const pods = Array.from({ length: 20_000 }, (_, i) => String(i).padStart(63, "p"));
  const { left } = desiredObjects({ name: "web", namespace: "shop", uid: "uid" }, pods, {
    createSaAndRoleBinding: false,
    allowPodGet: false,
  });
  expect(Number(stated.replace(",", ""))).toBe(pods.length - left);
});
