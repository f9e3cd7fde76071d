/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Configuration, and what both objects keep of processes. docs/kernel.md says who writes and what evicts. */
#ifndef SOCKSPAN_PROCESS_MAPS_H
#define SOCKSPAN_PROCESS_MAPS_H

#include "control.h"

const volatile struct trace_conf trace_conf = {
	.default_limit = 4096,
	.udp_send_by_length = 1,
	.recvmsg_arguments = 5,
	.burst_bytes = 4 << 20,
	.trace_requests = 1,
};

/* Programs of perf events may only use hash maps that are allocated beforehand, until 6.1. */
#ifndef PROCESSES_FLAGS
#define PROCESSES_FLAGS BPF_F_NO_PREALLOC
#define PROCESSES_ENTRIES 32768
#endif

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, PROCESSES_FLAGS);
	__uint(max_entries, PROCESSES_ENTRIES);
	__type(key, __u32);
	__type(value, struct process_control);
} processes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LOSS_REASONS);
	__type(key, __u32);
	__type(value, __u64);
} loss_counters SEC(".maps");

static __always_inline void count(__u32 reason)
{
	__u64 *counter = bpf_map_lookup_elem(&loss_counters, &reason);

	if (counter)
		*counter += 1;
}

#endif
