import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import * as heads from "./manifest-heads.ts";

/*
 * manifests/ and examples/deployment-with-ebpf.yaml: the chart, rendered by helm with the values in scripts/values.
 */

/** Where `kubectl apply` puts things unless told otherwise. */
const NAMESPACE = "default";
const RELEASE = "podconfigmap-controller";
/** Objects differ in what APIs a cluster has: these are for all that is supported but for the agent's policy, which is from 1.30. */
const KUBERNETES = "1.36.0";

/** One object of a rendered chart. */
export interface Rendered {
  /** `deployment.yaml` */
  readonly template: string;
  readonly text: string;
}

const pathOf = (file: string): string => fileURLToPath(new URL(`../${file}`, import.meta.url));

/** Splits what `helm template` prints. */
export const objectsIn = (printed: string): readonly Rendered[] =>
  printed
    .split(/^---\n/m)
    .map((text) => /^# Source: [^/\n]+\/templates\/(\S+)\n([\s\S]*)$/.exec(text))
    .flatMap((match) => (match ? [{ template: match[1] ?? "", text: (match[2] ?? "").trim() }] : []));

/** Renders the chart of this checkout, with values from files below scripts/values. */
const render = (helm: string, values: readonly string[]): readonly Rendered[] => {
  const files = values.flatMap((name) => ["--values", pathOf(`scripts/values/${name}.yaml`)]);
  const fixed = ["--namespace", NAMESPACE, "--kube-version", KUBERNETES, "--no-hooks"];
  const args = ["template", RELEASE, pathOf("chart"), ...fixed, ...files];
  return objectsIn(execFileSync(helm, args, { encoding: "utf8", maxBuffer: 64 << 20 }));
};

/** The objects of some templates, in the order of these, below a comment. @throws where there are none. */
const fileOf = (head: string, all: readonly Rendered[], templates: readonly string[]): string => {
  const chosen = templates.flatMap((name) => all.filter(({ template }) => template === `${name}.yaml`));
  if (chosen.length === 0) throw new Error(`the chart renders nothing from ${templates.join(", ")}`);
  return `${head}${chosen.map(({ text }) => text).join("\n---\n")}\n`;
};

const named = (all: readonly Rendered[], name: string): readonly Rendered[] =>
  all.filter(({ text }) => text.includes(`\n  name: ${name}\n`));

/** Path from the root of the repository -> content. @param helm - the program's path */
export const manifestFiles = (helm: string): Readonly<Record<string, () => string>> => {
  const plain = render(helm, ["manifests"]);
  const chosen = render(helm, ["manifests", "podlogreader"]);
  const together = render(helm, ["manifests", "ebpf"]);
  const choice = (flag: string) => () =>
    fileOf(heads.choice(flag), named(chosen, `podconfigmap-controller-${flag}`), ["rbac-podlogreader"]);
  return {
    "manifests/agent.yaml": () =>
      fileOf(heads.AGENT, plain, ["agent-rbac", "agent-policy", "agent-service", "agent-daemonset"]),
    "manifests/deployment.yaml": () =>
      fileOf(heads.DEPLOYMENT, plain, ["deployment", "service-metrics", "poddisruptionbudget"]),
    "manifests/podlogreader/allow-pod-get.yaml": choice("allow-pod-get"),
    "manifests/podlogreader/create-sa-and-rolebinding.yaml": choice("create-sa-and-rolebinding"),
    "manifests/rbac.yaml": () => fileOf(heads.RBAC, plain, ["serviceaccount", "rbac", "rbac-users"]),
    "manifests/webhooks.yaml": () => fileOf(heads.WEBHOOKS, plain, ["webhooks"]),
    "examples/deployment-with-ebpf.yaml": () =>
      fileOf(heads.WITH_EBPF, together, ["agent-rbac", "agent-policy", "service-metrics", "daemonset-all"]),
  };
};
