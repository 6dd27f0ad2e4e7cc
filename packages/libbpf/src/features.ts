import { probeBatch, probeBtf, probeCgroupLink, probeMapType, probeProgramType, probeRawTracepoint } from "./probe.ts";

interface FeatureRow {
  /** The first Linux release that has it, where its configuration allows. From the kernel's history, not probed. */
  readonly since: string;
  readonly what: string;
  readonly probe: () => boolean;
}

const table = {
  cgroup_skb: {
    since: "4.10",
    what: "programs that judge a cgroup's packets",
    probe: () => probeProgramType("cgroup_skb"),
  },
  raw_tracepoint: {
    since: "4.17",
    what: "programs at raw tracepoints",
    probe: () => probeProgramType("raw_tracepoint") && probeRawTracepoint(),
  },
  cgroup_link: {
    since: "5.7",
    what: "links that attach to cgroups, can be pinned and updated",
    probe: probeCgroupLink,
  },
  hash: { since: "3.19", what: "hash maps", probe: () => probeMapType("hash") },
  array: { since: "3.19", what: "array maps", probe: () => probeMapType("array") },
  percpu_hash: { since: "4.6", what: "hash maps with a value of each CPU", probe: () => probeMapType("percpu_hash") },
  percpu_array: {
    since: "4.6",
    what: "array maps with a value of each CPU",
    probe: () => probeMapType("percpu_array"),
  },
  lru_hash: { since: "4.10", what: "hash maps that forget what is used least", probe: () => probeMapType("lru_hash") },
  lpm_trie: { since: "4.11", what: "maps of prefixes", probe: () => probeMapType("lpm_trie") },
  array_of_maps: { since: "4.12", what: "arrays of maps", probe: () => probeMapType("array_of_maps") },
  hash_of_maps: { since: "4.12", what: "hash maps of maps", probe: () => probeMapType("hash_of_maps") },
  ringbuf: { since: "5.8", what: "ring buffers", probe: () => probeMapType("ringbuf") },
  batch: { since: "5.6", what: "many entries of a hash map with one call", probe: () => probeBatch("hash") },
  percpu_batch: {
    since: "5.13",
    what: "many entries of a per-CPU array with one call",
    probe: () => probeBatch("percpu_array"),
  },
  btf: { since: "5.4", what: "the kernel's types, for CO-RE", probe: probeBtf },
} as const satisfies Readonly<Record<string, FeatureRow>>;

export type FeatureName = keyof typeof table;

export interface Feature {
  readonly name: FeatureName;
  /** What it is, in a few words. */
  readonly what: string;
  /** Asked of this kernel, not taken from its version. */
  readonly supported: boolean;
  /** The first Linux release that has it, such as `5.7`: from the kernel's history. Distributions carry some further back. */
  readonly since: string;
}

const names = Object.keys(table).filter((name): name is FeatureName => Object.hasOwn(table, name));

/** Asks the kernel for one feature. Needs no more than CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON. @throws BpfError `EPERM` */
export const probeFeature = (name: FeatureName): Feature => {
  const { since, what, probe } = table[name];
  return { name, what, since, supported: probe() };
};

/** All features, or those that are named. @throws BpfError `EPERM`, with what is missing */
export const probeFeatures = (wanted: readonly FeatureName[] = names): readonly Feature[] => wanted.map(probeFeature);
