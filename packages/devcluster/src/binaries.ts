import { accessSync, constants, statSync } from "node:fs";
import { helmModule, type KubernetesVersion, kwokModule, requiredVersion } from "./versions.ts";

/** The programs of a cluster with simulated nodes. */
export const BINARIES = [
  "etcd",
  "kube-apiserver",
  "kubectl",
  "kube-controller-manager",
  "kube-scheduler",
  "kwok",
] as const;

/** What a real node needs besides. */
export const NODE_BINARIES = ["kubelet", "kube-proxy"] as const;

/** What no cluster runs, and users of one do. */
export const TOOL_BINARIES = ["helm"] as const;

/** The name of a program. */
export type Binary = (typeof BINARIES)[number] | (typeof NODE_BINARIES)[number] | (typeof TOOL_BINARIES)[number];

/** Path of each program that was asked for. */
export type BinaryPaths = Readonly<Partial<Record<Binary, string>>>;

/** How one program is built from source. */
export interface GoBuild {
  /** Folder of the Go module. */
  readonly module: string;
  readonly package: string;
  readonly ldflags: string;
}

const STRIP = "-s -w";

/** Where the source of a program is. */
export const goBuild = (binary: Binary, version: KubernetesVersion): GoBuild => {
  if (binary === "kwok") return { module: kwokModule, package: "sigs.k8s.io/kwok/cmd/kwok", ldflags: STRIP };
  if (binary === "helm") return { module: helmModule, package: "helm.sh/helm/v4/cmd/helm", ldflags: helmLdflags() };
  if (binary === "etcd") return { module: version.module, package: "./cmd/etcd", ldflags: STRIP };
  return { module: version.module, package: `k8s.io/kubernetes/cmd/${binary}`, ldflags: kubernetesLdflags(version) };
};

/** Without it a build calls itself v4.3, whatever its patch. */
const helmLdflags = (): string =>
  `${STRIP} -X helm.sh/helm/v4/internal/version.version=v${requiredVersion(helmModule, "helm.sh/helm/v4")}`;

/** Discovery, `kubectl version` and version-gated features go by these; without them a build says v0.0.0-master. */
const kubernetesLdflags = ({ full, minor }: KubernetesVersion): string => {
  const [major, minorNumber] = minor.split(".");
  const values = { gitVersion: `v${full}`, gitMajor: major, gitMinor: minorNumber, gitTreeState: "clean" };
  const packages = ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"];
  const sets = packages.flatMap((path) => Object.entries(values).map(([name, value]) => `-X ${path}.${name}=${value}`));
  return [STRIP, ...sets].join(" ");
};

/** Whether there is a program at this path. */
export const isExecutable = (file: string): boolean => {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
};
