import {
  type AbortSource,
  Backoff,
  type Clock,
  DeadlineError,
  describe,
  firstOf,
  type Informer,
  type KeyString,
  keyString,
  type Logger,
  type Projection,
  type Random,
  type Stored,
  untilAborted,
} from "@pcmc/controller-runtime";
import type { TemplateEngine, TemplateError, TemplateSet } from "@pcmc/gotemplate";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import type { ParsedConfig } from "./config.ts";
import { describeFault, type Rendering } from "./desired.ts";
import type { Failure } from "./outcomes.ts";
import { PARSE_DEADLINE } from "./parse-deadline.ts";
import { faultOf, renderingOf, renderPod } from "./render.ts";
import { parsedConfig, type Sources } from "./sources.ts";
import { podProjection } from "./template-reads.ts";

export interface TemplatesOptions {
  /** Parses and renders; the caller closes it. */
  readonly engine: Pick<TemplateEngine, "compileAll">;
  readonly sources: Pick<Sources, "pods" | "configs">;
  readonly log: Logger;
  readonly clock: Clock;
  readonly random: Random;
}

/** Between two tries to parse what was not parsed in time: each takes a worker from all others for all of it. */
const RETRY = { initial: 10_000, factor: 2, cap: 300_000, jitter: 0.5, resetAfter: 3_600_000 };

/** The templates of a spec. */
interface Compiled {
  /** What they are: a status that is written makes no new ones. */
  readonly text: string;
  readonly set: Promise<TemplateSet>;
  /** Aborted when one of them has taken all its time for some Pod. */
  readonly slow: AbortController;
  readonly retry: Backoff;
  /** What the cache of Pods must hold for them; known once they are parsed. */
  reads?: Projection;
  /** They were not parsed in time, which says nothing of them: until then, by the clock, they are not parsed again. */
  lateUntil?: number;
}

/**
 * The templates of all cached PodConfigMapConfigs, parsed once for each version, in every replica: the cache of Pods is
 * asked for what they read as soon as they are seen, so that a new leader need not begin with that.
 *
 * Templates that have taken all their time once are rendered one at a time from then on, whosoever they are: one without end
 * would take every worker of the engine from all others, for each of its Pods.
 */
export class Templates {
  readonly #engine: Pick<TemplateEngine, "compileAll">;
  readonly #pods: Informer<Pod>;
  readonly #configs: Sources["configs"];
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #compiled = new Map<KeyString, Compiled>();
  #slowOneRuns = false;

  constructor({ engine, sources, log, clock, random }: TemplatesOptions) {
    this.#engine = engine;
    this.#clock = clock;
    this.#random = random;
    this.#pods = sources.pods;
    this.#configs = sources.configs;
    this.#log = log;
    sources.configs.onChange(({ type, object }) => {
      const config = parsedConfig(object);
      if (type === "deleted" || config.spec.templates.size === 0) this.#compiled.delete(keyOf(config));
      else this.#of(config);
    });
  }

