/* Reads beyond its context: the verifier must refuse it. */
#include "types.h"

SEC("cgroup_skb/ingress")
int fine(struct __sk_buff *skb)
{
	return 1;
}

SEC("cgroup_skb/ingress")
int beyond(struct __sk_buff *skb)
{
	return *(volatile int *)((char *)skb + 4096);
}
