/** Map types by the number that the kernel knows them by (`enum bpf_map_type`), and the release that brought them. */
export const mapTypes = {
  hash: 1,
  array: 2,
  prog_array: 3,
  perf_event_array: 4,
  percpu_hash: 5,
  percpu_array: 6,
  stack_trace: 7,
  cgroup_array: 8,
  lru_hash: 9,
  lru_percpu_hash: 10,
  lpm_trie: 11,
  array_of_maps: 12,
  hash_of_maps: 13,
  devmap: 14,
  sockmap: 15,
  cpumap: 16,
  xskmap: 17,
  sockhash: 18,
  cgroup_storage: 19,
  reuseport_sockarray: 20,
  percpu_cgroup_storage: 21,
  queue: 22,
  stack: 23,
  sk_storage: 24,
  devmap_hash: 25,
  struct_ops: 26,
  ringbuf: 27,
  inode_storage: 28,
  task_storage: 29,
  bloom_filter: 30,
  user_ringbuf: 31,
  cgrp_storage: 32,
  arena: 33,
} as const;

export type MapType = keyof typeof mapTypes;

const mapTypeNames = new Map<number, MapType>();
for (const name of Object.keys(mapTypes)) if (isMapType(name)) mapTypeNames.set(mapTypes[name], name);

function isMapType(name: string): name is MapType {
  return Object.hasOwn(mapTypes, name);
}

/** `undefined` for a type that is newer than this table. */
export const mapTypeName = (type: number): MapType | undefined => mapTypeNames.get(type);

const perCpuTypes: ReadonlySet<MapType> = new Set([
  "percpu_hash",
  "percpu_array",
  "lru_percpu_hash",
  "percpu_cgroup_storage",
]);

/** Whether a lookup gives a value of each CPU. */
export const isPerCpu = (type: MapType | undefined): boolean => type !== undefined && perCpuTypes.has(type);

/** Where a program sits in a cgroup (`enum bpf_attach_type`), by the name without `BPF_CGROUP_`. */
export const cgroupAttachTypes = {
  inet_ingress: 0,
  inet_egress: 1,
  inet_sock_create: 2,
  sock_ops: 3,
  device: 6,
  inet4_bind: 8,
  inet6_bind: 9,
  inet4_connect: 10,
  inet6_connect: 11,
  inet4_post_bind: 12,
  inet6_post_bind: 13,
  udp4_sendmsg: 14,
  udp6_sendmsg: 15,
  sysctl: 18,
  udp4_recvmsg: 19,
  udp6_recvmsg: 20,
  getsockopt: 21,
  setsockopt: 22,
  inet4_getpeername: 29,
  inet6_getpeername: 30,
  inet4_getsockname: 31,
  inet6_getsockname: 32,
  inet_sock_release: 34,
} as const;

export type CgroupAttachType = keyof typeof cgroupAttachTypes;

const cgroupAttachTypeNames = new Map<number, CgroupAttachType>();
for (const name of Object.keys(cgroupAttachTypes))
  if (isCgroupAttachType(name)) cgroupAttachTypeNames.set(cgroupAttachTypes[name], name);

function isCgroupAttachType(name: string): name is CgroupAttachType {
  return Object.hasOwn(cgroupAttachTypes, name);
}

export const cgroupAttachTypeName = (type: number): CgroupAttachType | undefined => cgroupAttachTypeNames.get(type);

/** Flags of a map at its creation (`BPF_F_*`). */
export const mapFlags = {
  /** Allocate a hash's entries one by one: less memory, slower. */
  noPrealloc: 1,
  noCommonLru: 2,
  /** User space may only read. */
  readOnly: 8,
  /** Programs may only read. */
  readOnlyProgram: 128,
  /** The array can be mapped into memory. */
  mmapable: 1024,
  /** Inner arrays of different sizes (Linux 5.10). */
  innerMap: 4096,
} as const;
