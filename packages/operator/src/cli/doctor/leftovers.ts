import { GENERATED_BY, POD_UID } from "../../podconfigmap/ownership.ts";
import type { Reader } from "./reader.ts";
import { type Seen, seen } from "./seen.ts";

/** ConfigMaps of ours whose Pod is gone, as far as was looked. */
export interface Leftovers {
  /** `namespace/name` of some. */
  readonly names: readonly string[];
  /** ConfigMaps that were looked at. */
  readonly looked: number;
}

/** Bounds: it is a sample, not a sweep. */
const MOST = { configMaps: 2_000, namespaces: 10, pods: 5_000, page: 500, named: 20 };

const METADATA_ONLY = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json";

interface Item {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  /** Of the Pod that it was made for. */
  readonly podUid: string;
}

/**
 * Looks for ConfigMaps whose Pod is gone, of a bounded part of the cluster, by metadata alone. What is found is looked at once
 * more after a pause: the garbage collector takes a moment.
 */
export const readLeftovers = async (reader: Reader, pause: () => Promise<void>): Promise<Seen<Leftovers>> => {
  const configMaps = await metadataOf(reader, { plural: "configmaps", most: MOST.configMaps });
  if (configMaps.kind !== "seen") return configMaps;
  const looked = configMaps.value.items;
  const namespaces = [...new Set(looked.map(({ namespace }) => namespace))].slice(0, MOST.namespaces);
  const perNamespace = await Promise.all(namespaces.map((namespace) => orphansIn(reader, namespace, looked)));
  const lost = perNamespace.find((each) => each.kind !== "seen");
  if (lost !== undefined) return lost;
  const orphans = perNamespace.flatMap((each) => (each.kind === "seen" ? each.value : [])).slice(0, MOST.named);
  if (orphans.length === 0) return seen({ names: [], looked: looked.length });
  await pause();
  const again = await metadataOf(reader, { plural: "configmaps", most: MOST.configMaps });
  if (again.kind !== "seen") return again;
  const there = new Set(again.value.items.map(({ uid }) => uid));
  const still = orphans.filter(({ uid }) => there.has(uid));
  return seen({ names: still.map(({ namespace, name }) => `${namespace}/${name}`), looked: looked.length });
};

/** Of one namespace; none where it has more Pods than are read. */
const orphansIn = async (reader: Reader, namespace: string, all: readonly Item[]): Promise<Seen<readonly Item[]>> => {
  const pods = await metadataOf(reader, { plural: "pods", namespace, most: MOST.pods });
  if (pods.kind !== "seen") return pods;
  if (!pods.value.complete) return seen([]);
  const uids = new Set(pods.value.items.map(({ uid }) => uid));
  return seen(all.filter((each) => each.namespace === namespace && each.podUid !== "" && !uids.has(each.podUid)));
};

interface Wish {
  readonly plural: "configmaps" | "pods";
  readonly namespace?: string;
  readonly most: number;
}

interface Found {
  readonly items: readonly Item[];
  readonly complete: boolean;
}

const metadataOf = async (reader: Reader, { plural, namespace, most }: Wish): Promise<Seen<Found>> => {
  const items: Item[] = [];
  let next = "";
  do {
    const query = new URLSearchParams({ limit: String(MOST.page) });
    if (plural === "configmaps") query.set("labelSelector", GENERATED_BY);
    if (next !== "") query.set("continue", next);
    const place = namespace === undefined ? "" : `namespaces/${namespace}/`;
    const where = namespace === undefined ? "in all namespaces" : `in namespace ${namespace}`;
    const answer = await reader.ask(`/api/v1/${place}${plural}?${query}`, `list ${plural} ${where}`, METADATA_ONLY);
    if (answer.kind !== "seen") return answer;
    if (answer.value.status !== 200) return { kind: "unread", why: `the API server answers ${answer.value.status}` };
    const page = pageIn(answer.value.text);
    items.push(...page.items);
    next = page.next;
  } while (next !== "" && items.length < most);
  return seen({ items, complete: next === "" });
};

/** What of a list of metadata is read. */
interface Page {
  readonly metadata?: { readonly continue?: string };
  readonly items?: readonly {
    readonly metadata: {
      readonly name: string;
      readonly namespace?: string;
      readonly uid: string;
      readonly labels?: Readonly<Record<string, string>>;
    };
  }[];
}

const pageIn = (text: string): { readonly items: readonly Item[]; readonly next: string } => {
  const page: Page = JSON.parse(text);
  const items = (page.items ?? []).map(({ metadata: { name, namespace = "", uid, labels } }) => ({
    name,
    namespace,
    uid,
    podUid: labels?.[POD_UID] ?? "",
  }));
  return { items, next: page.metadata?.continue ?? "" };
};
