/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * From an IP header to the ports of TCP or UDP. cgroup_skb programs see packets from the network header on.
 */
#ifndef PACKET_H
#define PACKET_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "pcmc.h"

/*
 * Extension headers that are followed. A sender of its own accord uses each kind once, and destination options twice (RFC 8200,
 * section 4.1); an endless chain would be a way around the firewall.
 */
#define MAX_EXTENSIONS 8

enum parsed {
	/* TCP or UDP, with ports. */
	COMPLETE,
	/* TCP or UDP, without all of its header. */
	INCOMPLETE,
	/* Neither, or a later fragment: nobody can put it together without its first one. */
	UNJUDGED,
	/* Not to be told. */
	UNPARSABLE,
};

struct packet {
	enum parsed parsed;
	/* In host byte order. */
	__u16 local_port;
	__u16 remote_port;
	__u8 protocol;
	/* Of TCP: SYN without ACK. */
	__u8 opens_connection;
};

/* Offsets of the addresses in their headers. */
#define IPV4_SOURCE 12
#define IPV4_DEST 16
#define IPV6_SOURCE 8
#define IPV6_DEST 24

struct extension {
	__u8 next;
	__u8 length;
	__u16 fragment;
	__u32 rest;
};

/* What an IP header says of the next one. */
struct inner {
	__u32 offset;
	/* In units of 8 bytes. */
	__u16 fragment;
	__u8 protocol;
	/* Behind an IPv4 header, which has 60 bytes at most, or right behind that of IPv6. */
	__u8 is_near;
};

/*
 * A header at an offset: in the packet, where that is linear so far, else a copy of it in `copy`. Null where the packet is
 * shorter. (The verifier wants a bound on offsets into packets.)
 */
static __always_inline const void *header_at(struct __sk_buff *skb, __u32 offset, void *copy, __u32 size)
{
	void *header = (void *)(long)skb->data + (offset & 63);

	if (header + size <= (void *)(long)skb->data_end)
		return header;
	return bpf_skb_load_bytes(skb, offset, copy, size) ? 0 : copy;
}

/*
 * The header behind the others. One further in is copied: its offset can be anything, and the verifier would go on from each
 * value that it had to keep apart.
 */
static __always_inline const void *inner_header(struct __sk_buff *skb, const struct inner *inner, void *copy, __u32 size)
{
	if (inner->is_near)
		return header_at(skb, inner->offset, copy, size);
	return bpf_skb_load_bytes(skb, inner->offset, copy, size) ? 0 : copy;
}

static __always_inline enum parsed follow_ipv4(struct __sk_buff *skb, struct inner *inner)
{
	struct iphdr copy;
	const struct iphdr *ip = header_at(skb, 0, &copy, sizeof(copy));

	if (!ip || ip->version != 4 || ip->ihl < 5)
		return UNPARSABLE;
	inner->offset = ip->ihl * 4;
	inner->is_near = 1;
	inner->fragment = bpf_ntohs(ip->frag_off) & 0x1fff;
	inner->protocol = ip->protocol;
	return COMPLETE;
}

#define BIT(n) (1ull << (n))
/* Next header values of extensions: below 64, and from 128 on. */
#define EXTENSIONS                                                                                                     \
	(BIT(IPPROTO_HOPOPTS) | BIT(IPPROTO_ROUTING) | BIT(IPPROTO_FRAGMENT) | BIT(IPPROTO_AH) | BIT(IPPROTO_DSTOPTS))
/* Host Identity Protocol: RFC 7401; Shim6: RFC 5533. */
#define EXTENSIONS_128 (BIT(IPPROTO_MH - 128) | BIT(139 - 128) | BIT(140 - 128))

/* A table instead of comparisons: the verifier follows each of these. */
static __always_inline int is_extension(__u8 protocol)
{
	__u64 extensions = protocol < 64 ? EXTENSIONS : protocol < 128 ? 0 : protocol < 192 ? EXTENSIONS_128 : 0;

	return extensions >> (protocol & 63) & 1;
}

/* Steps over one extension header. 0, or -1 where the packet ends before it. */
static __always_inline int step(struct __sk_buff *skb, struct inner *inner)
{
	struct extension extension;
	__u32 length;

	/* Copied: read in place or not, that is two ways for each header, and these are rare. */
	if (bpf_skb_load_bytes(skb, inner->offset, &extension, sizeof(extension)))
		return -1;
	length = ((__u32)extension.length + 1) * 8;
	if (inner->protocol == IPPROTO_FRAGMENT) {
		inner->fragment = bpf_ntohs(extension.fragment) >> 3;
		length = 8;
	} else if (inner->protocol == IPPROTO_AH) {
		length = ((__u32)extension.length + 2) * 4;
	}
	inner->offset += length;
	inner->protocol = extension.next;
	return 0;
}

