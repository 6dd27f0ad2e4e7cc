import {
  type Client,
  ForbiddenError,
  type KubernetesObject,
  type ObjectKey,
  type Resource,
  type Stored,
} from "@pcmc/controller-runtime";
import type { DaemonSet, Deployment } from "kubernetes-types/apps/v1.d.ts";
import { Deployments } from "../../podlogreader/sources.ts";
import { AGENT, NAME } from "../../rbac/names.ts";
import { settingsTable } from "../../settings/table.ts";
import { DaemonSets } from "../doctor/resources.ts";
import { InputError } from "../io.ts";

/** Where things are when nobody says: as in manifests/. */
const DEFAULT_NAMESPACE = "default";

/** Labels by which all that comes with the operator is found. */
export const OWN_SELECTOR = `app.kubernetes.io/name in (${NAME}, ${AGENT.name})`;

/** What of an installation its removal has to know. */
export interface Installation {
  readonly namespace: string;
  readonly lock: ObjectKey;
  readonly secret: ObjectKey;
  /** The release of Helm that it belongs to. */
  readonly release: string | undefined;
}

/**
 * Finds out where the operator is installed.
 *
 * @param given - the namespace that the user named; without it the one where a Deployment or DaemonSet of ours is.
 * @throws InputError when there are several.
 */
export const findInstallation = async (client: Client, given: string | undefined): Promise<Installation> => {
  const workloads = [
    ...(await workloadsOf<Deployment>(client, Deployments, given)),
    ...(await workloadsOf<DaemonSet>(client, DaemonSets, given)),
  ];
  const namespaces = [...new Set(workloads.map(({ metadata }) => metadata.namespace ?? ""))].sort();
  if (namespaces.length > 1) {
    throw new InputError([`it is installed in several namespaces: name one by --namespace: ${namespaces.join(", ")}`]);
  }
  const namespace = given ?? namespaces[0] ?? DEFAULT_NAMESPACE;
  const env = environmentOf(workloads);
  return {
    namespace,
    lock: {
      namespace: env.get("LEADER_ELECTION_LOCK_NAMESPACE") ?? (workloads.length > 0 ? DEFAULT_NAMESPACE : namespace),
      name: env.get("LEADER_ELECTION_LOCK_NAME") ?? settingsTable.leaderElectionLockName.default,
    },
    secret: { namespace, name: env.get("WEBHOOK_SECRET_NAME") ?? settingsTable.webhookSecretName.default },
    release: workloads.map(({ metadata }) => metadata.annotations?.["meta.helm.sh/release-name"]).find(Boolean),
  };
};

/** Who may not look into all namespaces names one, or means the default one. */
const workloadsOf = async <T extends KubernetesObject & (Deployment | DaemonSet)>(
  client: Client,
  resource: Resource<T>,
  namespace: string | undefined,
): Promise<readonly Stored<T>[]> => {
  try {
    const { items } = await client.list(resource, { namespace, labelSelector: OWN_SELECTOR });
    return items.filter(({ metadata }) => metadata.name === NAME || metadata.name === AGENT.name);
  } catch (error) {
    if (error instanceof ForbiddenError) return [];
    throw error;
  }
};

/** The settings that the manager is given by its environment. */
const environmentOf = (workloads: readonly (Deployment | DaemonSet)[]): ReadonlyMap<string, string> =>
  new Map(
    workloads
      .filter(({ metadata }) => metadata?.name === NAME)
      .flatMap(({ spec }) => spec?.template.spec?.containers ?? [])
      .flatMap(({ env = [] }) => env)
      .flatMap(({ name, value }) => (value ? [[name, value] as const] : [])),
  );
