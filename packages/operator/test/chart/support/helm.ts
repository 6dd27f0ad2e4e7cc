import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { helmPath } from "@pcmc/devcluster";
import { parseAllDocuments } from "yaml";

/** The chart of this checkout. */
export const CHART = fileURLToPath(new URL("../../../../../chart", import.meta.url));

/** Values that need not be written to a file before. */
export type Values = Readonly<Record<string, unknown>>;

export interface HelmResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/** A rule of a role. */
export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

/** What of a container the tests look at. */
export interface ChartContainer {
  readonly image: string;
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value?: string }[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly [field: string]: unknown;
}

/** What of a Pod's template the tests look at. */
export interface ChartTemplate {
  readonly metadata: { readonly labels: Readonly<Record<string, string>>; readonly annotations?: object };
  readonly spec: { readonly containers: readonly ChartContainer[]; readonly [field: string]: unknown };
}

/** An object as the chart has it: what of all kinds the tests look at. */
export interface ChartObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: { readonly template?: ChartTemplate; readonly [field: string]: unknown };
  readonly rules?: readonly Rule[];
  readonly roleRef?: { readonly kind: string; readonly name: string };
  readonly subjects?: readonly { readonly name: string; readonly namespace: string }[];
  readonly webhooks?: readonly { readonly name: string; readonly failurePolicy: string }[];
  readonly data?: Readonly<Record<string, string>>;
}

/** The real helm, with nothing of the user's own: no repositories, plugins or contexts. Ends with `using`. */
export class Helm implements Disposable {
  readonly #binary: string;
  readonly #home: string;
  readonly #kubeconfig: string;

  private constructor(binary: string, kubeconfig: string | undefined) {
    this.#binary = binary;
    this.#home = mkdtempSync(join(tmpdir(), "pcmc-helm-"));
    this.#kubeconfig = kubeconfig ?? join(this.#home, "none");
  }

  /** @param kubeconfig - of the cluster to install into; without it, helm can render only */
  static async start(kubeconfig?: string): Promise<Helm> {
    return new Helm(await helmPath(), kubeconfig);
  }

  [Symbol.dispose](): void {
    rmSync(this.#home, { recursive: true, force: true });
  }

  /** Does not throw for an exit code. */
  async run(args: readonly string[], values?: Values): Promise<HelmResult> {
    const file = join(this.#home, "values.json");
    writeFileSync(file, JSON.stringify(values ?? {}));
    const child = spawn(this.#binary, [...args, ...(values === undefined ? [] : ["--values", file])], {
      env: { PATH: process.env.PATH ?? "", HOME: this.#home, KUBECONFIG: this.#kubeconfig },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const [stdout, stderr, [exitCode]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, "close"),
    ]);
    return { stdout, stderr, exitCode };
  }

  /** @throws with what helm said when it fails. */
  async must(args: readonly string[], values?: Values): Promise<string> {
    const { stdout, stderr, exitCode } = await this.run(args, values);
    if (exitCode !== 0) throw new Error(`helm ${args.join(" ")}: ${stderr}`);
    return stdout;
  }

  /** What `helm template` prints: CRDs and hooks too. */
  render(values: Values = {}, { namespace = "ops", flags = [] }: RenderOptions = {}): Promise<string> {
    return this.must(["template", "release", CHART, "--namespace", namespace, ...flags], values);
  }

  /** The same as objects, but for hooks, which are no part of what is installed, and CRDs, unless these are asked for. */
  async objects(values: Values = {}, { flags = [], ...options }: RenderOptions = {}): Promise<readonly ChartObject[]> {
    const crds = { install: false };
    return objectsIn(await this.render({ crds, ...values }, { ...options, flags: ["--no-hooks", ...flags] }));
  }
}

export interface RenderOptions {
  /** Of the release. */
  readonly namespace?: string;
  readonly flags?: readonly string[];
}

/** @throws for a document that is no YAML, or none of an object. */
export const objectsIn = (documents: string): readonly ChartObject[] =>
  parseAllDocuments(documents, { uniqueKeys: true }).map((document) => {
    if (document.errors.length > 0) throw document.errors[0];
    return document.toJS();
  });

/** `Role shop/name`, or `ClusterRole name`. */
export const named = ({ kind, metadata }: ChartObject): string =>
  `${kind} ${metadata.namespace === undefined ? "" : `${metadata.namespace}/`}${metadata.name}`;

/** The one object of a kind, and of a name where several are possible. @throws where there is not one. */
export const only = (objects: readonly ChartObject[], kind: string, name?: string): ChartObject => {
  const found = objects.filter((one) => one.kind === kind && (name === undefined || one.metadata.name === name));
  const [object] = found;
  if (object === undefined || found.length > 1) throw new Error(`${found.length} of ${kind} ${name ?? ""}`);
  return object;
};

/** The one container of a Deployment or DaemonSet. */
export const containerOf = ({ spec }: ChartObject): ChartContainer => {
  const [container] = spec?.template?.spec.containers ?? [];
  if (container === undefined) throw new Error("no container");
  return container;
};

/** What a container has in its environment by value. */
export const environmentOf = (object: ChartObject): Readonly<Record<string, string>> =>
  Object.fromEntries(
    containerOf(object).env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])),
  );
