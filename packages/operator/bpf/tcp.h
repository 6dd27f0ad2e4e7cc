/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* TCP is judged when a connection is opened; one that stands, only where a policy enforces that. */
#ifndef TCP_H
#define TCP_H

#include "verdict.h"

/* A listener's flow is cloned into the sockets that it accepts, so a connection is never forgotten while it stands. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct tcp_flow);
} tcp_flows SEC(".maps");

/* Remembers who opened a connection, on the socket that it will have: at the SYN, since that is the last time it can be told. */
static __always_inline void remember_opener(struct __sk_buff *skb, enum direction direction,
					    const struct policy *policy)
{
	struct tcp_flow opened = { .opener = direction, .audited = policy->generation }, *flow;
	struct bpf_sock *sk = skb->sk;

	if (!sk)
		return;
	sk = bpf_sk_fullsock(sk);
	/* A SYN can be sent to any socket, but opens a connection from these states only. */
	if (!sk || sk->state != (direction == INGRESS ? BPF_TCP_LISTEN : BPF_TCP_SYN_SENT))
		return;
	flow = bpf_sk_storage_get(&tcp_flows, sk, &opened, BPF_SK_STORAGE_GET_F_CREATE);
	/* One socket can have been refused as a client, and listen now. */
	if (flow)
		*flow = opened;
}

/* Whether a socket listens on the packet's local address and port. */
static __always_inline int is_listening(struct __sk_buff *skb, enum direction direction, __u16 port)
{
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *listener;
	struct iphdr ip;
	struct ipv6hdr ip6;
	int listens;

	/* A remote port of 0 belongs to no connection, so the listener is what is found. */
	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		if (bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)))
			return 0;
		tuple.ipv4.saddr = direction == INGRESS ? ip.saddr : ip.daddr;
		tuple.ipv4.daddr = direction == INGRESS ? ip.daddr : ip.saddr;
		tuple.ipv4.dport = bpf_htons(port);
		listener = bpf_skc_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	} else {
		if (bpf_skb_load_bytes(skb, 0, &ip6, sizeof(ip6)))
			return 0;
		__builtin_memcpy(tuple.ipv6.saddr, direction == INGRESS ? &ip6.saddr : &ip6.daddr, 16);
		__builtin_memcpy(tuple.ipv6.daddr, direction == INGRESS ? &ip6.daddr : &ip6.saddr, 16);
		tuple.ipv6.dport = bpf_htons(port);
		listener = bpf_skc_lookup_tcp(skb, &tuple, sizeof(tuple.ipv6), BPF_F_CURRENT_NETNS, 0);
	}
	if (!listener)
		return 0;
	listens = listener->state == BPF_TCP_LISTEN;
	bpf_sk_release(listener);
	return listens;
}

/*
 * Who opened the connection of a packet, and its flow, if there is memory for one. A connection that is older than the programs
 * came in if its port listens.
 */
static __always_inline enum direction opener_of(struct __sk_buff *skb, enum direction direction, __u16 local_port,
						struct tcp_flow **flow)
{
	struct tcp_flow found = {};
	struct bpf_sock *sk = skb->sk;

	*flow = 0;
	if (!sk)
		return direction;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return direction;
	*flow = bpf_sk_storage_get(&tcp_flows, sk, 0, 0);
	if (*flow)
		return (*flow)->opener == INGRESS ? INGRESS : EGRESS;
	found.opener = sk->state == BPF_TCP_LISTEN || is_listening(skb, direction, local_port) ? INGRESS : EGRESS;
	*flow = bpf_sk_storage_get(&tcp_flows, sk, &found, BPF_SK_STORAGE_GET_F_CREATE);
	return found.opener;
}

/*
 * A packet of a connection that stands: judged by the side that opened it. Those that pass are no attempts and are not counted.
 * What is dropped is counted each time it is sent; in audit mode, where nothing makes the sender give up, once for each policy.
 */
static __always_inline int judge_established(struct __sk_buff *skb, enum direction direction, __u16 local_port,
					     __u16 remote_port)
{
	const struct policy *policy = current_policy();
	struct question question = { .protocol = TCP, .local_port = local_port, .remote_port = remote_port };
	struct tcp_flow *flow;
	enum answer answer;

	if (!policy || !(policy->flags & ENFORCES_ESTABLISHED))
		return PASS;
	question.direction = opener_of(skb, direction, local_port, &flow);
	if (!(policy->flags & JUDGES(question.direction)))
		return PASS;
	answer = look_up(skb, direction, policy, &question);
	if (answer == OPEN)
		return PASS;
	if (answer == CLOSED_IN_AUDIT && flow) {
		if (flow->audited == (__u32)policy->generation)
			return PASS;
		flow->audited = policy->generation;
	}
	return conclude(policy, &question, answer, 1);
}

/* A packet that opens a connection. */
static __always_inline int judge_attempt(struct __sk_buff *skb, enum direction direction, __u16 local_port,
					 __u16 remote_port)
{
	const struct policy *policy = current_policy();
	struct question question = { direction, TCP, local_port, remote_port };
	int verdict = PASS;

	if (!policy)
		return PASS;
	if (policy->flags & JUDGES(direction))
		verdict = conclude(policy, &question, look_up(skb, direction, policy, &question), 1);
	if (verdict == PASS)
		remember_opener(skb, direction, policy);
	return verdict;
}

static __always_inline int judge_tcp(struct __sk_buff *skb, enum direction direction, const struct packet *packet)
{
	return packet->opens_connection
		       ? judge_attempt(skb, direction, packet->local_port, packet->remote_port)
		       : judge_established(skb, direction, packet->local_port, packet->remote_port);
}

#endif
