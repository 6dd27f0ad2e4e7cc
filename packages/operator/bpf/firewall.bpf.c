// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The firewall of one Pod: attached to its cgroup, loaded once for each Pod, so its maps are that Pod's alone.
 *
 * Judged are TCP connection attempts (SYN without ACK) and UDP datagrams: what comes in by the Pod's own port, what goes out by
 * the other side's port, which is the destination port either way. Everything else passes: ICMP, neighbour discovery, later
 * fragments, the loopback of a network namespace.
 *
 * Kernel: 5.8, for socket look-ups in this type of program (bpf_skc_lookup_tcp); it also brought CAP_BPF. All else needs less:
 * links of cgroups 5.7, copies of socket storage (BPF_F_CLONE) 5.4, loops 5.3, locks in maps 5.1, reading packets in place
 * 5.0. No BTF of the kernel is needed. Below 5.7 there is BPF_PROG_ATTACH with BPF_F_ALLOW_MULTI, which holds without a pin, but
 * then what an agent left is found by asking the cgroup (BPF_PROG_QUERY) and not by path, and a program is not swapped in one
 * step.
 */
#include "tcp.h"
#include "udp.h"

/* The loopback device has this index in every network namespace; a Pod that talks to its own address goes over it too. */
#define LOOPBACK_IFINDEX 1

/* TCP or UDP without ports to judge: as if it were for a port that is closed in every list that closes any. */
static __always_inline enum answer answer_to_incomplete(const struct policy *policy, enum direction direction,
							__u8 protocol)
{
	if (policy->flags & RESTRICTS(direction, ENFORCED, protocol & 1))
		return CLOSED;
	return policy->flags & RESTRICTS(direction, AUDITED, protocol & 1) ? CLOSED_IN_AUDIT : OPEN;
}

static __always_inline int judge_incomplete(enum direction direction, __u8 protocol)
{
	const struct policy *policy = current_policy();
	enum answer answer;

	if (!policy)
		return PASS;
	answer = answer_to_incomplete(policy, direction, protocol);
	if (policy->flags & JUDGES(direction))
		count(policy, direction, protocol, answer == OPEN ? ALLOWED : BLOCKED, 1);
	return answer == CLOSED ? DROP : PASS;
}

static __always_inline int judge_unparsable(enum direction direction)
{
	const struct policy *policy = current_policy();
	__u32 zero = 0;
	struct counters *counts;

	if (!policy || !(policy->flags & JUDGES(direction)))
		return PASS;
	counts = bpf_map_lookup_elem(&counters, &zero);
	if (counts)
		__sync_fetch_and_add(&counts->unparsable[direction], 1);
	return policy->flags & (RESTRICTS(direction, ENFORCED, TCP) | RESTRICTS(direction, ENFORCED, UDP)) ? DROP : PASS;
}

static __always_inline int judge_udp(struct __sk_buff *skb, enum direction direction, const struct packet *packet)
{
	return direction == INGRESS ? judge_udp_ingress(skb, packet->local_port, packet->remote_port)
				    : judge_udp_egress(skb, packet->local_port, packet->remote_port);
}

/* Whatever way a packet goes, it looks up the policy once: what it finds there is what it is judged by. */
static __always_inline int judge(struct __sk_buff *skb, enum direction direction)
{
	struct packet packet;

	if (skb->ifindex == LOOPBACK_IFINDEX)
		return PASS;
	packet = parse(skb, direction);
	switch (packet.parsed) {
	case COMPLETE:
		return packet.protocol == TCP ? judge_tcp(skb, direction, &packet)
					      : judge_udp(skb, direction, &packet);
	case INCOMPLETE:
		return judge_incomplete(direction, packet.protocol);
	case UNPARSABLE:
		return judge_unparsable(direction);
	default:
		return PASS;
	}
}

SEC("cgroup_skb/ingress")
int firewall_ingress(struct __sk_buff *skb)
{
	return judge(skb, INGRESS);
}

SEC("cgroup_skb/egress")
int firewall_egress(struct __sk_buff *skb)
{
	return judge(skb, EGRESS);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
