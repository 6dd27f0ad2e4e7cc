/**
 * Nothing here reaches a network or a compiler: the release pages are a server of this test, `go` is a script.
 *
 * Invariants:
 * - `KUBEBUILDER_ASSETS`, then the cache, then a download, then a build; what comes first wins;
 * - a program appears in the cache complete or not at all, once, however many ask at the same time;
 * - what cannot be had is one line that says what to do.
 */
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type AssetOptions, helmPath, resolveAssets } from "../src/assets.ts";
import { goArch, goOs } from "../src/cache.ts";
import { DEFAULT_VERSION, findVersion, isAtLeast, listVersions, since } from "../src/versions.ts";

/** Nobody listens on the discard port of this machine. */
const OFFLINE = {
  envtestIndex: "http://127.0.0.1:9/index",
  kubernetes: "http://127.0.0.1:9/release",
  kwok: "http://127.0.0.1:9/kwok",
};

const version = findVersion(DEFAULT_VERSION);

let folder: string;
let lines: string[];
let server: Server | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "devcluster-assets-"));
  lines = [];
});

afterEach(async () => {
  server?.close();
  server?.closeAllConnections();
  server = undefined;
  rmSync(folder, { recursive: true, force: true });
});

const options = (env: NodeJS.ProcessEnv = {}): AssetOptions => ({
  env: { XDG_CACHE_HOME: join(folder, "cache"), PATH: "", ...env },
  log: (line) => lines.push(line),
  sources: OFFLINE,
});

const writeProgram = (file: string, text: string) => {
  writeFileSync(file, text);
  chmodSync(file, 0o755);
};

/** A `go` that notes each call and writes the package it was asked for as the program. Returns its folder. */
const fakeGo = (extra = ""): string => {
  const bin = join(folder, "go-bin");
  mkdirSync(bin);
  writeProgram(
    join(bin, "go"),
    `#!/bin/sh\necho "$CGO_ENABLED $*" >> ${folder}/calls\n${extra}\nwhile [ "$1" != -o ]; do shift; done\necho "$3" > "$2"\nchmod +x "$2"\n`,
  );
  return `${bin}:/usr/bin:/bin`;
};

const calls = () => readFileSync(join(folder, "calls"), "utf8").trim().split("\n");

/** Serves these bodies by path, and 404 for the rest. */
const serve = async (bodies: Record<string, string>): Promise<string> => {
  server = createServer((request, response) => {
    const body = bodies[request.url ?? ""];
    response.writeHead(body === undefined ? 404 : 200).end(body);
  });
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return `http://127.0.0.1:${address.port}`;
};

describe("KUBEBUILDER_ASSETS", () => {
  test("gives the programs of that folder", async () => {
    writeProgram(join(folder, "etcd"), "");
    const paths = await resolveAssets(["etcd"], options({ KUBEBUILDER_ASSETS: folder }));
    expect(paths).toEqual({ etcd: join(folder, "etcd") });
  });

  test("names all that the folder lacks in one line", async () => {
    writeProgram(join(folder, "etcd"), "");
    const resolving = resolveAssets(["etcd", "kubectl", "kwok"], options({ KUBEBUILDER_ASSETS: folder }));
    await expect(resolving).rejects.toThrow(
      `KUBEBUILDER_ASSETS=${folder} lacks kubectl, kwok: add them there, or unset it`,
    );
  });
});

describe("the programs of a real node", () => {
  test("come from the cache or a build where KUBEBUILDER_ASSETS lacks them, as archives for it do", async () => {
    writeProgram(join(folder, "etcd"), "");
    const env = { KUBEBUILDER_ASSETS: folder, PATH: fakeGo() };
    const paths = await resolveAssets(["etcd", "kubelet"], options(env));
    expect(paths.etcd).toBe(join(folder, "etcd"));
    expect(readFileSync(paths.kubelet ?? "", "utf8")).toBe("k8s.io/kubernetes/cmd/kubelet\n");
  });

  test("are taken from KUBEBUILDER_ASSETS where it has them", async () => {
    writeProgram(join(folder, "kubelet"), "");
    const paths = await resolveAssets(["kubelet"], options({ KUBEBUILDER_ASSETS: folder }));
    expect(paths).toEqual({ kubelet: join(folder, "kubelet") });
  });
});

