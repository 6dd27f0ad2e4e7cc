// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Counts the system calls of Pods, all of a node in one program. It runs at every system call of the node while it is attached,
 * so what decides most calls comes first: does any Pod want this number at all?
 *
 * Kernel: 5.7, for pinned links of raw tracepoints; global data needs 5.2, raw tracepoints 4.17. BTF of the kernel
 * (CONFIG_DEBUG_INFO_BTF) is needed for the fields read here. bpf_probe_read_kernel (5.5) is replaced by libbpf where it is
 * missing, and kernfs ids before 5.5 are read as they were.
 */
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "pcmc.h"

/* Kernel types, reduced to what is read; where it lies is looked up in the running kernel's BTF. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct thread_info {
	unsigned long flags;
	__u32 status;
};

struct task_struct {
	struct thread_info thread_info;
};

struct kernfs_node {
	__u64 id;
};

/* Before 5.5. */
union kernfs_node_id {
	__u64 id;
};

struct kernfs_node___before_5_5 {
	union kernfs_node_id id;
};

struct cgroup_root {
	int hierarchy_id;
};

struct cgroup;

struct cgroup_subsys_state {
	struct cgroup *cgroup;
	struct cgroup_subsys_state *parent;
};

struct cgroup {
	struct cgroup_subsys_state self;
	struct kernfs_node *kn;
	struct cgroup_root *root;
};

#pragma clang attribute pop

/*
 * Union of slot_calls, kept by the agent; each version of the programs has its own. Plain data and no map to look up: this is
 * read at every call of the node.
 */
volatile struct call_mask wanted SEC(".data.wanted");

/* Set at load: which version of the programs these are. */
const volatile __u32 own_version = 0;

/*
 * The version that counts, while two are attached. One word, shared by all versions: its one write hands over from one to the
 * other, so that an agent that is killed anywhere leaves exactly one that counts.
 */
volatile struct turn turn SEC(".data.turn") = { .layout_version = LAYOUT_VERSION };

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_CGROUPS);
	__type(key, __u64);
	__type(value, __u32);
} cgroups SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__type(value, struct call_mask);
} slot_calls SEC(".maps");

/* Nested cgroups for which there was no room, by the slot that they would have had: their calls are not counted. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__type(value, __u64);
} slot_lost SEC(".maps");

struct counts_holder {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	/* clang leaves types behind two pointers out of BTF: sizes, then. */
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct call_counts));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__array(values, struct counts_holder);
} slot_counts SEC(".maps");

static __always_inline int has(const volatile struct call_mask *mask, __u32 number)
{
	return mask->words[number / 64] >> (number % 64) & 1;
}

/* 32-bit calls have numbers of their own, which mean other calls here. (x32 ones have bit 30 set: never below SYSCALLS.) */
static __always_inline int is_32_bit(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();

#if defined(__TARGET_ARCH_x86)
	return BPF_CORE_READ(task, thread_info.status) & 0x2; /* TS_COMPAT */
#elif defined(__TARGET_ARCH_arm64)
	return (BPF_CORE_READ(task, thread_info.flags) >> 22) & 1; /* TIF_32BIT */
#else
#error "say __TARGET_ARCH_x86 or __TARGET_ARCH_arm64"
#endif
}

/* Arguments: struct pt_regs *regs, long number. Preemption is off, so a plain addition on this CPU's counter is enough. */
SEC("raw_tp/sys_enter")
int count_syscall(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 number = ctx->args[1], cgroup;
	__u32 zero = 0, *slot;
	struct call_mask *mask;
	struct call_counts *counts;
	void *holder;

	if (number >= SYSCALLS || !has(&wanted, number) || turn.version != own_version)
		return 0;
	cgroup = bpf_get_current_cgroup_id();
	slot = bpf_map_lookup_elem(&cgroups, &cgroup);
	if (!slot)
		return 0;
	mask = bpf_map_lookup_elem(&slot_calls, slot);
	if (!mask || !has(mask, number) || is_32_bit())
		return 0;
	holder = bpf_map_lookup_elem(&slot_counts, slot);
	counts = holder ? bpf_map_lookup_elem(holder, &zero) : 0;
	if (counts)
		counts->calls[number]++;
	return 0;
}

static __always_inline __u64 id_of(struct cgroup *cgroup)
{
	struct kernfs_node *node = BPF_CORE_READ(cgroup, kn);
	struct kernfs_node___before_5_5 *old = (void *)node;

	if (bpf_core_field_exists(old->id.id))
		return BPF_CORE_READ(old, id.id);
	return BPF_CORE_READ(node, id);
}

/* cgroup v1 hierarchies have ids of their own, which may be equal. */
static __always_inline int is_default_hierarchy(struct cgroup *cgroup)
{
	return BPF_CORE_READ(cgroup, root, hierarchy_id) == 0;
}

/*
 * Arguments: struct cgroup *cgroup, const char *path. Comes before the new cgroup can be entered, so no call of a container is
 * missed.
 */
SEC("raw_tp/cgroup_mkdir")
int inherit_cgroup(struct bpf_raw_tracepoint_args *ctx)
{
	struct cgroup *child = (void *)ctx->args[0];
	struct cgroup *parent = BPF_CORE_READ(child, self.parent, cgroup);
	__u64 id, *lost;
	__u32 *slot;

	if (!parent || !is_default_hierarchy(child))
		return 0;
	id = id_of(parent);
	slot = bpf_map_lookup_elem(&cgroups, &id);
	if (!slot)
		return 0;
	id = id_of(child);
	if (!bpf_map_update_elem(&cgroups, &id, slot, BPF_ANY))
		return 0;
	lost = bpf_map_lookup_elem(&slot_lost, slot);
	if (lost)
		__sync_fetch_and_add(lost, 1);
	return 0;
}

SEC("raw_tp/cgroup_rmdir")
int forget_cgroup(struct bpf_raw_tracepoint_args *ctx)
{
	struct cgroup *cgroup = (void *)ctx->args[0];
	__u64 id;

	if (!is_default_hierarchy(cgroup))
		return 0;
	id = id_of(cgroup);
	bpf_map_delete_elem(&cgroups, &id);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
