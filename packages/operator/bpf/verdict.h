/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The policy of a Pod, what it says of a port, and how that is counted. */
#ifndef VERDICT_H
#define VERDICT_H

#include "packet.h"

/* What programs of cgroup_skb return. */
#define DROP 0
#define PASS 1

struct policy_holder {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	/* clang leaves types behind two pointers out of BTF: sizes, then. */
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct policy));
};

/* Replaced as a whole: every packet is judged by one policy, the one that stood when its program began. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct policy_holder);
} policy SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counters);
} counters SEC(".maps");

/*
 * By the last bits of the port. An array, which costs a packet a few nanoseconds where a hash costs thirty: what is blocked can
 * be a flood.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BLOCKED_PORTS_BUCKETS);
	__type(key, __u32);
	__type(value, struct blocked_ports);
} blocked_ports SEC(".maps");

/* The addresses of the node: one map for all Pods, kept by the agent. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_NODE_ADDRESSES);
	__type(key, struct address);
	__type(value, __u8);
} node_addresses SEC(".maps");

/* What the lists say of a port. */
enum answer { OPEN, CLOSED, CLOSED_IN_AUDIT };

static __always_inline const struct policy *current_policy(void)
{
	__u32 zero = 0;
	void *holder = bpf_map_lookup_elem(&policy, &zero);

	return holder ? bpf_map_lookup_elem(holder, &zero) : 0;
}

/* Programs in process context are interrupted by those in softirq on the same CPU, so additions are atomic. */
static __always_inline void count(const struct policy *policy, enum direction direction, __u8 protocol,
				  enum verdict verdict, __u64 packets)
{
	__u32 zero = 0;
	struct counters *counts = bpf_map_lookup_elem(&counters, &zero);

	if (counts)
		__sync_fetch_and_add(
			&counts->verdicts[policy->generation & 1][direction & 1][protocol & 1][verdict & 1], packets);
}

/*
 * Gives a port the place of the one at which least was blocked, if another CPU has not given it one meanwhile. A CPU that has
 * just found the other there may count for this one: by a packet or two, of a port that hardly mattered.
 */
static __always_inline void count_first(struct blocked_ports *bucket, __u32 port, __u64 packets)
{
	int least = 0;
	__u64 *freed;

	bpf_spin_lock(&bucket->lock);
	for (int place = 0; place < BLOCKED_PORTS_IN_BUCKET; place++) {
		if (bucket->ports[place] == port) {
			__sync_fetch_and_add(&bucket->counts[place], packets);
			bpf_spin_unlock(&bucket->lock);
			return;
		}
		if (bucket->counts[place] < bucket->counts[least & (BLOCKED_PORTS_IN_BUCKET - 1)])
			least = place;
	}
	/* No plain store: on some CPUs others could see the port before it, and add to the count in between. */
	freed = &bucket->counts[least & (BLOCKED_PORTS_IN_BUCKET - 1)];
	__sync_fetch_and_add(freed, packets - *freed);
	bucket->ports[least & (BLOCKED_PORTS_IN_BUCKET - 1)] = port;
	bpf_spin_unlock(&bucket->lock);
}

static __always_inline void count_blocked(const struct policy *policy, enum direction direction, __u8 protocol,
					  __u16 port, __u64 packets)
{
	__u32 word = PORT_WORD(direction, protocol, port), index = port % BLOCKED_PORTS_BUCKETS;
	struct blocked_ports *bucket = bpf_map_lookup_elem(&blocked_ports, &index);

	count(policy, direction, protocol, BLOCKED, packets);
	if (!bucket)
		return;
	for (int place = 0; place < BLOCKED_PORTS_IN_BUCKET; place++) {
		if (((volatile __u32 *)bucket->ports)[place] != word)
			continue;
		__sync_fetch_and_add(&bucket->counts[place], packets);
		return;
	}
	count_first(bucket, word, packets);
}

static __always_inline int has(const __u8 *bitmap, __u16 port)
{
	return bitmap[port >> 3] >> (port & 7) & 1;
}

/* What is judged, and how: of two directions and protocols the one. */
struct question {
	__u32 direction;
	__u32 protocol;
	__u16 local_port;
	__u16 remote_port;
};

/* The port that a direction is judged by. */
static __always_inline __u16 port_of(const struct question *question)
{
	return question->direction == INGRESS ? question->local_port : question->remote_port;
}

/* Whether the other side is the node. */
static __always_inline int is_node(struct __sk_buff *skb, enum direction direction)
{
	struct address remote = remote_address(skb, direction);

	return bpf_map_lookup_elem(&node_addresses, &remote) != 0;
}

/* What the lists of a direction say. `packet_direction` is that of the packet, which may be an answer. */
static __always_inline enum answer look_up(struct __sk_buff *skb, enum direction packet_direction,
					   const struct policy *policy, const struct question *question)
{
	__u32 direction = question->direction & 1, protocol = question->protocol & 1;
	__u16 port = port_of(question);
	enum answer answer = OPEN;

	if (!has(policy->open[direction][ENFORCED][protocol], port))
		answer = CLOSED;
	else if (!has(policy->open[direction][AUDITED][protocol], port))
		answer = CLOSED_IN_AUDIT;
	if (answer == OPEN || direction != INGRESS || protocol != TCP || !has(policy->probe_ports, port))
		return answer;
	return is_node(skb, packet_direction) ? OPEN : answer;
}

/* Counts an answer, and says what becomes of the packet. */
static __always_inline int conclude(const struct policy *policy, const struct question *question, enum answer answer,
				    __u64 packets)
{
	if (answer == OPEN) {
		count(policy, question->direction, question->protocol, ALLOWED, packets);
		return PASS;
	}
	count_blocked(policy, question->direction, question->protocol, port_of(question), packets);
	return answer == CLOSED ? DROP : PASS;
}

#endif
