/* Counts the UDP datagrams that a cgroup sends, drops those to one port, and tells of each that it dropped. */
#include <stddef.h>
#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

const volatile __u16 blocked_port;

/* Passed and dropped. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64[2]);
} counts SEC(".maps");

/* A port for each datagram that was dropped. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} drops SEC(".maps");

SEC("cgroup_skb/egress")
int egress(struct __sk_buff *skb)
{
	__u32 zero = 0;
	__u64 *count = bpf_map_lookup_elem(&counts, &zero);
	struct iphdr ip;
	struct udphdr udp;

	if (!count || bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)) || ip.version != 4 || ip.protocol != IPPROTO_UDP)
		return 1;
	if (bpf_skb_load_bytes(skb, ip.ihl * 4, &udp, sizeof(udp)))
		return 1;
	if (bpf_ntohs(udp.dest) != blocked_port) {
		count[0] += 1;
		return 1;
	}
	count[1] += 1;
	bpf_ringbuf_output(&drops, (void *)&blocked_port, sizeof(blocked_port), 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
