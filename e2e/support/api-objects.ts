import type { Cluster } from "@pcmc/devcluster";

interface ResourceList {
  readonly resources: readonly { readonly name: string; readonly verbs: readonly string[] }[];
}

interface GroupList {
  readonly groups: readonly { readonly name: string; readonly preferredVersion: { readonly groupVersion: string } }[];
}

interface ObjectList {
  readonly items: readonly { readonly metadata?: { readonly name?: string; readonly namespace?: string } }[];
}

/** They tell what happened, and go by themselves. */
const PASSING = ["events", "events.events.k8s.io"];

/** Every object of every kind that the API server can list, as sorted lines: `deployments.apps shop/web`. */
export const apiObjects = async (cluster: Cluster): Promise<readonly string[]> => {
  const { groups } = await cluster.request<GroupList>("GET", "/apis");
  const served = [
    { group: "", path: "/api/v1" },
    ...groups.map(({ name, preferredVersion }) => ({ group: name, path: `/apis/${preferredVersion.groupVersion}` })),
  ];
  const lines: string[] = [];
  for (const { group, path } of served) {
    const { resources } = await cluster.request<ResourceList>("GET", path);
    for (const { name } of resources.filter(({ verbs }) => verbs.includes("list"))) {
      const kind = group === "" ? name : `${name}.${group}`;
      if (PASSING.includes(kind)) continue;
      const { items } = await cluster.request<ObjectList>("GET", `${path}/${name}`);
      lines.push(
        ...items.map(
          ({ metadata: { namespace, name: object = "" } = {} }) =>
            `${kind} ${namespace ? `${namespace}/` : ""}${object}`,
        ),
      );
    }
  }
  return lines.sort();
};
