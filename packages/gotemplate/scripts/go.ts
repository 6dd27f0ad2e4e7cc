import { execFileSync, spawnSync } from "node:child_process";
import { accessSync, constants, cpSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Path of the `go` command on PATH. */
export const findGo = (env: NodeJS.ProcessEnv): string | undefined =>
  (env.PATH ?? "")
    .split(delimiter)
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, "go"))
    .find(isExecutable);

const isExecutable = (file: string): boolean => {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

/** Such as `go1.26.8`. */
export const goVersion = (go: string): string => execFileSync(go, ["env", "GOVERSION"], { encoding: "utf8" }).trim();

/** Files of modules that the WebAssembly build replaces, by the file in go/_stand-in. */
const STAND_INS: Readonly<Record<string, string>> = {
  "sprig-crypto.go": "github.com/Masterminds/sprig/v3/crypto.go",
  "sprig-network.go": "github.com/Masterminds/sprig/v3/network.go",
  "goutils-cryptorandomstringutils.go": "github.com/Masterminds/goutils/cryptorandomstringutils.go",
};

/** Where to build. */
export interface Compilation {
  /** Path of the `go` command. */
  readonly go: string;
  /** Folder of the Go module. */
  readonly source: string;
  /** Folder for temporary files. */
  readonly folder: string;
}

/**
 * Builds both programs, in a copy of the module: the native renderer as it stands, the WebAssembly module with its
 * stand-ins, which take cryptography and network off, a third of its size. The same sources give the same bytes, wherever
 * they are.
 */
export const compile = ({ go, source, folder }: Compilation) => {
  const stage = mkdtempSync(join(folder, ".build-"));
  const remove = (): void => rmSync(stage, { recursive: true, force: true });
  const run = (args: readonly string[], env: NodeJS.ProcessEnv = {}): void => {
    const { status, stderr, error } = spawnSync(go, args, {
      cwd: join(stage, "go"),
      env: { ...process.env, CGO_ENABLED: "0", GOWORK: "off", GOFLAGS: "", ...env },
      encoding: "utf8",
    });
    if (error) throw error;
    if (status !== 0) throw new Error(`go ${args.join(" ")} failed:\n${stderr.trim()}`);
  };
  const flags = ["-trimpath", "-buildvcs=false", "-ldflags=-s -w"];
  const [native, wasm] = [join(stage, "native"), join(stage, "wasm")];
  try {
    cpSync(source, join(stage, "go"), { recursive: true });
    run(["build", ...flags, "-mod=readonly", "-o", native, "./cmd/native"]);
    run(["mod", "vendor"]);
    for (const file of readdirSync(join(source, "_stand-in"))) {
      const replaced = STAND_INS[file];
      if (replaced === undefined) throw new Error(`go/_stand-in/${file} stands in for nothing`);
      cpSync(join(source, "_stand-in", file), join(stage, "go/vendor", replaced));
    }
    const wasi = { GOOS: "wasip1", GOARCH: "wasm", GOWASM: "" };
    run(["build", ...flags, "-mod=vendor", "-buildmode=c-shared", "-o", wasm, "./cmd/wasm"], wasi);
  } catch (error) {
    remove();
    throw error;
  }
  return { native, wasm, remove };
};
