import { type Clock, type Projection, type Stored, sleep } from "@pcmc/controller-runtime";
import type { Deployment } from "kubernetes-types/apps/v1.d.ts";
import type { ResourceQuota } from "kubernetes-types/core/v1.d.ts";
import type { Role } from "kubernetes-types/rbac/v1.d.ts";
import type { PodConfigMapConfig } from "../../api/podconfigmapconfig.ts";
import type { Watcher } from "../../api/watcher.ts";
import { PodConfigMapConfigs } from "../../podconfigmap/sources.ts";
import { MANAGED_BY_SELECTOR } from "../../podlogreader/names.ts";
import { isAffiliated } from "../../podlogreader/role.ts";
import { Deployments } from "../../podlogreader/sources.ts";
import { Roles } from "../../rbac/resources.ts";
import { Watchers } from "../../watcher/watchers.ts";
import { type Leftovers, readLeftovers } from "./leftovers.ts";
import type { Listed, Reader } from "./reader.ts";
import { ResourceQuotas } from "./resources.ts";
import { known, type Seen } from "./seen.ts";

export type Configs = Seen<Listed<Stored<PodConfigMapConfig>> | undefined>;

/** What users have asked for, and what became of it. */
export interface ResourceFacts {
  readonly configs: Configs;
  readonly watchers: Seen<Listed<Stored<Watcher>> | undefined>;
  /** Those that podlogreader is asked to look after. */
  readonly deployments: Seen<readonly Stored<Deployment>[]>;
  readonly roles: Seen<Listed<Stored<Role>> | undefined>;
  readonly quotas: Seen<Listed<Stored<ResourceQuota>> | undefined>;
  readonly leftovers: Seen<Leftovers>;
}

const CONFIG_FIELDS: Projection = { spec: { ebpfConfig: true }, status: true };
const WATCHER_FIELDS: Projection = { status: true };
const DEPLOYMENT_FIELDS: Projection = { spec: { template: { metadata: { labels: true } } } };
const ROLE_FIELDS: Projection = { metadata: { annotations: true } };

/** Read before all else about them: agents are judged by it too. */
export const readConfigs = (reader: Reader): Promise<Configs> =>
  reader.list(PodConfigMapConfigs, { project: CONFIG_FIELDS });

export const readResources = async (
  reader: Reader,
  configs: Configs,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<ResourceFacts> => {
  const [watchers, deployments, roles, quotas, leftovers] = await Promise.all([
    reader.list(Watchers, { project: WATCHER_FIELDS }),
    reader.list(Deployments, { project: DEPLOYMENT_FIELDS }),
    reader.list(Roles, { labelSelector: MANAGED_BY_SELECTOR, project: ROLE_FIELDS }),
    reader.list(ResourceQuotas),
    readLeftovers(reader, () => sleep(clock, 2_000, signal).catch(() => {})),
  ]);
  return {
    configs,
    watchers,
    roles,
    quotas,
    leftovers,
    deployments:
      deployments.kind === "seen"
        ? { kind: "seen", value: (deployments.value?.items ?? []).filter(isAffiliated) }
        : deployments,
  };
};

/** The PodConfigMapConfigs that ask for something in the kernel: `namespace/name`. */
export const ebpfWishes = (configs: Configs): readonly string[] =>
  (known(configs)?.items ?? [])
    .filter(({ spec }) => spec?.ebpfConfig?.l4Firewall?.enabled || spec?.ebpfConfig?.syscallMonitoring?.enabled)
    .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
