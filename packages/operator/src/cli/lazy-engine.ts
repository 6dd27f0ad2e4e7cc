import type { CompileOptions, EngineOptions, TemplateEngine, TemplateSet } from "@pcmc/gotemplate";

/** A template engine that is loaded and made when the first template comes: most files have none. */
export class LazyEngine implements AsyncDisposable {
  readonly #options: EngineOptions;
  #engine: Promise<TemplateEngine> | undefined;

  constructor(options: EngineOptions = {}) {
    this.#options = options;
  }

  /** As the engine's. */
  async compileAll(sources: Readonly<Record<string, string>>, options?: CompileOptions): Promise<TemplateSet> {
    return (await this.#made()).compileAll(sources, options);
  }

  #made(): Promise<TemplateEngine> {
    if (this.#engine !== undefined) return this.#engine;
    const engine = import("@pcmc/gotemplate").then(({ createEngine }) => createEngine(this.#options));
    this.#engine = engine;
    // The next to ask tries again.
    engine.catch(() => {
      if (this.#engine === engine) this.#engine = undefined;
    });
    return engine;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // One that could not be made has been told by whoever wanted it.
    const engine = await this.#engine?.catch(() => undefined);
    await engine?.close();
  }
}
