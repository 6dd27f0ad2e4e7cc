/*
 * The program as it is shipped: a bundle that needs no node_modules, with the commands' modules loaded when they are asked
 * for. `node scripts/bundle.ts` writes it to dist/pcmc.
 */
import { copyFile, mkdir, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const pathOf = (file: string) => fileURLToPath(new URL(`../${file}`, import.meta.url));

/** Where `make bundle` puts it. */
export const BUNDLE = pathOf("dist/pcmc");
/** What is run, below `BUNDLE`. */
export const PROGRAM = "src/pcmc.js";

/** CommonJS packages inside the bundle ask for Node's own modules by `require`. */
const REQUIRE = `import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);`;

/** Bundles the operator into `outdir`, which is emptied first. Template engine and worker lie as they do in their package. */
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
    legalComments: "linked",
    logLevel: "warning",
  });
  await writeFile(`${outdir}/package.json`, `${JSON.stringify({ type: "module" })}\n`);
  await mkdir(`${outdir}/dist`, { recursive: true });
  await copyFile(pathOf("packages/gotemplate/dist/gotemplate.wasm"), `${outdir}/dist/gotemplate.wasm`);
};

if (import.meta.main) await bundle(BUNDLE);
