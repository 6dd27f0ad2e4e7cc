/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What lies in the maps, for the programs and for src/ebpf/layout.ts, which encodes and decodes the same. A test compares both
 * sides: sizes and offsets of these types and the definitions of the maps, out of the compiled objects' BTF.
 *
 * A change that an older agent's maps do not fit raises LAYOUT_VERSION.
 */
#ifndef PCMC_H
#define PCMC_H

#include <linux/types.h>

#define LAYOUT_VERSION 1

#define SIZE_IS(type, bytes) _Static_assert(sizeof(type) == (bytes), #type " is not as layout.ts has it")

/* ---- system calls ---- */

/* Numbers of both architectures are below this, with room for what kernels will add. */
#define SYSCALLS 512
/* Pods of one node whose calls are counted at a time. */
#define SLOTS 4096
/* Their cgroups, nested ones included. */
#define MAX_CGROUPS 16384

/* Bit n of word n / 64: call number n is wanted. */
struct call_mask {
	__u64 words[SYSCALLS / 64];
};
SIZE_IS(struct call_mask, 64);

/* Whose turn it is to count, of the versions of the programs that are attached. */
struct turn {
	__u32 version;
	/* Of all maps of the node's folder. */
	__u32 layout_version;
};
SIZE_IS(struct turn, 8);

/* One Pod's calls by number, on one CPU. */
struct call_counts {
	__u64 calls[SYSCALLS];
};
SIZE_IS(struct call_counts, 4096);

/* ---- firewall ---- */

#define PORT_BITMAP_BYTES 8192
#define MAX_NODE_ADDRESSES 128
/* Remembered UDP peers of one Pod: those that it wrote to, and those that wrote to it. */
#define MAX_UDP_PEERS 4096
/* Of which the most recently blocked ports are told apart. */
#define MAX_BLOCKED_PORTS 1024

enum direction { INGRESS, EGRESS };
enum protocol { TCP, UDP };
/* Lists of ports of a policy: what is blocked where a PodConfigMapConfig enforces, and where it only audits. */
enum list { ENFORCED, AUDITED };
/* How a packet is counted. In audit mode what is counted as blocked passes. */
enum verdict { ALLOWED, BLOCKED };

/* In policy.flags. */
#define JUDGES(direction) (1u << (direction))
#define ENFORCES_ESTABLISHED (1u << 2)
/* The list of this direction and protocol blocks some port. */
#define RESTRICTS(direction, list, protocol) (1u << (8 + (direction) * 4 + (list) * 2 + (protocol)))

/* IPv6, or IPv4 as ::ffff:a.b.c.d; in network byte order. */
struct address {
	__u64 words[2];
};
SIZE_IS(struct address, 16);

/* Bit p of byte p / 8 of a bitmap: port p is open. */
struct policy {
	/* Raised with each replacement; its last bit chooses the counters. */
	__u64 generation;
	__u32 flags;
	__u32 node_address_count;
	/* From these, probe_ports are open for TCP whatever the lists say. */
	struct address node_addresses[MAX_NODE_ADDRESSES];
	__u8 probe_ports[PORT_BITMAP_BYTES];
	/* [direction][list][protocol] */
	__u8 open[2][2][2][PORT_BITMAP_BYTES];
};
SIZE_IS(struct policy, 75792);

/* Of one Pod, on one CPU. */
struct counters {
	/* [last bit of the policy's generation][direction][protocol][verdict] */
	__u64 verdicts[2][2][2][2];
	/* [direction]: IP headers that cannot be followed to a protocol; dropped where either protocol is restricted. */
	__u64 unparsable[2];
};
SIZE_IS(struct counters, 144);

/* Key of blocked_ports; the value is a count. */
struct blocked_port {
	__u16 port;
	__u8 direction;
	__u8 protocol;
};
SIZE_IS(struct blocked_port, 4);

/* What a socket keeps of its TCP connection. */
struct tcp_flow {
	/* Direction in which it was opened. */
	__u32 opener;
	/* Low half of the generation of the last policy under which audit has counted it. */
	__u32 audited;
};
SIZE_IS(struct tcp_flow, 8);

/* Key of udp_requests and udp_guests. */
struct udp_peer {
	__u64 socket;
	struct address address;
	/* In network byte order. */
	__u16 port;
	__u16 unused[3];
};
SIZE_IS(struct udp_peer, 32);

/* What a Pod's pinned map `meta` keeps over restarts of the agent; no program reads it. */
struct pod_meta {
	__u32 layout_version;
	/* Of the object whose programs are attached, and of the policy in the map. */
	__u32 firewall_version;
	__u64 generation;
	__u64 cgroup_id;
	/* Process of the Pod's first container, in the node's PID namespace; 0 while unknown. */
	__u32 pid;
	/* Slot in slot_calls and slot_counts plus 1; 0 for none. */
	__u32 slot;
	/* UTF-8, zero-padded. */
	char revision[64];
};
SIZE_IS(struct pod_meta, 96);

#endif
