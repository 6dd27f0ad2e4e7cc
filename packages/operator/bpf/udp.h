/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Each UDP datagram is judged, but answers pass: in to the Pod's own requests, out to what was let in. */
#ifndef UDP_H
#define UDP_H

#include "verdict.h"

/*
 * Who wrote first, which tells the Pod's answers from its requests. It is remembered while a port is open too: an answer to a
 * client taken for a request would let that client in when the port is closed.
 *
 * Two maps, so that strangers cannot push the Pod's own requests out.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_UDP_PEERS);
	__type(key, struct udp_peer);
	__type(value, __u8);
} udp_requests SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_UDP_PEERS);
	__type(key, struct udp_peer);
	__type(value, __u8);
} udp_guests SEC(".maps");

static __always_inline void set_peer(struct udp_peer *peer, struct __sk_buff *skb, enum direction direction,
				     __u16 remote_port)
{
	peer->socket = bpf_get_socket_cookie(skb);
	peer->address = remote_address(skb, direction);
	peer->port = bpf_htons(remote_port);
	__builtin_memset(peer->unused, 0, sizeof(peer->unused));
}

/* One buffer can hold many that are cut apart by the device, or were put together by it. */
static __always_inline __u64 datagrams(const struct __sk_buff *skb)
{
	return skb->gso_segs ? skb->gso_segs : 1;
}

static __always_inline int knows(void *peers, const struct udp_peer *peer)
{
	return bpf_map_lookup_elem(peers, peer) != 0;
}

static __always_inline void remember(void *peers, const struct udp_peer *peer)
{
	__u8 one = 1;

	bpf_map_update_elem(peers, peer, &one, BPF_ANY);
}

__noinline int judge_udp_ingress(struct __sk_buff *skb, __u32 local_port, __u32 remote_port)
{
	const struct policy *policy = current_policy();
	struct question question = { INGRESS, UDP, local_port, remote_port };
	enum answer answer = OPEN;
	struct udp_peer peer;

	if (!policy)
		return PASS;
	if (policy->flags & JUDGES(INGRESS))
		answer = look_up(skb, INGRESS, policy, &question);
	set_peer(&peer, skb, INGRESS, remote_port);
	if (answer == CLOSED || !knows(&udp_guests, &peer)) {
		if (knows(&udp_requests, &peer))
			answer = OPEN;
		else if (answer != CLOSED)
			remember(&udp_guests, &peer);
	}
	return policy->flags & JUDGES(INGRESS) ? conclude(policy, &question, answer, datagrams(skb)) : PASS;
}

__noinline int judge_udp_egress(struct __sk_buff *skb, __u32 local_port, __u32 remote_port)
{
	const struct policy *policy = current_policy();
	struct question question = { EGRESS, UDP, local_port, remote_port };
	enum answer answer = OPEN;
	struct udp_peer peer;
	int requested;

	if (!policy)
		return PASS;
	set_peer(&peer, skb, EGRESS, remote_port);
	requested = knows(&udp_requests, &peer);
	if (requested || !knows(&udp_guests, &peer)) {
		if (policy->flags & JUDGES(EGRESS))
			answer = look_up(skb, EGRESS, policy, &question);
		if (!requested && answer != CLOSED)
			remember(&udp_requests, &peer);
	}
	return policy->flags & JUDGES(EGRESS) ? conclude(policy, &question, answer, datagrams(skb)) : PASS;
}

#endif
