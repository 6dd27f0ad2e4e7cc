import {
  type Client,
  ForbiddenError,
  type KubernetesObject,
  type ObjectKey,
  type Resource,
  ServiceAccounts,
  type Stored,
} from "@pcmc/controller-runtime";
import type { DaemonSet, Deployment } from "kubernetes-types/apps/v1.d.ts";
import { Deployments } from "../../podlogreader/sources.ts";
import { AGENT, NAME } from "../../rbac/names.ts";
import { ClusterRoleBindings, RoleBindings } from "../../rbac/resources.ts";
import type { Setting } from "../../settings/setting.ts";
import { settingsTable } from "../../settings/table.ts";
import { DaemonSets, Services } from "../doctor/resources.ts";
import { InputError } from "../io.ts";
import { flagValue } from "./command-line.ts";
import type { StoredMetadata } from "./deletion.ts";

/** Where things are when nobody says: as in manifests/. */
const DEFAULT_NAMESPACE = "default";

/** Labels by which all that comes with the operator is found. */
export const OWN_SELECTOR = `app.kubernetes.io/name in (${NAME}, ${AGENT.name})`;

/** The label alone can be anybody's: what is ours has our name too. */
export const isOwn = ({ name }: { readonly name: string }): boolean =>
  name === NAME || name === AGENT.name || name.startsWith(`${NAME}-`);

/** The release of Helm that an object is of. */
export const releaseOf = ({ annotations }: Pick<StoredMetadata, "annotations">): string | undefined =>
  annotations?.["meta.helm.sh/release-name"];

/** What of an installation its removal has to know. */
export interface Installation {
  readonly namespace: string;
  /** Whether anything of it was found there, but for what bears no label. */
  readonly isFound: boolean;
  /** Other namespaces where something of an installation is. */
  readonly others: readonly string[];
  readonly lock: ObjectKey;
  readonly secret: ObjectKey;
  /** What its Pods run as, or ran: with the chart, users name the manager's. Absent = none is known. */
  readonly accounts?: readonly string[];
  /** The release of Helm that it belongs to. */
  readonly release: string | undefined;
}

type Workload = Stored<Deployment> | Stored<DaemonSet>;

/**
 * Finds out where the operator is installed.
 *
 * @param given - the namespace that the user named; without it the one where a Deployment or DaemonSet of ours is, or else what is
 *   left of an installation.
 * @throws InputError when there are several.
 */
export const findInstallation = async (client: Client, given: string | undefined): Promise<Installation> => {
  const all: readonly Workload[] = [
    ...(await ownOf(client, Deployments, given)),
    ...(await ownOf(client, DaemonSets, given)),
  ];
  const working = unique(all.map(({ metadata }) => metadata.namespace));
  const traces = await tracesOf(client, given);
  const remains = unique([...working, ...traces.map((trace) => trace.namespace)]);
  const found = working.length > 0 ? working : remains;
  if (given === undefined && found.length > 1) {
    throw new InputError([`it is installed in several namespaces: name one by --namespace: ${found.join(", ")}`]);
  }
  const namespace = given ?? found[0] ?? DEFAULT_NAMESPACE;
  const workloads = all.filter(({ metadata }) => metadata.namespace === namespace);
  // A run before this one may have ended the manager already.
  const left = traces.filter((trace) => trace.namespace === namespace);
  const managers = workloads.filter(({ metadata }) => metadata.name === NAME);
  const { leaderElectionLockName, leaderElectionLockNamespace, webhookSecretName } = settingsTable;
  const lockNamespace = managers.length > 0 ? leaderElectionLockNamespace.default : namespace;
  return {
    namespace,
    isFound: remains.includes(namespace),
    others: remains.filter((one) => one !== namespace),
    lock: {
      namespace: textOf(managers, leaderElectionLockNamespace) ?? lockNamespace,
      name: textOf(managers, leaderElectionLockName) ?? leaderElectionLockName.default,
    },
    secret: { namespace, name: textOf(managers, webhookSecretName) ?? webhookSecretName.default },
    accounts: unique([
      ...workloads.map(({ spec }) => spec?.template.spec?.serviceAccountName),
      ...(managers.length > 0 ? [] : left.map(({ account }) => account)),
    ]),
    release: [...workloads.map(({ metadata }) => releaseOf(metadata)), ...left.map(({ release }) => release)].find(
      Boolean,
    ),
  };
};

const unique = (names: readonly (string | undefined)[]): readonly string[] =>
  [...new Set(names.flatMap((name) => name || []))].sort();

/** Something that can be left when the workloads are gone, and what it tells of the installation. */
interface Trace {
  readonly namespace: string | undefined;
  /** Is bound to a role of ours. */
  readonly account?: string;
  readonly release: string | undefined;
}

const tracesOf = async (client: Client, given: string | undefined): Promise<readonly Trace[]> => {
  const placed = [...(await ownOf(client, ServiceAccounts, given)), ...(await ownOf(client, Services, given))];
  const bindings = [
    ...(await ownOf(client, RoleBindings, given)),
    ...(await ownOf(client, ClusterRoleBindings, given)),
  ];
  return [
    ...placed.map(({ metadata }) => ({ namespace: metadata.namespace, release: releaseOf(metadata) })),
    ...bindings.flatMap(({ metadata, subjects = [] }) =>
      subjects.map(({ namespace, name }) => ({ namespace, account: name, release: releaseOf(metadata) })),
    ),
  ];
};

/** Of all namespaces; who may not look there names one, or means the default one. */
const ownOf = async <T extends KubernetesObject>(
  client: Client,
  resource: Resource<T>,
  given: string | undefined,
): Promise<readonly Stored<T>[]> => {
  const namespaces = given !== undefined && resource.namespaced ? [undefined, given] : [undefined];
  for (const namespace of namespaces) {
    try {
      const { items } = await client.list(resource, { namespace, labelSelector: OWN_SELECTOR });
      return items.filter(({ metadata }) => isOwn(metadata));
    } catch (error) {
      if (!(error instanceof ForbiddenError)) throw error;
    }
  }
  return [];
};

/** What the manager is given by its command line, or else its environment. */
const textOf = (managers: readonly Workload[], { flag, env: variable }: Setting<unknown>): string | undefined => {
  for (const { args = [], env = [] } of managers.flatMap(({ spec }) => spec?.template.spec?.containers ?? [])) {
    const text = flagValue(args, flag) || env.find(({ name }) => name === variable)?.value;
    if (text) return text;
  }
  return undefined;
};
