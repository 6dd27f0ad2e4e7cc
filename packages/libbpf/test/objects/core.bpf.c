/* Needs the kernel's BTF: one field that exists, one that does not. */
#include "types.h"
#include <bpf/bpf_core_read.h>

struct task_struct {
	int pid;
	int no_such_field;
} __attribute__((preserve_access_index));

__u32 found;

SEC("raw_tp/sys_enter")
int relocated(struct bpf_raw_tracepoint_args *context)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	found = bpf_core_field_exists(task->pid) + 2 * bpf_core_field_exists(task->no_such_field);
	return BPF_CORE_READ(task, pid);
}

SEC("raw_tp/sys_enter")
int impossible(struct bpf_raw_tracepoint_args *context)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	return BPF_CORE_READ(task, no_such_field);
}
