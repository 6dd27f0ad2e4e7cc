/*
 * The program as it is shipped: a bundle that needs no node_modules, with the commands' modules loaded when they are asked
 * for. `node scripts/bundle.ts` writes it to dist/pcmc.
 */
import { existsSync } from "node:fs";
import { copyFile, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Metafile } from "esbuild";
import { BPF_OBJECTS, OBJECTS } from "./bpf.ts";

const pathOf = (file: string) => fileURLToPath(new URL(`../${file}`, import.meta.url));

/** Where `make bundle` puts it. */
export const BUNDLE = pathOf("dist/pcmc");
/** What is run, below `BUNDLE`. */
export const PROGRAM = "src/pcmc.js";

/** CommonJS packages inside the bundle ask for Node's own modules by `require`. */
const REQUIRE = `import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);`;

/**
 * Bundles the operator into `outdir`, in the place of what is there: whoever reads it meanwhile finds all of it, and what does
 * not build changes nothing. Template engine and worker lie as they do in their package, and so
 * do the programs for the kernel, of both architectures: the bundle is the same on each.
 */
export const bundle = async (outdir: string): Promise<void> => {
  await mkdir(dirname(outdir), { recursive: true });
  const next = `${outdir}.next-${process.pid}`;
  const before = `${outdir}.before-${process.pid}`;
  try {
    const contents = await bundleInto(next);
    if (existsSync(outdir)) await rename(outdir, before);
    await rename(next, outdir);
    await writeFile(contentsOf(outdir), `${JSON.stringify(contents)}\n`);
  } finally {
    await Promise.all([next, before].map((folder) => rm(folder, { recursive: true, force: true })));
  }
};

const bundleInto = async (outdir: string): Promise<BundleContents> => {
  const { metafile } = await build({
    absWorkingDir: pathOf("."),
    entryPoints: { pcmc: "packages/operator/src/cli/main.ts", worker: "packages/gotemplate/src/worker.ts" },
    outdir: `${outdir}/src`,
    chunkNames: "[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node24",
    minifySyntax: true,
    minifyWhitespace: true,
    banner: { js: REQUIRE },
    external: ["*.node"],
    legalComments: "linked",
    logLevel: "warning",
    metafile: true,
  });
  await copyNativeCalls(outdir);
  await writeFile(`${outdir}/package.json`, `${JSON.stringify({ type: "module" })}\n`);
  await mkdir(`${outdir}/dist`, { recursive: true });
  await copyFile(pathOf("packages/gotemplate/dist/gotemplate.wasm"), `${outdir}/dist/gotemplate.wasm`);
  // Elsewhere than on Linux there are none, and no agent.
  if (process.platform !== "linux") return contents(metafile, outdir);
  for (const object of OBJECTS) {
    await mkdir(dirname(`${outdir}/dist/bpf/${object}`), { recursive: true });
    await copyFile(`${BPF_OBJECTS}/${object}`, `${outdir}/dist/bpf/${object}`);
  }
  return contents(metafile, outdir);
};

/** What is in a bundle: for images, which leave out what they have no use for, and for lists of what is in them. */
export interface BundleContents {
  /** Folders of the npm packages, below the checkout, whose code is in what every command needs; sorted. */
  readonly packages: readonly string[];
  /** The agent's alone: files below `src/` that call into the kernel, or are loaded along with one that does; their packages. */
  readonly agent: { readonly files: readonly string[]; readonly packages: readonly string[] };
}

/** Beside a bundle, not in it: `dist/pcmc.json`. */
export const contentsOf = (outdir: string): string => `${outdir}.json`;

const contents = ({ outputs }: Metafile, outdir: string): BundleContents => {
  const agent = new Set<string>();
  const isAgents = ({ imports, inputs: parts }: Metafile["outputs"][string]) =>
    Object.keys(parts).some((path) => path.startsWith("packages/libbpf/") || path.includes("node_modules/koffi/")) ||
    imports.some(({ path, kind }) => kind === "import-statement" && agent.has(path));
  // Until no chunk is added: one that imports one that imports ...
  for (let before = -1; before < agent.size; ) {
    before = agent.size;
    for (const [path, output] of Object.entries(outputs)) if (isAgents(output)) agent.add(path);
  }
  const below = relative(pathOf("."), `${outdir}/src/`);
  const of = (isWanted: (path: string) => boolean) =>
    packagesOf(Object.entries(outputs).filter(([path]) => isWanted(path)));
  const packages = of((path) => !agent.has(path));
  return {
    packages,
    agent: {
      files: [...agent].map((path) => relative(below, path)).sort(),
      packages: of((path) => agent.has(path)).filter((folder) => !packages.includes(folder)),
    },
  };
};

const packagesOf = (outputs: readonly (readonly [string, Metafile["outputs"][string]])[]): string[] => {
  const inputs = outputs.flatMap(([, output]) => Object.keys(output.inputs));
  const folders = inputs.flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []);
  return [...new Set(folders)].sort();
};

/** koffi's names of what nodes run: Linux with glibc. */
const NATIVE = ["linux_x64", "linux_arm64"];

/** koffi requires its native part by a path beside itself, which in the bundle is beside the chunks. */
const copyNativeCalls = async (outdir: string): Promise<void> => {
  const koffi = dirname(createRequire(pathOf("packages/libbpf/package.json")).resolve("koffi/package.json"));
  for (const platform of NATIVE) {
    const file = `build/koffi/${platform}/koffi.node`;
    await mkdir(dirname(`${outdir}/src/${file}`), { recursive: true });
    await copyFile(join(koffi, file), `${outdir}/src/${file}`);
  }
};

if (import.meta.main) await bundle(BUNDLE);
