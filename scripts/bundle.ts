/*
 * The program as it is shipped: a bundle that needs no node_modules, with the commands' modules loaded when they are asked
 * for. `node scripts/bundle.ts` writes it to dist/pcmc.
 */
import { copyFile, mkdir, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { BPF_OBJECTS, OBJECTS } from "./bpf.ts";

const pathOf = (file: string) => fileURLToPath(new URL(`../${file}`, import.meta.url));

/** Where `make bundle` puts it. */
export const BUNDLE = pathOf("dist/pcmc");
/** What is run, below `BUNDLE`. */
export const PROGRAM = "src/pcmc.js";

/** CommonJS packages inside the bundle ask for Node's own modules by `require`. */
const REQUIRE = `import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);`;

/**
 * Bundles the operator into `outdir`, which is emptied first. Template engine and worker lie as they do in their package, and so
 * do the programs for the kernel, of both architectures: the bundle is the same on each.
 */
export const bundle = async (outdir: string): Promise<void> => {
  await rm(outdir, { recursive: true, force: true });
  await build({
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
  });
  await copyNativeCalls(outdir);
  await writeFile(`${outdir}/package.json`, `${JSON.stringify({ type: "module" })}\n`);
  await mkdir(`${outdir}/dist`, { recursive: true });
  await copyFile(pathOf("packages/gotemplate/dist/gotemplate.wasm"), `${outdir}/dist/gotemplate.wasm`);
  // Elsewhere than on Linux there are none, and no agent.
  if (process.platform !== "linux") return;
  for (const object of OBJECTS) {
    await mkdir(dirname(`${outdir}/dist/bpf/${object}`), { recursive: true });
    await copyFile(`${BPF_OBJECTS}/${object}`, `${outdir}/dist/bpf/${object}`);
  }
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
