import type { ParsedConfig } from "../../podconfigmap/config.ts";
import type { Inputs } from "./inputs.ts";
import type { Scene } from "./scene.ts";

/**
 * The namespaces that the files speak of. A PodConfigMapConfig that names none is in each of them, as `kubectl apply -n`
 * could put it there; one of the same name that does name it comes first.
 */
export const offlineScenes = ({ configs, pods }: Pick<Inputs, "configs" | "pods">): readonly Scene[] => {
  const podsOf = Map.groupBy(pods, ({ metadata }) => metadata.namespace);
  const parsed = configs.map((config) => config.parsed);
  const own = parsed.map(({ namespace }) => namespace).filter((namespace) => namespace !== "");
  return [...new Set([...podsOf.keys(), ...own])].map((namespace) => {
    const here = configsIn(namespace, parsed);
    return {
      namespace,
      pods: podsOf.get(namespace) ?? [],
      configs: here,
      shown: new Set(here.map(({ name }) => name)),
    };
  });
};

const configsIn = (namespace: string, configs: readonly ParsedConfig[]): readonly ParsedConfig[] => {
  const own = configs.filter((config) => config.namespace === namespace);
  const names = new Set(own.map(({ name }) => name));
  return configs.filter((config) => own.includes(config) || (config.namespace === "" && !names.has(config.name)));
};