describe("helm", () => {
  test("is built once for all versions of Kubernetes, and says its own version", async () => {
    const env = { PATH: fakeGo() };
    const path = await helmPath(options(env));
    expect(readFileSync(path, "utf8")).toBe("helm.sh/helm/v4/cmd/helm\n");
    expect(await helmPath(options({ ...env, KUBERNETES_VERSION: "1.29" }))).toBe(path);
    expect(calls()).toHaveLength(1);
    expect(calls()[0]).toMatch(/-X helm\.sh\/helm\/v4\/internal\/version\.version=v4\.\d+\.\d+ /);
    expect(lines[0]).toMatch(/^helm: none here yet; .* "pcmc-devcluster assets --only helm"$/);
  });

  test("is taken from KUBEBUILDER_ASSETS where it has it, and need not be there", async () => {
    const env = { KUBEBUILDER_ASSETS: folder, PATH: fakeGo() };
    expect(await helmPath(options(env))).toContain(join(folder, "cache"));
    writeProgram(join(folder, "helm"), "");
    expect(await helmPath(options(env))).toBe(join(folder, "helm"));
  });

  test("that can neither be found nor built is one line that says what to install", async () => {
    await expect(helmPath(options())).rejects.toThrow(/^helm can neither be downloaded nor built: install Go [^\n]*$/);
  });
});

describe("a version", () => {
  test("that is not known is answered with those that are", async () => {
    const resolving = resolveAssets(["etcd"], { ...options(), version: "1.20" });
    await expect(resolving).rejects.toThrow(
      /^Kubernetes 1\.20 is not known here; there is: 1\.29 \(1\.29\.\d+\), .*1\.36 \(1\.36\.\d+\); .*README\.md says how to add one$/,
    );
  });

  test("is the one of KUBERNETES_VERSION where none is named", async () => {
    const env = { KUBERNETES_VERSION: "1.29", PATH: fakeGo() };
    await resolveAssets(["kube-apiserver"], options(env));
    await resolveAssets(["kube-apiserver"], { ...options(env), version: DEFAULT_VERSION });
    expect(calls()[0]).toMatch(/gitVersion=v1\.29\.\d+ .*gitMinor=29 /);
    expect(calls()[1]).toContain(`gitVersion=v${findVersion(DEFAULT_VERSION).full} `);
  });

  test("that is not in the cache yet is said, with the command that gets it ahead of time", async () => {
    await resolveAssets(["etcd", "kubectl"], { ...options({ PATH: fakeGo() }), version: "1.29" });
    expect(lines[0]).toMatch(
      /^etcd, kubectl for Kubernetes 1\.29\.\d+: none here yet; .* "pcmc-devcluster assets --version 1\.29"$/,
    );
  });

  test("that is asked for by name and is not what KUBEBUILDER_ASSETS holds is refused", async () => {
    const apiServer = join(folder, "kube-apiserver");
    writeProgram(apiServer, "#!/bin/sh\necho Kubernetes v1.36.3\n");
    const env = { KUBEBUILDER_ASSETS: folder };
    const refusal = `${apiServer} is Kubernetes v1.36.3, not 1.29, which is asked for: unset KUBEBUILDER_ASSETS`;
    const named = resolveAssets(["kube-apiserver"], { ...options(env), version: "1.29" });
    await expect(named).rejects.toThrow(refusal);
    const fromEnvironment = resolveAssets(["kube-apiserver"], options({ ...env, KUBERNETES_VERSION: "1.29" }));
    await expect(fromEnvironment).rejects.toThrow(refusal);
    expect(await resolveAssets(["kube-apiserver"], { ...options(env), version: "1.36" })).toEqual({
      "kube-apiserver": apiServer,
    });
  });

  test("can be given as minor or exactly, with or without v", () => {
    expect([version.minor, version.full, `v${version.full}`].map((one) => findVersion(one).full)).toEqual([
      version.full,
      version.full,
      version.full,
    ]);
  });
});

describe("the versions", () => {
  test("are listed from the oldest on, and each pins every program of its release and the etcd it was built against", () => {
    const known = listVersions();
    expect(known[0]?.minor).toBe("1.29");
    expect(known.at(-1)?.minor).toBe(DEFAULT_VERSION);
    for (const { minor, full, module } of known) {
      expect(full).toMatch(new RegExp(`^${minor.replace(".", "\\.")}\\.\\d+$`));
      const goMod = readFileSync(join(module, "go.mod"), "utf8");
      const staging = [...goMod.matchAll(/^\tk8s\.io\/\S+ => k8s\.io\/\S+ v0\.(\S+)$/gm)].map(([, of]) => `1.${of}`);
      expect(staging.length).toBeGreaterThan(20);
      expect(new Set(staging)).toEqual(new Set([full]));
      expect(goMod).toMatch(/^\tgo\.etcd\.io\/etcd\/server\/v3 v3\./m);
    }
  });

  test("are compared as numbers", () => {
    const env = { KUBERNETES_VERSION: "1.29" };
    expect(["1.9", "1.29", "1.30"].map((minor) => isAtLeast(minor, env))).toEqual([true, true, false]);
    expect(isAtLeast(DEFAULT_VERSION, {})).toBe(true);
  });

  test("give a test of something newer the reason why it is skipped, and none where there is what it needs", () => {
    const { missing, note } = since("1.30", "this", { KUBERNETES_VERSION: "1.29" });
    expect(missing).toBe(true);
    expect(note).toMatch(/^ \(skipped: this came with Kubernetes 1\.30, this is 1\.29\.\d+\)$/);
    expect(since("1.29", "this", { KUBERNETES_VERSION: "1.29" })).toEqual({ missing: false, note: "" });
  });
});

