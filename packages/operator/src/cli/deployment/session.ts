import {
  type CallOptions,
  Client,
  type ClusterConfig,
  ConnectionError,
  DeadlineError,
  describe,
  loadClusterConfig,
  UnauthorizedError,
} from "@pcmc/controller-runtime";
import { InputError, type Io } from "../io.ts";
import { version } from "../version.ts";

/** Which cluster and namespace, as kubectl's flags say it. */
export interface ClusterFlags {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace?: string;
}

/** A cluster that a command works with. */
export interface Session {
  readonly config: ClusterConfig;
  readonly client: Client;
  /** That of the flags, else that of the kubeconfig's context. */
  readonly namespace: string;
}

/** Of one call. Who waits at a terminal wants to hear of trouble soon. */
export const CALL: CallOptions = { timeout: 15_000, retries: 3 };
export const USER_AGENT = `pcmc/${version}`;

/**
 * Works with the cluster of a kubeconfig, or the one that this Pod runs in.
 *
 * @throws InputError with one line when there is no cluster, it does not answer, or it says no.
 */
export const withCluster = async <T>(
  { namespace, ...flags }: ClusterFlags,
  { env }: Pick<Io, "env">,
  work: (session: Session) => Promise<T>,
): Promise<T> => {
  const config = await loadClusterConfig({ flags, env }).catch((error: unknown) => {
    throw new InputError([describe(error)]);
  });
  const client = new Client(config, { userAgent: USER_AGENT });
  try {
    return await work({ config, client, namespace: namespace || config.namespace });
  } catch (error) {
    throw error instanceof InputError ? error : new InputError([troubleOf(error, config)]);
  } finally {
    await client.close();
    config.close();
  }
};

const troubleOf = (error: unknown, { server, source }: ClusterConfig): string => {
  if (error instanceof ConnectionError || error instanceof DeadlineError) {
    return `cannot reach the API server ${server}: ${describe(error)}`;
  }
  if (error instanceof UnauthorizedError) {
    return `the API server ${server} does not accept the credentials of ${source}: ${describe(error)}`;
  }
  return describe(error);
};
