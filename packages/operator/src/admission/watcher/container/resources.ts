import type { WatcherSpec } from "../../../api/watcher.ts";
import { amountOf } from "../../../watcher/quantity.ts";
import { error, type Finding, warning } from "../../finding.ts";

const NATIVE = /^(cpu|memory|ephemeral-storage|hugepages-.+)$/;
/** A domain that is not Kubernetes' own, and a name. Source: Kubernetes' `IsExtendedResourceName`. */
const EXTENDED = /^(?!requests[.])[a-z0-9]([-a-z0-9.]*[a-z0-9])?\/([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$/;

const PAGES = "hugepages-";

type Amounts = Readonly<Record<string, unknown>>;

/** What can be wrong with requests and limits. */
export const resourceFindings = ({ container }: WatcherSpec): readonly Finding[] => {
  const {
    requests = {},
    limits = {},
    claims = [],
  }: { requests?: Amounts; limits?: Amounts; claims?: readonly unknown[] } = container.resources ?? {};
  const at = (...steps: readonly string[]) => ["spec", "container", "resources", ...steps];
  return [
    ...amountFaults(at("limits"), limits),
    ...amountFaults(at("requests"), requests),
    ...Object.keys(requests).flatMap((name) => requestFaults(at("requests", name), requests[name], limits[name])),
    ...pageFaults(at(), limits, requests),
    ...(claims.length === 0
      ? []
      : [warning(at("claims"), "refers to claims of each Pod: a Pod without them in spec.resourceClaims is refused")]),
  ];
};

const isDevice = (name: string): boolean => name.includes("/");
/** What a node cannot give away twice: it is requested and limited by the same amount. */
const isFixed = (name: string): boolean => isDevice(name) || name.startsWith(PAGES);

const amountFaults = (path: Finding["path"], amounts: Amounts): readonly Finding[] =>
  Object.entries(amounts).flatMap(([name, amount]) => {
    if (!NATIVE.test(name) && !EXTENDED.test(name)) {
      return [error([...path, name], "is no resource: use cpu, memory, ephemeral-storage, or a name with a domain")];
    }
    const fault = portionFault(name, amount);
    return fault === undefined ? [] : [error([...path, name], `${fault}, not ${String(amount)}`)];
  });

/** Devices and pages come as wholes. */
const portionFault = (name: string, amount: unknown): string | undefined => {
  const value = Number(amountOf(amount));
  if (isDevice(name)) return Number.isInteger(value) ? undefined : "must be a whole number";
  if (!name.startsWith(PAGES)) return undefined;
  const page = name.slice(PAGES.length);
  const pages = value / Number(amountOf(page));
  return Number.isInteger(pages) && pages > 0 ? undefined : `must be a multiple of ${page}`;
};

/** A container with huge pages has to say how much of something else it needs too. */
const pageFaults = (path: Finding["path"], ...all: readonly Amounts[]): readonly Finding[] => {
  const names = all.flatMap((amounts) => Object.keys(amounts));
  if (!names.some((name) => name.startsWith(PAGES)) || names.some((name) => name === "cpu" || name === "memory"))
    return [];
  return [error(path, "has huge pages, which need cpu or memory beside them: add one", "FieldValueRequired")];
};

const requestFaults = (path: Finding["path"], request: unknown, limit: unknown): readonly Finding[] => {
  const name = String(path.at(-1));
  if (limit === undefined) {
    return isFixed(name) ? [error(path, "needs a limit of the same amount: add it", "FieldValueRequired")] : [];
  }
  const [requested, limited] = [amountOf(request), amountOf(limit)];
  if (typeof requested !== "number" || typeof limited !== "number" || requested === limited) return [];
  if (requested > limited)
    return [error(path, `must be at most the limit: ${String(request)} is more than ${String(limit)}`)];
  return isFixed(name) ? [error(path, `must be the limit, ${String(limit)}, not ${String(request)}`)] : [];
};
