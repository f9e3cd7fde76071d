/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * JVM: which virtual thread has made what lies in which part of the heap. Its carrier allocates for whichever is mounted on
 * it, so what counts is what lies between two moments at which the same one was mounted, and not mounted anew in between:
 * all that go on after a pause come through Continuation::prepare_thaw, and whoever begins one through `freeze`
 * (continuationFreezeThaw.cpp); uprobes see both. Those that begin, or end, pass neither, so what lies between two different ones
 * is nobody's.
 */
#ifndef SOCKSPAN_JAVA_MOUNT_H
#define SOCKSPAN_JAVA_MOUNT_H

#include "socket/java_scan.bpf.h"
#include "unit/unit_edge.bpf.h"

/* By tgid << 32 | pid of the carrier: where it was in the heap at the last such moment. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct java_mark);
} java_marks SEC(".maps");

/* Smaller than any object. */
#define JAVA_LEAST_BYTES 16
/* Pauses that tell nothing cost the same: so many are told together. */
#define JAVA_SILENT_PAUSES 256

/* @return whether it is worth telling */
static __always_inline bool java_tell_made(const struct caller *caller, const struct java_mark *mark, __u64 start,
					   __u64 end)
{
	if (end < start + JAVA_LEAST_BYTES)
		return false;
	tell_edge(caller, &(struct edge){ .from = mark->unit,
					  .to = end,
					  .from_creation = start,
					  .work = mark->collections,
					  .unit_kind = UNIT_JVM_VIRTUAL_THREAD,
					  .kind = UNIT_EDGE_MAKES_OBJECTS });
	return true;
}

/*
 * What the unit of `mark` has made up to now, of which nothing else was mounted since. A stretch that is left is not used again.
 * @return not 0: it is told
 */
static __always_inline int java_made(const struct caller *caller, const struct java_mark *mark, const struct java_mark *now)
{
	if (mark->collections != now->collections)
		return 0;
	if (mark->start == now->start)
		return java_tell_made(caller, mark, mark->top, now->top);
	return (int)java_tell_made(caller, mark, mark->top, mark->end) +
	       java_tell_made(caller, mark, now->start, now->top);
}

/* Where the thread is in the heap. @return false: not known */
static __always_inline bool java_mark_at(struct java_mark *mark, const struct java_layout *java, __u64 thread)
{
	__u32 collections = 0;

	mark->start = read_u64(thread + java->buffer_start);
	mark->top = read_u64(thread + java->buffer_top);
	mark->end = read_u64(thread + java->buffer_end);
	if (bpf_probe_read_user(&collections, sizeof(collections), (void *)java->collections))
		return false;
	mark->collections = collections;
	mark->mounts = java->mounts;
	return mark->start && mark->start <= mark->top && mark->top <= mark->end;
}

static __always_inline __u64 java_continuation(const struct java_layout *java, __u64 thread)
{
	return read_u64(read_u64(thread + java->continuation_entry) + java->continuation);
}

static __always_inline __u64 java_carrier(const struct caller *caller)
{
	return (__u64)caller->tgid << 32 | caller->pid;
}

static __always_inline bool java_is_watched(struct caller *caller, struct process_control **process)
{
	return is_traced(caller, process) && *process && (*process)->java.mounts;
}

/* Continuation::prepare_thaw(thread, ...), at its entry: a virtual thread goes on that had paused. */
static __always_inline int java_thawed(__u64 thread)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct process_control *process = NULL;
	struct java_mark mark = {};
	struct caller caller = {};
	struct unit unit = no_unit;
	struct java_mark *before;
	__u64 carrier;

	if (!java_is_watched(&caller, &process))
		return 0;
	carrier = java_carrier(&caller);
	before = bpf_map_lookup_elem(&java_marks, &carrier);
	if (before)
		mark.silent = before->silent;
	walk_unit_steps(&unit, process, &caller, 0, THREAD_POINTER(ACCESS_PROBE, task), 0);
	mark.continuation = java_continuation(&process->java, thread);
	if (java_mark_at(&mark, &process->java, thread) && mark.continuation)
		mark.unit = unit.unit_id;
	bpf_map_update_elem(&java_marks, &carrier, &mark, BPF_ANY);
	return 0;
}

/* freeze(thread, ...), at its entry: the virtual thread pauses, and is not told by the thread any more, but by its continuation. */
static __always_inline int java_froze(__u64 thread)
{
	struct process_control *process = NULL;
	struct java_mark now = {}, *mark;
	struct caller caller = {};
	__u64 carrier;
	bool is_told;

	if (!java_is_watched(&caller, &process))
		return 0;
	carrier = java_carrier(&caller);
	mark = bpf_map_lookup_elem(&java_marks, &carrier);
	if (!mark)
		return 0;
	is_told = mark->unit && mark->mounts == process->java.mounts && java_mark_at(&now, &process->java, thread) &&
		  mark->continuation == java_continuation(&process->java, thread) && java_made(&caller, mark, &now);
	mark->unit = 0;
	if (is_told)
		return 0;
	if (++mark->silent >= JAVA_SILENT_PAUSES) {
		tell_edge(&caller, &(struct edge){ .to = mark->silent,
						   .unit_kind = UNIT_JVM_VIRTUAL_THREAD,
						   .kind = UNIT_EDGE_MAKES_OBJECTS });
		mark->silent = 0;
	}
	return 0;
}

/* A call of the virtual thread that is mounted. */
static __noinline int java_mounted(__u32 slot)
{
	struct call *call = bpf_map_lookup_elem(&calls, &slot);
	struct java_scan *scan = bpf_map_lookup_elem(&java_scans, &slot);
	struct java_mark *mark;

	if (!call || !scan || !call->unit.unit_id)
		return 0;
	scan->carrier = java_carrier(&call->caller);
	scan->mark.continuation = java_continuation(&scan->layout, scan->thread);
	scan->mark.unit = 0;
	scan->mark.silent = 0;
	if (java_mark_at(&scan->mark, &scan->layout, scan->thread) && scan->mark.continuation &&
	    scan->mark.collections == scan->collections)
		scan->mark.unit = call->unit.unit_id;
	mark = bpf_map_lookup_elem(&java_marks, &scan->carrier);
	if (mark) {
		if (scan->mark.unit && mark->unit == scan->mark.unit && mark->mounts == scan->mark.mounts)
			java_made(&call->caller, mark, &scan->mark);
		scan->mark.silent = mark->silent;
	}
	bpf_map_update_elem(&java_marks, &scan->carrier, &scan->mark, BPF_ANY);
	return 0;
}

#endif