static __always_inline enum parsed follow_ipv6(struct __sk_buff *skb, struct inner *inner)
{
	struct ipv6hdr copy;
	const struct ipv6hdr *ip = header_at(skb, 0, &copy, sizeof(copy));

	if (!ip || ip->version != 6)
		return UNPARSABLE;
	inner->offset = sizeof(copy);
	inner->fragment = 0;
	inner->protocol = ip->nexthdr;
	/* Most have no extensions, and then the header is where it always is. */
	inner->is_near = !is_extension(inner->protocol);
	if (inner->is_near)
		return COMPLETE;
	for (int i = 0; i < MAX_EXTENSIONS; i++) {
		if (inner->fragment || !is_extension(inner->protocol))
			return COMPLETE;
		if (step(skb, inner))
			return UNPARSABLE;
	}
	return inner->fragment || !is_extension(inner->protocol) ? COMPLETE : UNPARSABLE;
}

/*
 * What `find_ports` found, in one number: the ways through it come together in one register, and the verifier goes on once
 * and not once for each.
 *
 * Nothing here is a function of its own at run time: a return costs several nanoseconds on CPUs that need the kernel's
 * mitigations of it, and a packet would make five.
 */
#define FOUND(parsed) ((__u64)(parsed) << 40)
#define FOUND_PORTS(source, dest) ((__u64)bpf_ntohs(source) << 16 | bpf_ntohs(dest))
#define FOUND_UDP (1ull << 32)
#define FOUND_OPENS (1ull << 33)

static __always_inline __u64 find_tcp_ports(struct __sk_buff *skb, const struct inner *inner)
{
	struct tcphdr copy;
	const struct tcphdr *tcp = inner_header(skb, inner, &copy, sizeof(copy));

	if (!tcp)
		return FOUND(INCOMPLETE);
	return FOUND(COMPLETE) | (tcp->syn && !tcp->ack ? FOUND_OPENS : 0) | FOUND_PORTS(tcp->source, tcp->dest);
}

static __always_inline __u64 find_udp_ports(struct __sk_buff *skb, const struct inner *inner)
{
	struct udphdr copy;
	const struct udphdr *udp = inner_header(skb, inner, &copy, sizeof(copy));

	if (!udp)
		return FOUND(INCOMPLETE) | FOUND_UDP;
	return FOUND(COMPLETE) | FOUND_UDP | FOUND_PORTS(udp->source, udp->dest);
}

static __always_inline __u64 find_ports(struct __sk_buff *skb)
{
	struct inner inner;
	enum parsed parsed;

	if (skb->protocol == bpf_htons(ETH_P_IP))
		parsed = follow_ipv4(skb, &inner);
	else if (skb->protocol == bpf_htons(ETH_P_IPV6))
		parsed = follow_ipv6(skb, &inner);
	else
		return FOUND(UNJUDGED);
	if (parsed != COMPLETE)
		return FOUND(parsed);
	if (inner.protocol != IPPROTO_TCP && inner.protocol != IPPROTO_UDP)
		return FOUND(UNJUDGED);
	/* A fragment that begins 8 bytes into TCP is there to replace the flags that were judged: RFC 1858, section 3.2. */
	if (inner.fragment)
		return FOUND(inner.fragment == 1 && inner.protocol == IPPROTO_TCP ? INCOMPLETE : UNJUDGED);
	return inner.protocol == IPPROTO_TCP ? find_tcp_ports(skb, &inner) : find_udp_ports(skb, &inner);
}

static __always_inline struct packet parse(struct __sk_buff *skb, enum direction direction)
{
	__u64 found = find_ports(skb);
	__u16 source = found >> 16, dest = found;
	struct packet packet = {
		.parsed = found >> 40,
		.local_port = direction == INGRESS ? dest : source,
		.remote_port = direction == INGRESS ? source : dest,
		.protocol = found & FOUND_UDP ? UDP : TCP,
		.opens_connection = !!(found & FOUND_OPENS),
	};

	return packet;
}

/* The address of the other side. Nothing is loaded past the end of a packet: 0s then. */
static __always_inline struct address remote_address(struct __sk_buff *skb, enum direction direction)
{
	struct address address = {}, ipv6_copy;
	__be32 ipv4_copy;

	if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		__u32 offset = direction == INGRESS ? IPV6_SOURCE : IPV6_DEST;
		const struct address *ipv6 = header_at(skb, offset, &ipv6_copy, sizeof(ipv6_copy));

		if (ipv6)
			__builtin_memcpy(&address, ipv6, sizeof(address));
	} else {
		__u32 offset = direction == INGRESS ? IPV4_SOURCE : IPV4_DEST;
		const __be32 *ipv4 = header_at(skb, offset, &ipv4_copy, sizeof(ipv4_copy));

		address.words[1] = (__u64)(ipv4 ? *ipv4 : 0) << 32 | bpf_htonl(0xffff);
	}
	return address;
}

#endif
