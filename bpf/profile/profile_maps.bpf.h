/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Maps of the profiler. docs/kernel.md says who writes and what evicts. */
#ifndef SOCKSPAN_PROFILE_MAPS_H
#define SOCKSPAN_PROFILE_MAPS_H

#define PROCESSES_FLAGS 0
#define PROCESSES_ENTRIES 8192

#include "kernel/process_maps.bpf.h"
#include "profile_event.h"

const volatile struct profile_conf profile_conf = {
	.off_cpu_share = ~0U,
	.has_kernel_stacks = 1,
	.has_waker_stacks = 1,
};

/* Samples and processes to user space. Its size may be set before load. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} stack_samples SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, struct process_mappings);
} process_mappings SEC(".maps");

/* User space maps both into its memory and writes them without a system call. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct unwind_mapping);
} unwind_mappings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2 << 20);
	__type(key, __u32);
	__type(value, struct unwind_row);
} unwind_rows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct interpreter);
} interpreters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct script_engine);
} script_engines SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct java_engine);
} java_engines SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct thread_context_place);
} thread_contexts SEC(".maps");

/* What is known of a sample while it is made: the record, and where the unwinder stands. */
struct sampling {
	struct stack_sample_event event;
	__u64 frames[MAX_KERNEL_FRAMES + MAX_USER_FRAMES + 2 * MAX_INTERPRETER_FRAMES + MAX_CONTEXT_WORDS];
	__u64 ip;
	__u64 sp;
	__u64 fp;
	__u64 thread_pointer;
	__u64 interpreter_frame;
	struct process_mappings mappings;
	struct script_engine script; /* zeroes: none */
	struct java_engine java;     /* the same */
	__u64 java_blob;             /* whose code the frame is in; 0: in none's */
	__u32 frame_count; /* words that are in `frames` */
	__u32 is_return;   /* ip is behind a call: the code that it belongs to is one byte before */
	__u32 low;         /* of a binary search */
	__u32 high;
};

/* A sample may interrupt a switch or a wake-up, so each has a place of its own. */
enum {
	SAMPLING_ON_CPU,
	SAMPLING_OFF_CPU,
	SAMPLING_WAKER,
	SAMPLINGS,
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SAMPLINGS);
	__type(key, __u32);
	__type(value, struct sampling);
} samplings SEC(".maps");

#endif
