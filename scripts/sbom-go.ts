/** A Go module inside a program. */
export interface GoModule {
  readonly path: string;
  /** `v1.2.3`. */
  readonly version: string;
}

/** What a program built by Go says of itself, as `go version -m` shows it. */
export interface GoBuild {
  /** Without `go`: `1.26.0`. */
  readonly go: string;
  /** Whose code is in it, sorted by path. */
  readonly modules: readonly GoModule[];
}

/** What frames the text in the program: runtime/debug's `modinfo`, cmd/go/internal/modload `infoStart` and `infoEnd`. */
const START = Buffer.from("3077af0c9274080241e1c107e6d618e6", "hex");
const END = Buffer.from("f932433186182072008242104116d8f2", "hex");

/** runtime.Version of a release, which stands in every program. */
const VERSION = /go(1\.\d+\.\d+)/;

/**
 * What a program is built from. `go version -m` does not read WebAssembly; what it reads elsewhere is in it all the same.
 *
 * @throws when it is not there: a program that is not Go's, or one that was built without modules
 */
export const goBuildOf = (program: Buffer): GoBuild => {
  const start = program.indexOf(START);
  const end = program.indexOf(END, start);
  const [, go] = VERSION.exec(program.toString("latin1")) ?? [];
  if (start < 0 || end < 0 || go === undefined) throw new Error("the program does not say what Go built it from");
  const text = program.toString("utf8", start + START.length, end);
  const modules = text.split("\n").flatMap((line) => {
    const [kind, path, version] = line.split("\t");
    return kind === "dep" && path && version ? [{ path, version }] : [];
  });
  return { go, modules: modules.sort((a, b) => (a.path < b.path ? -1 : 1)) };
};
