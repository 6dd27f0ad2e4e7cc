import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Cluster, helmPath } from "@pcmc/devcluster";
import { parse, stringify } from "yaml";

/** The chart of this checkout. */
export const CHART = fileURLToPath(new URL("../../chart", import.meta.url));

/** How a command of helm ended. */
export interface HelmResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Values of a chart, as a values file has them. */
export type Values = Readonly<Record<string, unknown>>;

interface Definition {
  readonly spec: { readonly versions: readonly object[] };
}

/** The definition without `additionalPrinterColumns`. */
const withoutColumns = (definition: Definition) => {
  const versions = definition.spec.versions.map((version) => ({ ...version, additionalPrinterColumns: undefined }));
  return { ...definition, spec: { ...definition.spec, versions } };
};

/** The real helm, with folders of its own. Dispose of it. */
export class Helm implements Disposable {
  readonly #cluster: Pick<Cluster, "kubeconfig">;
  readonly #home = mkdtempSync(join(tmpdir(), "pcmc-helm-"));

  constructor(cluster: Pick<Cluster, "kubeconfig">) {
    this.#cluster = cluster;
  }

  /** Runs helm, and gives back what came of it, whatever that is. */
  async try(...args: readonly string[]): Promise<HelmResult> {
    const env = {
      ...process.env,
      KUBECONFIG: this.#cluster.kubeconfig,
      HELM_CACHE_HOME: this.#home,
      HELM_CONFIG_HOME: this.#home,
      HELM_DATA_HOME: this.#home,
    };
    try {
      return { code: 0, ...(await promisify(execFile)(await helmPath(), [...args], { env })) };
    } catch (error) {
      const { code, stdout, stderr } = error as HelmResult;
      return { code, stdout, stderr };
    }
  }

  /** Runs helm. @throws with what it said when it fails. */
  async run(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.try(...args);
    if (code !== 0) throw new Error(`helm ${args.join(" ")}: ${stderr.trim()}`);
    return stdout;
  }

  /** A file with values, for `--values`. */
  values(name: string, values: Values): string {
    const file = join(this.#home, `${name}.yaml`);
    writeFileSync(file, stringify(values));
    return file;
  }

  /**
   * A package of this checkout's chart under a lower version, as an upgrade finds it: its definition of PodConfigMapConfigs has no
   * columns yet.
   *
   * @returns its path
   */
  async packageAs(version: string): Promise<string> {
    const folder = join(this.#home, `chart-${version}`);
    cpSync(CHART, folder, { recursive: true });
    const file = join(folder, "Chart.yaml");
    writeFileSync(file, stringify({ ...parse(readFileSync(file, "utf8")), version }));
    const definition = join(folder, "files/crds/podconfigmapconfig_crd.yaml");
    writeFileSync(definition, stringify(withoutColumns(parse(readFileSync(definition, "utf8")))));
    await this.run("package", folder, "--destination", this.#home);
    return join(this.#home, `podconfigmap-controller-${version}.tgz`);
  }

  [Symbol.dispose](): void {
    rmSync(this.#home, { recursive: true, force: true });
  }
}
