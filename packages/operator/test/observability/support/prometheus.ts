import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { findProgram, freePort } from "@pcmc/devcluster";
import { stringify } from "yaml";
import { eventually } from "../../integration/support/eventually.ts";

/** Why tests with a Prometheus cannot run here; `undefined` where they can. */
export const noPrometheus = findProgram("prometheus") === undefined ? "needs the Debian package prometheus" : undefined;

export type Labels = Readonly<Record<string, string>>;

/** One series at one time. */
export interface Value {
  readonly metric: Labels;
  /** Seconds, and the value as text. */
  readonly value: readonly [number, string];
}

/** One series over time. */
export interface Curve {
  readonly metric: Labels;
  readonly values: readonly (readonly [number, string])[];
}

export interface RuleState {
  readonly name: string;
  readonly health: string;
  readonly lastError?: string;
  readonly state: string;
}

export interface PrometheusWish {
  /** `host:port` by job. */
  readonly jobs: Readonly<Record<string, readonly string[]>>;
  /** Path of a file with rules. */
  readonly rules: string;
  /** Between two scrapes, and the longest that one may take. Default: 1s, so that rates are there in seconds. */
  readonly interval?: string;
}

/** A real Prometheus, that scrapes as docs/how-to/monitor.md says. */
export class Prometheus implements AsyncDisposable {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #said: Promise<string>;

  private constructor({ port, folder }: { readonly port: number; readonly folder: string }) {
    this.url = `http://127.0.0.1:${port}`;
    this.#folder = folder;
    const args = [
      `--config.file=${folder}/prometheus.yml`,
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--log.level=warn",
    ];
    const child = spawn(findProgram("prometheus") ?? "", args, { stdio: ["ignore", "ignore", "pipe"] });
    this.#child = child;
    this.#said = text(child.stderr);
  }

  /** Starts one; resolves when it answers. @throws what it says when it does not start. */
  static async start({ jobs, rules, interval = "1s" }: PrometheusWish): Promise<Prometheus> {
    const folder = await mkdtemp(join(tmpdir(), "pcmc-prometheus-"));
    const config = {
      global: { scrape_interval: interval, evaluation_interval: interval },
      rule_files: [rules],
      scrape_configs: Object.entries(jobs).map(([job, targets]) => ({
        job_name: job,
        honor_labels: true,
        static_configs: [{ targets }],
      })),
    };
    await writeFile(join(folder, "prometheus.yml"), stringify(config));
    const started = new Prometheus({ port: await freePort(), folder });
    try {
      await eventually("Prometheus is ready", async () => (await fetch(`${started.url}/-/ready`)).ok);
    } catch (error) {
      await started[Symbol.asyncDispose]();
      throw new Error(`Prometheus does not start: ${await started.#said}`, { cause: error });
    }
    return started;
  }

  /** What an expression comes to now. @throws where Prometheus cannot parse or evaluate it. */
  async query(expr: string): Promise<readonly Value[]> {
    const { result } = await this.#get<{ readonly result: readonly Value[] }>("query", { query: expr });
    return result;
  }

  /** What it came to, from `start` to `end`; all in seconds. */
  async queryRange(
    expr: string,
    { start, end, step }: { readonly start: number; readonly end: number; readonly step: number },
  ): Promise<readonly Curve[]> {
    const range = { start: String(start), end: String(end), step: String(step) };
    const { result } = await this.#get<{ readonly result: readonly Curve[] }>("query_range", { query: expr, ...range });
    return result;
  }

  /** @throws where Prometheus cannot parse the expression; a query of an instant would tell of what has no values yet too. */
  async parse(expr: string): Promise<void> {
    await this.#get("format_query", { query: expr });
  }

  /** Names of the metrics that targets tell of, also those that have no series; histograms without their suffixes. */
  async metrics(): Promise<ReadonlySet<string>> {
    return new Set(Object.keys(await this.#get<Readonly<Record<string, unknown>>>("metadata")));
  }

  /** Names of the labels that series of a metric have; none where it has no series. */
  async labelsOf(metric: string): Promise<readonly string[]> {
    return await this.#get("labels", { "match[]": metric });
  }

  /** Values of a label, of the series that match. */
  async labelValues(label: string, match: string): Promise<readonly string[]> {
    return await this.#get(`label/${label}/values`, { "match[]": match });
  }

  async rules(): Promise<readonly RuleState[]> {
    const { groups } = await this.#get<{ readonly groups: readonly { readonly rules: readonly RuleState[] }[] }>(
      "rules",
    );
    return groups.flatMap((group) => group.rules);
  }

  async #get<T>(path: string, parameters: Readonly<Record<string, string>> = {}): Promise<T> {
    const response = await fetch(`${this.url}/api/v1/${path}?${new URLSearchParams(parameters)}`);
    const answer = (await response.json()) as { readonly data: T; readonly error?: string };
    if (!response.ok) throw new Error(`${path} ${JSON.stringify(parameters)}: ${answer.error}`);
    return answer.data;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exit = once(this.#child, "exit");
      this.#child.kill("SIGTERM");
      await exit;
    }
    await rm(this.#folder, { recursive: true });
  }
}
