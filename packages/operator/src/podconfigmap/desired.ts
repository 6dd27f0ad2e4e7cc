import type { ExistingConfigMap } from "../controllers/digested-config-maps.ts";
import { type ParsedConfig, type Problem, selects } from "./config.ts";
import { type Data, dataOf, fits, MAX_DATA_BYTES, sizeOf } from "./data.ts";
import { chooseName, hashedName, type NameLookups, type Pair, pairsOf } from "./names.ts";
import { isOurs } from "./ownership.ts";
import type { DesiredConfigMap, PodView } from "./views.ts";

/** Why a PodConfigMapConfig has no up-to-date ConfigMap for a Pod. What exists stays as it is. */
export type FailureReason = "InvalidSelector" | "TooLarge" | "TemplateError" | "NotRendered";

/** What a Pod should have of one PodConfigMapConfig. */
export type Settlement =
  | {
      readonly kind: "desired";
      readonly pcmc: string;
      readonly configMap: DesiredConfigMap;
      /** Parts of the spec that are left out of the ConfigMap; each makes `Ready=False`. */
      readonly warnings: readonly Problem[];
    }
  | {
      readonly kind: "failed";
      readonly pcmc: string;
      readonly reason: FailureReason;
      readonly message: string;
      /** With `TemplateError`: every template that failed. */
      readonly faults?: readonly TemplateFault[];
    };

/** Why one template gives no value for a Pod. */
export interface TemplateFault {
  /** The data key of the template. */
  readonly key: string;
  /** Where in the template, both counted from 1; absent where it has no place, such as a deadline. */
  readonly line?: number;
  readonly column?: number;
  readonly message: string;
  /** It may be another time: the template took too long where others run too. */
  readonly mayPass?: boolean;
}

/** The outcome of rendering all templates of one PodConfigMapConfig for one Pod: all values, or every template that failed. */
export type Rendering =
  | { readonly ok: true; readonly data: Data }
  | { readonly ok: false; readonly faults: readonly TemplateFault[] };

/** What there is in the Pod's namespace. The lookups are asked for few names: they may be reads of a cache. */
export interface NamespaceState {
  /** All PodConfigMapConfigs of the namespace, none twice. */
  readonly configs: readonly ParsedConfig[];
  pod(name: string): PodView | undefined;
  configMap(name: string): ExistingConfigMap | undefined;
  /**
   * What the templates of `config` gave for `pod`. Rendering takes time and a deadline: it is done beforehand, and this
   * looks its outcome up. Called once for each matching config that has templates; `undefined` = they are not rendered yet.
   */
  readonly rendered?: (config: ParsedConfig, pod: PodView) => Rendering | undefined;
}

/** The configs that select `pod`; none for a terminating Pod. Those whose selector cannot be read are not among them. */
export const selectedBy = (pod: PodView, configs: readonly ParsedConfig[]): readonly ParsedConfig[] =>
  pod.deletionTimestamp === undefined ? configs.filter((config) => selects(config, pod.labels)) : [];

/**
 * What `pod` should have: one entry for each PodConfigMapConfig that selects it, and one for each whose selector cannot be
 * read. Nothing for a terminating Pod: what it has stays for the garbage collector.
 */
export const desiredConfigMaps = (pod: PodView, state: NamespaceState): readonly Settlement[] => {
  if (pod.deletionTimestamp !== undefined) return [];
  const lookups = nameLookups(pod, state);
  return state.configs.flatMap((config): Settlement[] => {
    const { selector } = config.spec;
    if (!selector.ok) return [failed(config, "InvalidSelector", `podSelector: ${selector.errors.join("; ")}`)];
    return selector.selector.matches(pod.labels) ? [settle(pod, config, { lookups, rendered: state.rendered })] : [];
  });
};

interface SettleOptions {
  readonly lookups: NameLookups;
  readonly rendered: NamespaceState["rendered"];
}

const settle = (pod: PodView, config: ParsedConfig, { lookups, rendered }: SettleOptions): Settlement => {
  const rendering = config.spec.templates.size === 0 ? NO_TEMPLATES : rendered?.(config, pod);
  if (rendering === undefined) return failed(config, "NotRendered", "the templates are not rendered yet");
  if (!rendering.ok) {
    const { faults } = rendering;
    return { ...failed(config, "TemplateError", describeFaults(faults)), faults };
  }
  const data = dataOf(pod, config.spec, rendering.data);
  if (!fits(data)) return failed(config, "TooLarge", tooLarge(sizeOf(data)));
  const name = chooseName({ pod: pod.name, pcmc: config.name }, lookups);
  const configMap = { name, namespace: pod.namespace, data };
  return { kind: "desired", pcmc: config.name, configMap, warnings: config.problems };
};

const NO_TEMPLATES: Rendering = { ok: true, data: {} };

/** Faults that are told one after the other; of more, all places come first, for where a message is cut. */
const FEW = 3;

const describeFaults = (faults: readonly TemplateFault[]): string => {
  const told = faults.map(describeFault).join("; ");
  return faults.length <= FEW ? told : `${faults.length} keys fail, at ${faults.map(placeOf).join(", ")}: ${told}`;
};

/** `app.conf:3:7: no entry for key "zone"`: as compilers write it, the key in place of the file. */
export const describeFault = (fault: TemplateFault): string => `${placeOf(fault)}: ${fault.message}`;

const placeOf = ({ key, line, column }: TemplateFault): string =>
  line === undefined ? key : `${key}:${line}:${column ?? 1}`;

const tooLarge = (bytes: number): string =>
  `the values hold ${bytes} bytes, a ConfigMap at most ${MAX_DATA_BYTES}: include less, or shorten the templates`;

const failed = (
  { name }: ParsedConfig,
  reason: FailureReason,
  message: string,
): Extract<Settlement, { readonly kind: "failed" }> => ({
  kind: "failed",
  pcmc: name,
  reason,
  message,
});

const nameLookups = (self: PodView, { configs, pod, configMap }: NamespaceState): NameLookups => {
  // The Pod in hand counts, not a newer or older one of the cache.
  const podOf = (name: string) => (name === self.name ? self : pod(name));
  const configOf = (name: string) => configs.find((config) => config.name === name);
  return {
    isSelected: (pair) => {
      const live = podOf(pair.pod);
      const config = configOf(pair.pcmc);
      return live !== undefined && config !== undefined && selectedBy(live, [config]).length > 0;
    },
    holdsHashed: (pair) => owns(pair, podOf(pair.pod), configMap(hashedName(pair))),
    holderOf: (readable) => {
      const existing = configMap(readable);
      if (existing === undefined) return undefined;
      const holders = pairsOf(readable).filter((pair) => {
        const live = podOf(pair.pod);
        const config = configOf(pair.pcmc);
        return live !== undefined && config !== undefined && mayHold(live, config) && owns(pair, live, existing);
      });
      // Marks that contradict each other can speak for two pairs: both must come to the same one.
      return holders.reduce<Pair | undefined>(
        (first, pair) => (first && first.pcmc < pair.pcmc ? first : pair),
        undefined,
      );
    },
  };
};

/** Whether what a pair has is left to it: a terminating Pod keeps its ConfigMap, an unreadable selector touches none. */
const mayHold = (pod: PodView, config: ParsedConfig): boolean =>
  !config.spec.selector.ok || selects(config, pod.labels);

const owns = ({ pcmc }: Pair, pod: PodView | undefined, existing: ExistingConfigMap | undefined): boolean =>
  pod !== undefined && existing !== undefined && isOurs(existing.metadata, { pcmc, podUid: pod.uid });
