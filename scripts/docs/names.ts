import { defineProgram } from "../../packages/operator/src/cli/definitions.ts";
import { processIo } from "../../packages/operator/src/cli/io.ts";
import { agentSettingsList } from "../../packages/operator/src/settings/agent-table.ts";
import { settingsList } from "../../packages/operator/src/settings/table.ts";
import type { CodeSpan, Page } from "./markdown.ts";
import { descendants } from "./pcmc-lines.ts";

/** Variables of the environment that are not settings of the manager or the agent: whose they are. */
const OTHER_VARIABLES: Readonly<Record<string, readonly string[]>> = {
  kubectl: ["KUBECONFIG", "NO_COLOR"],
  "the tests": ["CHAOS_SEEDS", "CHAOS_STORY", "CHAOS_LOG_LEVEL", "CHAOS_LOG_LINES", "CHAOS_SHRINK_SECONDS"],
  "the dev cluster": ["KUBEBUILDER_ASSETS", "KUBERNETES_VERSION", "XDG_CACHE_HOME"],
  Node: ["NODE_OPTIONS", "NODE_COMPILE_CACHE", "MALLOC_TRIM_THRESHOLD_"],
  "the image build": ["SOURCE_DATE_EPOCH", "BASE_IMAGE", "IMAGE_FLAGS"],
};

/** Words in capitals that are no variables: capabilities, constants of the kernel, parts of tables that are generated. */
const NO_VARIABLE =
  /^(CAP_|BPF_|CONFIG_|RLIMIT_|AF_|O_|SO_|TCP_|IPPROTO_|NET_(ADMIN|RAW)$|SYS_(ADMIN|RESOURCE|PTRACE)$|CREATE_SA|MAX_|DEFAULT_)/;
const VARIABLE = /(?<![\w.$/-])[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+_?(?![\w/])/g;

/** Flags of other programs that pages name in running text. */
const OTHER_FLAGS: ReadonlySet<string> = new Set([
  "--cascade",
  "--dry-run",
  "--field-selector",
  "--max-request-bytes",
  "--max-semi-space-size",
  "--ownership",
  "--privileged",
  "--server-side",
  "--service-account-max-token-expiration",
  "--set",
  "--set-json",
  "--skip-crds",
  "--force-conflicts",
  "--subresource",
  "--take-ownership",
  "--v8-pool-size",
  "--wait",
  "--check",
  "--node",
  "--rounds",
  "--pods",
  "--json",
  "--keep",
  "--overwrite",
  "--prune",
  "--reset-then-reuse-values",
  "--reuse-values",
  "--atomic",
  "--include-crds",
  "--values",
  "--namespace",
  "--create-namespace",
  "--no-hooks",
  "--timeout",
  "--all",
  "--install",
  "--history-max",
  "--cleanup-on-fail",
  "--rollback-on-failure",
]);

const METRIC =
  /(?<![\w.-])(?:podconfigmap_controller|workqueue|rest_client|controller_runtime|leader_election|informer|process|nodejs)_[a-z0-9_]*[a-z0-9](?![\w*])/g;

/** Where metrics are told with their types and labels; tests compare that page with what is exported. */
const METRICS_PAGE = "docs/reference/metrics.md";

/** Decisions tell of what was, and of what was not taken. */
const isChecked = (page: Page): boolean => !page.path.startsWith("docs/decisions/") && page.path !== "CHANGELOG.md";

const textsOf = (page: Page): readonly CodeSpan[] => [
  ...page.spans,
  ...page.fences.filter(({ info }) => info !== "text").map(({ text, line }) => ({ text, line })),
];

/** Variables that no setting has: `FILE:LINE: name`. */
export const unknownVariables = (pages: readonly Page[]): readonly string[] => {
  const settings = [...settingsList, ...agentSettingsList].flatMap(({ setting: { env } }) => env ?? []);
  const known = new Set([...settings, ...Object.values(OTHER_VARIABLES).flat()]);
  return found(pages, textsOf, ({ text }) =>
    (text.match(VARIABLE) ?? []).filter((name) => !known.has(name) && !NO_VARIABLE.test(name)),
  );
};

/** Flags that none of our commands has: `FILE:LINE: --flag`. */
export const unknownFlags = (pages: readonly Page[]): readonly string[] => {
  const program = defineProgram({ io: processIo, name: "pcmc", setExitCode: () => {} });
  const ours = [program, ...descendants(program)].flatMap(({ options }) => options.flatMap(({ long }) => long ?? []));
  const known = new Set([...ours, "--help", ...OTHER_FLAGS]);
  return found(
    pages,
    ({ spans }) => spans,
    ({ text }) => [/^--[a-z][a-z0-9-]*/.exec(text)?.[0] ?? []].flat().filter((flag) => !known.has(flag)),
  );
};

/** Metrics that are neither on the page of metrics, which tests compare with what is exported, nor in the code: `FILE:LINE: name`. */
export const unknownMetrics = (pages: readonly Page[], { table, code }: MetricSources): readonly string[] => {
  const listed = [...table.matchAll(/^\| `(\w+)` \| (?:counter|gauge|histogram) \|/gm)].map(([, name]) => name);
  const written = [...code.matchAll(/"([a-z]+(?:_[a-z0-9]+)+)"/g)].map(([, name]) => name);
  // Behind a prefix that the code has as a constant.
  const ends = [...code.matchAll(/`\$\{\w+\}_?([a-z]+(?:_[a-z0-9]+)+)`/g)].map(([, end = ""]) => `_${end}`);
  const known = new Set([...listed, ...written]);
  const isNamed = (name: string) => known.has(name) || ends.some((end) => name.endsWith(end));
  const isKnown = (name: string) => isNamed(name) || isNamed(name.replace(/_(bucket|sum|count)$/, ""));
  const others = pages.filter(({ path }) => path !== METRICS_PAGE);
  return found(others, textsOf, ({ text }) => (text.match(METRIC) ?? []).filter((name) => !isKnown(name)));
};

/** Where metrics have their names from. */
export interface MetricSources {
  /** The text of docs/reference/metrics.md. */
  readonly table: string;
  /** Of the code that registers them. */
  readonly code: string;
}

const found = (
  pages: readonly Page[],
  texts: (page: Page) => readonly CodeSpan[],
  faults: (text: CodeSpan) => readonly string[],
): readonly string[] =>
  pages
    .filter(isChecked)
    .flatMap((page) =>
      texts(page).flatMap((text) => faults(text).map((fault) => `${page.path}:${text.line}: ${fault}`)),
    );
