/* Writes what it is given into a ring buffer; one record in three is discarded. */
#include "types.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

struct event {
	__u64 number;
	__u64 twice;
};

SEC("raw_tp/sys_enter")
int emit(struct bpf_raw_tracepoint_args *context)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event)
		return 1;
	event->number = context->args[0];
	event->twice = context->args[0] * 2;
	if (context->args[0] % 3 == 2)
		bpf_ringbuf_discard(event, 0);
	else
		bpf_ringbuf_submit(event, 0);
	return 0;
}