  /** Resolves when the templates of `config` are parsed. @throws what the engine throws when it cannot work; the signal's reason. */
  async parsed(config: ParsedConfig, signal: AbortSource): Promise<void> {
    await untilAborted(this.#of(config).set, signal);
  }

  /** Whether the Pods in the cache have all that the templates of `config` read: else there is none to render from. */
  isRead(config: ParsedConfig): boolean {
    const { reads } = this.#of(config);
    return reads !== undefined && this.#pods.holds(reads, config.namespace);
  }

  /** Milliseconds until templates that were not parsed in time are parsed again; 0 = they are not waited for. */
  pauseOf(config: ParsedConfig): number {
    const { lateUntil = 0 } = this.#of(config);
    return Math.max(0, lateUntil - this.#clock.now());
  }

  /**
   * What the templates of `config` give for a Pod that was in the cache when `isRead`; `undefined` = not now, it is not the
   * turn of a slow one.
   *
   * @throws as `parsed`.
   */
  async render(pod: Stored<Pod>, config: ParsedConfig, signal: AbortSignal): Promise<Rendering | undefined> {
    const compiled = this.#of(config);
    const set = await untilAborted(compiled.set, signal);
    const render = (end: AbortSignal) => renderPod(pod, config.name, set, { signal: end });
    const rendered = await (compiled.slow.signal.aborted
      ? this.#inTurn(() => render(signal))
      : this.#untilSlow(compiled, render, signal));
    if (rendered?.errors.some(isLate)) compiled.slow.abort();
    return rendered && renderingOf(rendered);
  }

  /** What does not parse of the templates of `config`. @throws as `render`. */
  async problems(config: ParsedConfig, signal: AbortSource): Promise<readonly Failure[]> {
    if (config.spec.templates.size === 0) return [];
    const { errors } = await untilAborted(this.#of(config).set, signal);
    const late = errors.find(isLate);
    // That says nothing of the template, and is no fault of ours: it is parsed again.
    if (late !== undefined) throw new DeadlineError("parsing the templates", PARSE_DEADLINE, { last: late });
    return errors.map((error) => ({ reason: "TemplateError", message: describeFault(faultOf(error)) }));
  }

  /** One at a time; `undefined` where another one is at it. */
  async #inTurn<T>(render: () => Promise<T>): Promise<T | undefined> {
    if (this.#slowOneRuns) return undefined;
    this.#slowOneRuns = true;
    try {
      return await render();
    } finally {
      this.#slowOneRuns = false;
    }
  }

  /** Renders; `undefined` when the same templates turn out to be slow for another Pod meanwhile. */
  async #untilSlow<T>(
    { slow }: Compiled,
    render: (signal: AbortSignal) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T | undefined> {
    using end = firstOf(signal, slow.signal);
    try {
      return await render(end.signal);
    } catch (error) {
      if (slow.signal.aborted && !signal.aborted) return undefined;
      throw error;
    }
  }

  #of(config: ParsedConfig): Compiled {
    const key = keyOf(config);
    const text = textOf(config);
    const known = this.#compiled.get(key);
    const same = known?.text === text ? known : undefined;
    if (same !== undefined && !this.#isDue(same)) return same;
    const set = this.#engine.compileAll(sourcesOf(config), { deadline: PARSE_DEADLINE });
    const retry = same?.retry ?? new Backoff(RETRY, this.#clock, this.#random);
    const compiled: Compiled = { text, set, slow: new AbortController(), retry };
    // A reconcile may still be at a version that is no more: its templates are not kept.
    const { uid, generation } = this.#configs.get(key)?.metadata ?? {};
    if (uid === config.uid && generation === config.generation) this.#compiled.set(key, compiled);
    this.#parsed(compiled).catch((error: unknown) => {
      // The engine's trouble, not the templates'. Whoever waits for them hears of it, and the next to ask tries again.
      this.#forget(key, compiled);
      this.#log.debug("templates cannot be parsed now", { pcmc: key, cause: describe(error) });
    });
    return compiled;
  }

  async #parsed(compiled: Compiled): Promise<void> {
    const { reads, errors } = await compiled.set;
    if (errors.some(isLate)) {
      compiled.lateUntil = this.#clock.now() + compiled.retry.next();
      return;
    }
    const projection = podProjection(reads);
    this.#pods.widen(projection);
    compiled.reads = projection;
  }

  #isDue({ lateUntil }: Compiled): boolean {
    return lateUntil !== undefined && this.#clock.now() >= lateUntil;
  }

  #forget(key: KeyString, compiled: Compiled): void {
    if (this.#compiled.get(key) === compiled) this.#compiled.delete(key);
  }
}

const sourcesOf = ({ spec }: ParsedConfig): Readonly<Record<string, string>> => Object.fromEntries(spec.templates);

const texts = new WeakMap<ParsedConfig, string>();

/** Asked for several times for each Pod, of templates of up to 1 MiB: written once for each version. */
const textOf = (config: ParsedConfig): string => {
  const known = texts.get(config);
  if (known !== undefined) return known;
  const text = JSON.stringify(sourcesOf(config));
  texts.set(config, text);
  return text;
};

const isLate = ({ reason }: TemplateError): boolean => reason === "deadline";

const keyOf = ({ namespace, name }: ParsedConfig): KeyString => keyString(namespace, name);
