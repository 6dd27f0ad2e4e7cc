/* A cgroup program and a raw tracepoint program that count in per-CPU maps. */
#include "types.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u64[2]);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u64);
	__type(value, __u32);
} slots SEC(".maps");

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct inner);
} policies SEC(".maps");

const volatile __u32 verdict = 1;
const volatile __u64 wanted_call = 39;
const volatile __u8 marks[4] = {};
__u32 generation = 7;

SEC("cgroup_skb/ingress")
int ingress(struct __sk_buff *skb)
{
	__u32 zero = 0;
	__u64 *count = bpf_map_lookup_elem(&counts, &zero);
	if (count) {
		count[0] += 1;
		count[1] += skb->len;
	}
	return verdict;
}

SEC("cgroup_skb/egress")
int egress(struct __sk_buff *skb)
{
	return verdict;
}

/* 1 when the inner map of slot 0 is there and holds a number. */
SEC("cgroup_skb/ingress")
int inner_value(struct __sk_buff *skb)
{
	__u32 zero = 0;
	void *inner = bpf_map_lookup_elem(&policies, &zero);
	__u32 *value;

	if (!inner)
		return 0;
	value = bpf_map_lookup_elem(inner, &zero);
	return value && *value ? 1 : 0;
}

SEC("raw_tp/sys_enter")
int on_call(struct bpf_raw_tracepoint_args *context)
{
	__u32 one = 1;
	__u64 *count;

	if (context->args[1] != wanted_call)
		return 0;
	count = bpf_map_lookup_elem(&counts, &one);
	if (count)
		count[0] += 1;
	return 0;
}
