/**
 * The images of `make image` under a real kubelet, from the manifests of this checkout.
 *
 * Invariants:
 * - the manager runs where Pod Security enforces `restricted`: no root, no capability, no new privileges, nothing writable;
 * - there is one program in its image, Node: no shell, and nothing that calls into the kernel's eBPF; what would need that
 *   says which image has it;
 * - the agent has its three capabilities and no other;
 * - as process 1, both end by SIGTERM with exit code 0, and have no child that could be left;
 * - each image says what is in it, and that is so.
 */
import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type RealCluster, readElf, startCluster } from "@pcmc/devcluster";
import { afterAll, beforeAll, describe, expect, onTestFailed, test } from "vitest";
import { version } from "../packages/operator/src/cli/version.ts";
import { ARCHIVES } from "../scripts/image-build.ts";
import { SBOM } from "../scripts/image-stage.ts";
import { agentLogs, agentPods, deployAgent } from "./support/agent.ts";
import { AGENT, ensureImages, MANAGER } from "./support/images.ts";
import { kubectl } from "./support/kubectl.ts";
import { runOnce } from "./support/once.ts";
import { deployOperator, operatorLogs } from "./support/operator.ts";
import { processesOf, statusOf } from "./support/processes.ts";
import { until } from "./support/until.ts";

/** Bits of capabilities(7): NET_ADMIN, PERFMON, BPF. */
const AGENT_CAPABILITIES = (1n << 12n) | (1n << 38n) | (1n << 39n);

let cluster: RealCluster;

const enforce = (level: "restricted" | "privileged") =>
  kubectl(cluster, ["label", "--overwrite", "namespace", "default", `pod-security.kubernetes.io/enforce=${level}`]);

beforeAll(async () => {
  cluster = await startCluster({ node: "real" });
  await ensureImages(cluster);
  await enforce("restricted");
  await deployOperator(cluster);
});

afterAll(async () => {
  await cluster?.stop();
});

interface Pod {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly status: {
    readonly containerStatuses?: readonly {
      readonly restartCount: number;
      readonly ready: boolean;
      readonly lastState?: { readonly terminated?: { readonly exitCode: number; readonly reason: string } };
    }[];
  };
}

const managerPod = async (): Promise<Pod> => {
  const path = "/api/v1/namespaces/default/pods?labelSelector=app.kubernetes.io/name=podconfigmap-controller";
  const { items } = await cluster.request<{ readonly items: readonly Pod[] }>("GET", path);
  const [pod] = items;
  if (!pod) throw new Error("the manager has no Pod");
  return pod;
};

const theProcessOf = ({ metadata }: Pick<Pod, "metadata">): number => {
  const pids = processesOf(cluster, metadata.uid);
  expect(pids).toHaveLength(1);
  return pids[0] ?? 0;
};

/** Paths below the image's `/` of a process, without what the kernel and kubelet put there. */
const filesOf = (pid: number): string[] => {
  const root = `/proc/${pid}/root`;
  return ["bin", "etc", "home", "lib", "lib64", "nodejs", "pcmc", "sbin", "usr", "var/lib"].flatMap((folder) => {
    try {
      return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((path) => `/${folder}/${path}`);
    } catch {
      return [];
    }
  });
};

const exec = (pod: Pod, ...command: readonly string[]) =>
  cluster.kubectl(["exec", pod.metadata.name, "--", ...command]);

/** SIGTERM, from outside: what the container's end was, as kubelet saw it, when there is a new one. */
const endOf = async (find: () => Promise<Pod>) => {
  const before = await find();
  process.kill(theProcessOf(before), "SIGTERM");
  return until("the container has been started anew and is ready", async () => {
    const { status } = await find();
    const [container] = status.containerStatuses ?? [];
    return container?.ready && container.restartCount > 0 ? container.lastState?.terminated : undefined;
  });
};

