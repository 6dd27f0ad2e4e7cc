/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What lies in the maps, for the programs and for src/ebpf/layout.ts, which encodes and decodes the same. A test compares both
 * sides: sizes and offsets of these types and the definitions of the maps, out of the compiled objects' BTF.
 *
 * A change that an older agent's maps do not fit raises LAYOUT_VERSION.
 */
#ifndef PCMC_H
#define PCMC_H

#include <linux/bpf.h>
#include <linux/types.h>

#define LAYOUT_VERSION 2

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
/* A node in IPVS mode aside, hardly one has fifty; they are made as they are needed. */
#define MAX_NODE_ADDRESSES 1024
/* Remembered UDP peers of one Pod: those that it wrote to, and those that wrote to it. */
#define MAX_UDP_PEERS 4096
/* Local ports that are told apart by who wrote first, by their last bits: a power of 2. */
#define UDP_PORT_CLASSES 4096
/* Ports at which something was blocked that are told apart: of each bucket those at which it was most. */
#define BLOCKED_PORTS_BUCKETS 256
#define BLOCKED_PORTS_IN_BUCKET 4

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
	__u32 unused;
	/* Open for TCP from the node's addresses, whatever the lists say. */
	__u8 probe_ports[PORT_BITMAP_BYTES];
	/* [direction][list][protocol] */
	__u8 open[2][2][2][PORT_BITMAP_BYTES];
};
SIZE_IS(struct policy, 73744);

/* Of one Pod, on one CPU. */
struct counters {
	/* [last bit of the policy's generation][direction][protocol][verdict] */
	__u64 verdicts[2][2][2][2];
	/* [direction]: IP headers that cannot be followed to a protocol; dropped where either protocol is restricted. */
	__u64 unparsable[2];
};
SIZE_IS(struct counters, 144);

/* A port that is kept, as one number, which is never 0. */
#define PORT_WORD(direction, protocol, port) (1u << 18 | (__u32)(protocol) << 17 | (__u32)(direction) << 16 | (port))

/* What was blocked at ports with the same last bits: one line of a CPU's cache. */
struct blocked_ports {
	__u64 counts[BLOCKED_PORTS_IN_BUCKET];
	/* 0: nothing is kept there. */
	__u32 ports[BLOCKED_PORTS_IN_BUCKET];
	/* Held while a port is given a place. */
	struct bpf_spin_lock lock;
	__u32 unused[3];
};
SIZE_IS(struct blocked_ports, 64);

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
	struct address address;
	/* The socket's cookie, shifted by 16, and the port. Cookies are counted up from 1: 48 bits of one are all of it. */
	__u64 socket_and_port;
};
SIZE_IS(struct udp_peer, 24);

/* [last bits of the local port]: not 0 where udp_requests or udp_guests can have something of such a port. */
struct udp_ports {
	__u8 asked[UDP_PORT_CLASSES];
	__u8 visited[UDP_PORT_CLASSES];
};
SIZE_IS(struct udp_ports, 8192);

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
