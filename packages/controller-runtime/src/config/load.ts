import { type Clock, systemClock } from "../clock.ts";
import type { Logger } from "../log.ts";
import type { ClusterConfig } from "./cluster-config.ts";
import { isMissing, readText } from "./files.ts";
import { type Environment, inClusterConfig, isInCluster } from "./in-cluster.ts";
import { homeKubeconfig, kubeconfigConfig } from "./kubeconfig.ts";

export interface LoadClusterConfigOptions {
  readonly flags?: {
    /** `--kubeconfig`: one file, which must exist. */
    readonly kubeconfig?: string | undefined;
    /** `--context`: a context of a kubeconfig. With it, the service account of a Pod is not looked at. */
    readonly context?: string | undefined;
  };
  /** Default `process.env`. */
  readonly env?: Environment;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** See `InClusterOptions`. */
  readonly serviceAccountFolder?: string;
}

/**
 * Finds the cluster, in the order of Go's controller-runtime: `--kubeconfig`, `KUBECONFIG`, the service account of the
 * Pod we run in, `~/.kube/config`. What is named must work: a broken `KUBECONFIG` is an error, never a reason to talk
 * to another cluster.
 *
 * @throws Error with one line that says what was tried.
 */
export const loadClusterConfig = async (options: LoadClusterConfigOptions = {}): Promise<ClusterConfig> => {
  const { flags = {}, env = process.env, clock = systemClock, logger, serviceAccountFolder } = options;
  const common = { env, clock, context: flags.context || undefined, ...(logger !== undefined && { logger }) };
  if (flags.kubeconfig) return kubeconfigConfig({ ...common, path: flags.kubeconfig });
  if (env.KUBECONFIG || flags.context) return kubeconfigConfig(common);

  const tried = ["--kubeconfig and KUBECONFIG are not set"];
  try {
    const folder = serviceAccountFolder === undefined ? {} : { folder: serviceAccountFolder };
    return await inClusterConfig({ ...common, ...folder });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    tried.push(isInCluster(env) ? `in the cluster: ${reason}` : reason);
  }
  const home = homeKubeconfig(env);
  if (home !== undefined && (await exists(home))) return kubeconfigConfig({ ...common, path: home });
  tried.push(home === undefined ? "no home folder" : `${home}: no such file`);
  throw new Error(`no cluster configuration: ${tried.join("; ")}`);
};

const exists = async (path: string): Promise<boolean> => {
  try {
    await readText(path);
    return true;
  } catch (error) {
    // A file that is there but cannot be read is an error to report, not a missing one.
    return !isMissing(error);
  }
};
