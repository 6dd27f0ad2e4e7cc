import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startCluster } from "@pcmc/devcluster";
import { type Block, blocksOf } from "./blocks.ts";
import type { Fence, Page } from "./markdown.ts";
import { missingLines } from "./output.ts";
import { ROOT } from "./pages.ts";
import { StandIn } from "./stand-in.ts";

/** Programs that pages type, besides those of the machine: name -> path. */
export type Programs = Readonly<Record<string, string>>;

/** Milliseconds that the commands of a page may take. */
const PAGE = 240_000;

/**
 * Runs all commands of a page in their order, in one shell, against a cluster of their own with simulated nodes. The shell stands in a
 * folder that looks like a checkout, so that what a page writes ends with it.
 *
 * A comment `file: NAME` above a block of another kind puts it into that file before the next command; a `console` block behind
 * a block of commands is what it prints (see `missingLines`); a comment `before: COMMAND` above a block of commands is run before it, for
 * what readers do not need; a comment `start: operator` anywhere on the page installs the operator first.
 *
 * @returns what went wrong, `FILE:LINE: what`.
 */
export const runPage = async (page: Page, programs: Programs): Promise<readonly string[]> => {
  const blocks = blocksOf(page).filter(({ treatment }) => treatment.kind === "run");
  if (blocks.length === 0) return [];
  const folder = await mkdtemp(join(tmpdir(), "pcmc-docs-"));
  try {
    await using cluster = await startCluster({ nodes: 2 });
    await using standIn = new StandIn(cluster);
    const script = await stage(page, blocks, { folder, programs });
    const env = { KUBECONFIG: cluster.kubeconfig, HOME: folder, NO_COLOR: "1" };
    await run(script, { folder, env });
    const faults = await judge(blocks, folder);
    return faults.length > 0 ? [...faults, standIn.said] : [];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

interface Stage {
  readonly folder: string;
  readonly programs: Programs;
}

/** Prepares the folder. @returns the path of the script that runs the blocks. */
const stage = async (page: Page, blocks: readonly Block[], { folder, programs }: Stage): Promise<string> => {
  const checkout = join(folder, "checkout");
  for (const path of [checkout, join(folder, "bin"), join(folder, "out")]) await mkdir(path);
  for (const name of await readdir(ROOT)) if (name !== ".git") await symlink(join(ROOT, name), join(checkout, name));
  for (const [name, path] of Object.entries(programs)) await symlink(path, join(folder, "bin", name));
  const isOperatorThere = page.comments.includes("start: operator");
  const parts = [
    `export PATH=${folder}/bin:${ROOT}bin:${ROOT}node_modules/.bin:$PATH`,
    "cd checkout",
    ...(isOperatorThere ? [`( ${START} ) > ${folder}/out/start 2>&1`] : []),
  ];
  for (const fence of page.fences) parts.push(...(await partOf(fence, blocks, folder)));
  const script = join(folder, "script");
  await writeFile(script, `set -e -o pipefail\n${parts.join("\n")}\n`);
  return script;
};

const START =
  "kubectl apply -f crd/ -f manifests/rbac.yaml -f manifests/deployment.yaml -f manifests/webhooks.yaml && " +
  "kubectl wait --for=create lease/podconfigmap-controller-lock --timeout=30s && " +
  "until kubectl get validatingwebhookconfiguration podconfigmap-controller -o jsonpath='{.webhooks[*].clientConfig.url}' | grep -q 127; do sleep 0.2; done";

const partOf = async (fence: Fence, blocks: readonly Block[], folder: string): Promise<readonly string[]> => {
  const [file] = fence.comments.flatMap((comment) => /^file: (\S+)$/.exec(comment)?.[1] ?? []);
  if (file !== undefined) {
    const kept = join(folder, "out", `file-${fence.line}`);
    await writeFile(kept, `${fence.text}\n`);
    return [`mkdir -p "$(dirname ${file})" && cp ${kept} ${file}`];
  }
  const block = blocks.find((one) => one.fence === fence);
  if (block === undefined) return [];
  const out = join(folder, "out", String(fence.line));
  const place = fence.comments.includes("in: the repository") ? ROOT : "$PWD";
  return [
    `pushd "${place}" > /dev/null`,
    // Apart: what a block says that it prints, it has to print itself.
    ...(block.before.length > 0 ? [`{\n${block.before.join("\n")}\n} > ${out}.before 2>&1`] : []),
    // Braces: what a block sets, the next one has.
    `{\n${fence.text}\n} > ${out} 2>&1`,
    `touch ${out}.done`,
    "popd > /dev/null",
  ];
};

const run = async (
  script: string,
  { folder, env }: { readonly folder: string; readonly env: Readonly<Record<string, string>> },
): Promise<void> => {
  const child = spawn("bash", [script], {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "inherit"],
    detached: true,
  });
  const { pid } = child;
  const end = () => {
    // The whole group: a page may leave something in the background.
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  };
  const late = setTimeout(end, PAGE);
  await new Promise((resolve) => child.once("exit", resolve));
  clearTimeout(late);
  try {
    end();
  } catch {
    // Nothing was left.
  }
};

/** The first block that failed, or those whose output is another one. */
const judge = async (blocks: readonly Block[], folder: string): Promise<readonly string[]> => {
  const faults: string[] = [];
  for (const { page, fence, output } of blocks) {
    const out = join(folder, "out", String(fence.line));
    const said = await readFile(out, "utf8").catch(() => "");
    const isDone = await readFile(`${out}.done`).then(
      () => true,
      () => false,
    );
    if (!isDone) {
      const first = await Promise.all(
        [`${out}.before`, join(folder, "out", "start")].map((file) => readFile(file, "utf8").catch(() => "")),
      );
      return [...faults, `${page}:${fence.line}: failed, or was not come to in time:\n${said || first.join("")}`];
    }
    const missing = output === undefined ? [] : missingLines(output, said);
    if (missing.length > 0) faults.push(`${page}:${fence.line}: did not print:\n${missing.join("\n")}\nbut:\n${said}`);
  }
  return faults;
};
