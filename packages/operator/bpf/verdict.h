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

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_BLOCKED_PORTS);
	__type(key, struct blocked_port);
	__type(value, __u64);
} blocked_ports SEC(".maps");

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

static __always_inline void count_blocked(const struct policy *policy, enum direction direction, __u8 protocol,
					  __u16 port, __u64 packets)
{
	struct blocked_port key = { .port = port, .direction = direction, .protocol = protocol };
	__u64 *blocked;

	count(policy, direction, protocol, BLOCKED, packets);
	blocked = bpf_map_lookup_elem(&blocked_ports, &key);
	if (!blocked) {
		if (!bpf_map_update_elem(&blocked_ports, &key, &packets, BPF_NOEXIST))
			return;
		/* Another CPU was first. */
		blocked = bpf_map_lookup_elem(&blocked_ports, &key);
	}
	if (blocked)
		__sync_fetch_and_add(blocked, packets);
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

/*
 * Whether the other side is the node. It looks for itself, in a policy that may be newer by then than the one whose ports were
 * looked up: the addresses are the node's, whatever the policy, and change with the node's own.
 */
__noinline int is_node(struct __sk_buff *skb, __u32 direction)
{
	const struct policy *policy = current_policy();
	struct address remote = remote_address(skb, direction);

	if (!policy)
		return 0;
	for (__u32 i = 0; i < MAX_NODE_ADDRESSES; i++) {
		const __u64 *node = policy->node_addresses[i].words;

		if (i >= policy->node_address_count)
			return 0;
		if (!((node[0] ^ remote.words[0]) | (node[1] ^ remote.words[1])))
			return 1;
	}
	return 0;
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