describe("a build", () => {
  test("is static, from the pinned module, and not repeated", async () => {
    const env = { PATH: fakeGo() };
    const first = await resolveAssets(["kube-scheduler"], options(env));
    const second = await resolveAssets(["kube-scheduler"], options(env));
    expect(second).toEqual(first);
    expect(readFileSync(first["kube-scheduler"] ?? "", "utf8")).toBe("k8s.io/kubernetes/cmd/kube-scheduler\n");
    expect(calls()).toHaveLength(1);
    expect(calls()[0]).toMatch(/^0 build -trimpath .*-mod=readonly .*-ldflags /);
    expect(calls()[0]).toContain(`version.gitVersion=v${version.full}`);
    expect(lines).toContainEqual(expect.stringMatching(/^built kube-scheduler in \d+\.\d s$/));
  });

  test("happens once when several ask at the same time", async () => {
    const env = { PATH: fakeGo() };
    await Promise.all(Array.from({ length: 4 }, () => resolveAssets(["etcd"], options(env))));
    expect(calls()).toHaveLength(1);
  });

  test("that fails says what the compiler said and leaves nothing in the cache", async () => {
    const env = { PATH: fakeGo("echo 'no such package' >&2; exit 1") };
    await expect(resolveAssets(["etcd"], options(env))).rejects.toThrow("go build ./cmd/etcd failed:\nno such package");
    const left = readdirSync(join(folder, "cache"), { recursive: true, withFileTypes: true });
    expect(left.filter((entry) => entry.isFile())).toEqual([]);
  });

  test("without Go is answered with what to install", async () => {
    await expect(resolveAssets(["etcd", "kwok"], options())).rejects.toThrow(
      /^etcd, kwok for Kubernetes [\d.]+ can neither be downloaded nor built: install Go .*, or set KUBEBUILDER_ASSETS/,
    );
  });

  test("takes over from a process that died while it built", async () => {
    const env = { PATH: fakeGo() };
    const path = (await resolveAssets(["etcd"], options(env))).etcd ?? "";
    rmSync(path);
    writeFileSync(`${path}.lock`, JSON.stringify({ pid: process.pid, start: "another life" }));
    await resolveAssets(["etcd"], options(env));
    expect(existsSync(path)).toBe(true);
    expect(existsSync(`${path}.lock`)).toBe(false);
  });
});

describe("a download", () => {
  const path = `/v${version.full}/bin/${goOs()}/${goArch()}/kube-scheduler`;
  const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

  test.runIf(process.platform === "linux")("is preferred to a build", async () => {
    const kubernetes = await serve({ [path]: "the scheduler", [`${path}.sha256`]: sha256("the scheduler") });
    const paths = await resolveAssets(["kube-scheduler"], { ...options(), sources: { ...OFFLINE, kubernetes } });
    expect(readFileSync(paths["kube-scheduler"] ?? "", "utf8")).toBe("the scheduler");
  });

  test.runIf(process.platform === "linux")(
    "that does not match its checksum is dropped, and built instead",
    async () => {
      const kubernetes = await serve({ [path]: "something else", [`${path}.sha256`]: sha256("the scheduler") });
      const asked = { ...options({ PATH: fakeGo() }), sources: { ...OFFLINE, kubernetes } };
      const paths = await resolveAssets(["kube-scheduler"], asked);
      expect(readFileSync(paths["kube-scheduler"] ?? "", "utf8")).toBe("k8s.io/kubernetes/cmd/kube-scheduler\n");
      expect(lines).toContainEqual(expect.stringContaining("does not match its SHA-256"));
    },
  );

  test("from a page that does not answer is tried once, and said once", async () => {
    const env = { PATH: fakeGo() };
    await resolveAssets(["etcd", "kube-apiserver", "kubectl", "kwok"], options(env));
    expect(lines.filter((line) => line.includes("out of reach"))).toHaveLength(1);
    expect(calls()).toHaveLength(4);
  });
});
