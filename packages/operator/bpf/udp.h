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

/*
 * Which local ports have entries up there, by classes. It spares a look-up of what is not there: most ports only ask or only
 * answer, and a flood at a port that is closed is dropped without any.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct udp_ports);
} udp_ports SEC(".maps");

static __always_inline struct udp_ports *local_ports(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&udp_ports, &zero);
}

/* By the socket's port and not the packet's, which the Pod's own address translation may have changed on one way alone. */
static __always_inline __u32 port_class(const struct __sk_buff *skb)
{
	return skb->sk ? skb->sk->src_port & (UDP_PORT_CLASSES - 1) : 0;
}

static __always_inline struct udp_peer peer_of(struct __sk_buff *skb, enum direction direction, __u16 remote_port)
{
	struct udp_peer peer = {
		.address = remote_address(skb, direction),
		.socket_and_port = bpf_get_socket_cookie(skb) << 16 | remote_port,
	};

	return peer;
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

/* Says that the class of ports has something before it has. */
static __always_inline void remember(void *peers, const struct udp_peer *peer, __u8 *class)
{
	__u8 one = 1;

	*class = 1;
	bpf_map_update_elem(peers, peer, &one, BPF_ANY);
}

static __always_inline int judge_udp_ingress(struct __sk_buff *skb, __u16 local_port, __u16 remote_port)
{
	const struct policy *policy = current_policy();
	struct question question = { INGRESS, UDP, local_port, remote_port };
	struct udp_ports *ports = local_ports();
	__u32 class = port_class(skb);
	enum answer answer = OPEN;

	if (!policy || !ports)
		return PASS;
	if (policy->flags & JUDGES(INGRESS))
		answer = look_up(skb, INGRESS, policy, &question);
	if (answer != CLOSED || ports->asked[class]) {
		struct udp_peer peer = peer_of(skb, INGRESS, remote_port);

		if (answer == CLOSED || !ports->visited[class] || !knows(&udp_guests, &peer)) {
			if (ports->asked[class] && knows(&udp_requests, &peer))
				answer = OPEN;
			else if (answer != CLOSED)
				remember(&udp_guests, &peer, &ports->visited[class]);
		}
	}
	return policy->flags & JUDGES(INGRESS) ? conclude(policy, &question, answer, datagrams(skb)) : PASS;
}

static __always_inline int judge_udp_egress(struct __sk_buff *skb, __u16 local_port, __u16 remote_port)
{
	const struct policy *policy = current_policy();
	struct question question = { EGRESS, UDP, local_port, remote_port };
	struct udp_ports *ports = local_ports();
	__u32 class = port_class(skb);
	enum answer answer = OPEN;

	if (!policy || !ports)
		return PASS;
	if (policy->flags & JUDGES(EGRESS))
		answer = look_up(skb, EGRESS, policy, &question);
	if (answer != CLOSED || ports->visited[class]) {
		struct udp_peer peer = peer_of(skb, EGRESS, remote_port);

		if (!ports->asked[class] || !knows(&udp_requests, &peer)) {
			if (ports->visited[class] && knows(&udp_guests, &peer))
				answer = OPEN;
			else if (answer != CLOSED)
				remember(&udp_requests, &peer, &ports->asked[class]);
		}
	}
	return policy->flags & JUDGES(EGRESS) ? conclude(policy, &question, answer, datagrams(skb)) : PASS;
}

#endif
