import {
  type CallOptions,
  Client,
  ConfigMaps,
  ConnectionError,
  DeadlineError,
  describe,
  type ListOptions,
  loadClusterConfig,
  NotFoundError,
  Pods,
} from "@pcmc/controller-runtime";
import { type ParsedConfig, parsePodConfigMapConfig } from "../../podconfigmap/config.ts";
import { PodConfigMapConfigs } from "../../podconfigmap/sources.ts";
import { metadataOf, text } from "../input/object.ts";
import { InputError, type Io } from "../io.ts";
import type { TimeLimit } from "../time-limit.ts";
import { version } from "../version.ts";
import type { PreviewConfig } from "./inputs.ts";
import type { LiveScene } from "./plan-live.ts";
import type { NamedPod } from "./pods.ts";

/** Which cluster, as kubectl's flags say it. */
export interface ClusterFlags {
  readonly kubeconfig: string | undefined;
  readonly context: string | undefined;
  readonly namespace: string | undefined;
}

interface ReadOptions {
  readonly env: Io["env"];
  readonly limit: Pick<TimeLimit, "left" | "signal">;
}

/** Who waits at a terminal wants to hear of trouble soon. */
const RETRIES = 3;
/** Part of the time left for one call: what it has to say of its failure is worth more than that the time is up. */
const CALL_SHARE = 0.9;

/**
 * Reads the namespaces of the PodConfigMapConfigs: their own, else that of the flags, else that of the kubeconfig's context.
 *
 * @throws InputError with one line when there is no cluster, or it does not answer or allow it.
 */
export const readScenes = async (
  configs: readonly PreviewConfig[],
  flags: ClusterFlags,
  { env, limit }: ReadOptions,
): Promise<readonly LiveScene[]> => {
  const config = await loadClusterConfig({ flags, env }).catch((error: unknown) => {
    const hint = Object.values(flags).some(Boolean) ? "" : "; to preview without a cluster, give Pods with --pod";
    throw new InputError([`${describe(error)}${hint}`]);
  });
  const client = new Client(config, { userAgent: `pcmc/${version}` });
  try {
    const call = { timeout: limit.left * CALL_SHARE, retries: RETRIES, signal: limit.signal };
    const usual = flags.namespace ?? config.namespace;
    const byNamespace = Map.groupBy(configs, ({ manifest }) => text(metadataOf(manifest).namespace) || usual);
    for (const [namespace, shown] of byNamespace) checkNames(namespace, shown);
    const scenes = [...byNamespace].map(([namespace, shown]) => readScene(client, { namespace, shown, call }));
    return await Promise.all(scenes);
  } catch (error) {
    throw error instanceof InputError ? error : new InputError([troubleOf(error, config.server)]);
  } finally {
    await client.close();
    config.close();
  }
};

const checkNames = (namespace: string, configs: readonly PreviewConfig[]): void => {
  const byName = Map.groupBy(configs, ({ parsed }) => parsed.name);
  const twice = [...byName].filter(([, all]) => all.length > 1).map(([name]) => name);
  if (twice.length > 0) throw new InputError([`${twice.join(", ")}: given more than once for namespace ${namespace}`]);
};

interface SceneWish {
  readonly namespace: string;
  readonly shown: readonly PreviewConfig[];
  readonly call: CallOptions;
}

const readScene = async (client: Client, { namespace, shown, call }: SceneWish): Promise<LiveScene> => {
  const options = { ...call, namespace };
  const [pods, configs, configMaps] = await Promise.all([
    client.list(Pods, options),
    storedConfigs(client, options),
    client.list(ConfigMaps, options),
  ]);
  const names = new Set(shown.map(({ parsed }) => parsed.name));
  return {
    namespace,
    // The boundary: a namespaced object of an API server has a namespace.
    pods: pods.items as NamedPod[],
    configs: [...configs.filter(({ name }) => !names.has(name)), ...shown.map(({ parsed }) => parsed)],
    shown: names,
    configMaps: configMaps.items,
  };
};

/** Those of the namespace now; none where their CRD is not installed yet. */
const storedConfigs = async (client: Client, options: ListOptions): Promise<readonly ParsedConfig[]> => {
  try {
    return (await client.list(PodConfigMapConfigs, options)).items.map(parsePodConfigMapConfig);
  } catch (error) {
    if (error instanceof NotFoundError) return [];
    throw error;
  }
};

const troubleOf = (error: unknown, server: string): string => {
  if (error instanceof ConnectionError || error instanceof DeadlineError) {
    return `cannot reach the API server ${server}: ${describe(error)}`;
  }
  return describe(error);
};