describe("the manager's image", () => {
  test("it runs where restricted is enforced, as 65532 without any capability or new privilege, its root read-only", async () => {
    onTestFailed(async () => console.error(await operatorLogs(cluster)));
    const pid = theProcessOf(await managerPod());
    const { Uid, Gid, CapEff, CapPrm, CapBnd, CapInh, NoNewPrivs, Seccomp } = statusOf(pid);
    expect(Uid).toBe("65532\t65532\t65532\t65532");
    expect(Gid).toBe("65532\t65532\t65532\t65532");
    expect([CapEff, CapPrm, CapBnd, CapInh]).toEqual(Array(4).fill("0".repeat(16)));
    expect(NoNewPrivs).toBe("1");
    expect(Seccomp).toBe("2");
    const [root = ""] = /^\S+ \/ .*$/m.exec(readFileSync(`/proc/${pid}/mounts`, "utf8")) ?? [];
    expect(root.split(" ")[3]?.split(",")).toContain("ro");
  });

  test("it has no program but Node: no shell", async () => {
    const pod = await managerPod();
    const pid = theProcessOf(pod);
    const programs = filesOf(pid).filter((path) => {
      const file = lstatSync(`/proc/${pid}/root${path}`);
      return file.isFile() && (file.mode & 0o111) !== 0;
    });
    expect(programs.filter((path) => !/\/ld-linux[^/]*$/.test(path)).sort()).toEqual([
      "/nodejs/bin/node",
      "/pcmc/bin/pcmc",
    ]);
    expect((await exec(pod, "sh", "-c", "true")).exitCode).not.toBe(0);
  });

  test("nothing in it calls into the kernel's eBPF, and what needs that names the image that does", async () => {
    const pod = await managerPod();
    const pid = theProcessOf(pod);
    const files = filesOf(pid);
    expect(files).toContain("/pcmc/src/pcmc.js");
    expect(files.filter((path) => /bpf|koffi|libelf/i.test(path) && !path.includes("/ebpf-metrics-"))).toEqual([]);
    const sources = files
      .filter((path) => path.endsWith(".js"))
      .map((path) => readFileSync(`/proc/${pid}/root${path}`, "utf8"));
    expect(sources.filter((text) => /libbpf\.so|koffi\.node/.test(text))).toEqual([]);
    for (const command of [["agent"], ["agent", "uninstall"], ["manager", "--role", "all"]]) {
      const { stderr, exitCode } = await exec(pod, "pcmc", ...command);
      expect(exitCode).toBe(1);
      expect(stderr.split("\n")[0]).toBe(
        `pcmc: pcmc ${command.join(" ")} needs programs for the kernel, which are not here: use the image ${AGENT}; in a checkout, make bpf`,
      );
    }
  });

  test("pcmc is found by its name in it", async () => {
    const { stdout } = await exec(await managerPod(), "pcmc", "version");
    expect(stdout).toMatch(new RegExp(`^pcmc ${version.replaceAll(".", "\\.")} \\(node 24\\.`));
  });

  test("as process 1 it ends by SIGTERM with exit code 0", async () => {
    expect(await endOf(managerPod)).toMatchObject({ exitCode: 0, reason: "Completed" });
  });
});

describe("both images", () => {
  test.each([
    ["manager", MANAGER],
    ["agent", AGENT],
  ])("that of the %s shows help and version as nobody in particular", async (name, image) => {
    const help = await runOnce(cluster, { name: `help-${name}`, image, args: ["--help"] });
    expect(help).toMatch(/^Usage: pcmc /);
    const said = await runOnce(cluster, { name: `version-${name}`, image, args: ["version"] });
    expect(said).toMatch(/^pcmc \d+\.\d+\.\d+ \(node 24\./);
  });
});

describe("the agent's image", () => {
  const agentPod = async (): Promise<Pod> => {
    const [pod] = await agentPods(cluster);
    if (!pod) throw new Error("the agent has no Pod");
    return pod;
  };

  beforeAll(async () => {
    await enforce("privileged");
    await deployAgent(cluster);
  });

  test("it runs as root with three capabilities, its root read-only", async () => {
    onTestFailed(async () => console.error(await agentLogs(cluster)));
    const pid = theProcessOf(await agentPod());
    const { CapEff, CapBnd, NoNewPrivs } = statusOf(pid);
    expect(BigInt(`0x${CapEff}`)).toBe(AGENT_CAPABILITIES);
    expect(BigInt(`0x${CapBnd}`)).toBe(AGENT_CAPABILITIES);
    expect(NoNewPrivs).toBe("1");
    const [root = ""] = /^\S+ \/ .*$/m.exec(readFileSync(`/proc/${pid}/mounts`, "utf8")) ?? [];
    expect(root.split(" ")[3]?.split(",")).toContain("ro");
  });

  test("as process 1 it ends by SIGTERM with exit code 0", async () => {
    expect(await endOf(agentPod)).toMatchObject({ exitCode: 0, reason: "Completed" });
  });
});

describe("the list of what is in an image", () => {
  const ofProcess = (pid: number) => readFileSync(`/proc/${pid}/root${SBOM}`, "utf8");

  interface Listed {
    readonly components: readonly { readonly name: string; readonly version?: string }[];
  }

  test("it is in the image as beside the archive", async () => {
    expect(ofProcess(theProcessOf(await managerPod()))).toBe(readFileSync(join(ARCHIVES, "manager.cdx.json"), "utf8"));
  });

  test("it names Node in the version that runs, and every package that a library in the image is of", async () => {
    const pod = await managerPod();
    const pid = theProcessOf(pod);
    const { components } = JSON.parse(ofProcess(pid)) as Listed;
    const [, node] = /\(node ([\d.]+)/.exec((await exec(pod, "pcmc", "version")).stdout) ?? [];
    expect(components).toContainEqual(expect.objectContaining({ name: "node", version: node }));
    const libraries = filesOf(pid).filter((path) => /\.so(\.|$)/.test(path) && readElf(`/proc/${pid}/root${path}`));
    expect(libraries.length).toBeGreaterThan(3);
    const packages = new Set<string>();
    for (const library of libraries) {
      const [owner = ""] = (await cluster.node.run("dpkg-query", ["-S", `*${library.replace(/^\/usr/, "")}`])).split(
        ":",
      );
      packages.add(owner);
    }
    for (const name of packages) expect(components).toContainEqual(expect.objectContaining({ name }));
  });
});
