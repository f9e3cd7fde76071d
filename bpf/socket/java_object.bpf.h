/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * JVM: which object a call is made for, and where each thread's next object will lie. A thread allocates from a stretch
 * of the heap of its own (threadLocalAllocBuffer.hpp), upwards, so the address of an object tells which thread has made
 * it, and after which of that thread's calls, until the next collection moves it.
 */
#ifndef SOCKSPAN_JAVA_OBJECT_H
#define SOCKSPAN_JAVA_OBJECT_H

#include "socket/java_learn.bpf.h"
#include "socket/java_mount.bpf.h"
#include "socket/java_owner.bpf.h"

static __always_inline bool java_is_task(const struct java_scan *scan)
{
	for (int i = 0; i < JAVA_TASKS; i++)
		if (scan->class == scan->layout.future_tasks[i])
			return true;
	return false;
}

static __always_inline bool java_is_future(__u32 slot, struct java_scan *scan, __u64 object)
{
	scan->class = java_class(scan, object);
	if (scan->class && scan->learns)
		java_learn(slot);
	return scan->class && scan->class == scan->layout.completable_future;
}

static __always_inline void java_found(struct java_scan *scan)
{
	if (scan->object == scan->word)
		return;
	scan->object = scan->word;
	scan->found++;
}

/* The class of what `word` names is to be known, by its name if need be. */
static __always_inline void java_classify(__u32 slot, struct java_scan *scan)
{
	scan->class = java_class(scan, scan->word);
	if (scan->class && scan->learns)
		java_learn(slot);
}

/*
 * The jobs that say of themselves that they run: a FutureTask names the thread that runs it; a CompletableFuture's has let go
 * of its function and of the future, made just before it, that it is to complete.
 */
static __always_inline void java_job(__u32 slot, struct java_scan *scan)
{
	const struct java_layout *layout = &scan->layout;

	if (!scan->class)
		return;
	if (java_is_task(scan)) {
		if (java_reference(scan, scan->word + layout->runner) == scan->self)
			java_found(scan);
	} else if (scan->class == layout->async_supply || scan->class == layout->async_run) {
		if (!java_reference(scan, scan->word + layout->async_future) &&
		    !java_reference(scan, scan->word + layout->async_function) &&
		    java_is_future(slot, scan, scan->word - layout->future_size) &&
		    !java_reference(scan, scan->word - layout->future_size + layout->result))
			java_found(scan);
	}
}

/*
 * One word of the stack that may be a reference. The JDK's HttpClient: what writes to the connection leads to the request that is
 * written, through classes that are checked.
 */
__noinline int java_word(__u32 slot)
{
	struct java_scan *scan = bpf_map_lookup_elem(&java_scans, &slot);

	if (!scan)
		return 0;
	java_classify(slot, scan);
	if (!scan->is_inner) {
		java_job(slot, scan);
		return 0;
	}
	for (int hop = 0; hop < JAVA_HOPS; hop++) {
		if (!scan->class || scan->class != scan->layout.exchange_classes[hop])
			return 0;
		scan->word = java_reference(scan, scan->word + scan->layout.exchange_fields[hop]);
		if (!scan->word)
			return 0;
		java_classify(slot, scan);
	}
	java_found(scan);
	return 0;
}

/* The next words of the stack. @return 0: go on */
__noinline int java_step(__u32 slot)
{
	struct java_scan *scan = bpf_map_lookup_elem(&java_scans, &slot);
	__u64 heap, length;

	if (!scan || scan->at + JAVA_STEP_BYTES > scan->end ||
	    bpf_probe_read_user(scan->words, sizeof(scan->words), (void *)scan->at))
		return 1;
	scan->at += JAVA_STEP_BYTES;
	heap = scan->layout.heap;
	length = scan->layout.heap_length;
	for (int i = 0; i < JAVA_STEP_WORDS; i++) {
		__u64 word = scan->words[i];

		if (word - heap >= length || word & 7)
			continue;
		scan->word = word;
		java_word(slot);
	}
	return 0;
}

/* Finds the one object between two places of the stack; none where there are several. */
static __always_inline bool java_search(__u32 slot, struct java_scan *scan)
{
	scan->object = 0;
	scan->found = 0;
	for (__u32 i = 0; i < JAVA_OUTER_STEPS; i++)
		if (java_step(slot))
			break;
	return scan->found == 1;
}

/* Where the thread's next object will lie. */
static __always_inline void java_place(struct cause *cause, struct java_scan *scan)
{
	scan->at = java_u64(scan, scan->thread + scan->layout.buffer_start);
	scan->end = java_u64(scan, scan->thread + scan->layout.buffer_end);
	java_u64(scan, scan->thread + scan->layout.buffer_top);
	if (!scan->at || scan->value < scan->at || scan->end < scan->value ||
	    (scan->end - scan->at) >> (JAVA_DISTANCE_BITS + 3))
		return;
	cause->kind = CAUSE_JAVA_PLACE;
	cause->id = scan->value;
	cause->request = (scan->value - scan->at) >> 3 << JAVA_DISTANCE_BITS | (scan->end - scan->value) >> 3;
}

/* The layout is copied once, and what the thread is at is noted. @return 0: it is no thread of Java */
__noinline int java_begin(__u32 slot, __u64 thread_pointer, __u32 is_call)
{
	struct call *call = bpf_map_lookup_elem(&calls, &slot);
	struct java_scan *scan = bpf_map_lookup_elem(&java_scans, &slot);
	struct process_control *process;

	if (!call || !scan)
		return 0;
	process = bpf_map_lookup_elem(&processes, &call->caller.tgid);
	if (!process)
		return 0;
	scan->layout = process->java;
	scan->tgid = call->caller.tgid;
	if (java_collects(scan))
		return 0;
	scan->thread = java_u64(scan, java_u64(scan, java_u64(scan, thread_pointer + 8) + scan->layout.tls_block) +
					     scan->layout.current_thread);
	if (!scan->thread)
		return 0;
	scan->collections = java_u32(scan, scan->layout.collections);
	scan->mounted_on = java_u64(scan, java_u64(scan, scan->thread + scan->layout.thread_object));
	scan->self = scan->mounted_on;
	if (scan->layout.mounted_object)
		scan->self = java_u64(scan, java_u64(scan, scan->thread + scan->layout.mounted_object));
	scan->learns = is_call && java_may_learn(&process->java, call->now);
	return 1;
}

/* What the call is made for, or where the thread is in the heap. */
__noinline int java_look(__u32 slot, __u32 is_server)
{
	struct call *call = bpf_map_lookup_elem(&calls, &slot);
	struct java_scan *scan = bpf_map_lookup_elem(&java_scans, &slot);

	if (!call || !scan)
		return 0;
	if (call->cause.kind) {
		call->cause.id = scan->object;
		call->cause.request = java_owner(slot);
	} else if (scan->self == scan->mounted_on) {
		java_place(&call->cause, scan);
		if (is_server)
			java_serves(&call->caller, scan);
	}
	call->unit.count = scan->collections;
	if (java_collects(scan) || java_u32(scan, scan->layout.collections) != scan->collections)
		call->cause.kind = CAUSE_NONE;
	if (!call->cause.kind)
		call->cause.id = call->cause.request = 0;
	return 0;
}

/* The job or the request that a call is for. @return its enum cause_kind */
static __always_inline __u32 java_object(__u32 slot)
{
	struct java_scan *scan = bpf_map_lookup_elem(&java_scans, &slot);

	if (!scan)
		return CAUSE_NONE;
	scan->at = java_u64(scan, scan->thread + scan->layout.last_sp);
	scan->end = java_u64(scan, scan->thread + scan->layout.stack_base) - JAVA_ENTRY_BYTES;
	if (!scan->at || scan->end < scan->at)
		return CAUSE_NONE;
	if (scan->end > scan->at + JAVA_INNER_STEPS * JAVA_STEP_BYTES)
		scan->end = scan->at + JAVA_INNER_STEPS * JAVA_STEP_BYTES;
	else /* the last words, too */
		scan->end = scan->at + ((scan->end - scan->at + JAVA_STEP_BYTES - 1) & ~(JAVA_STEP_BYTES - 1ull));
	scan->is_inner = true;
	if ((scan->layout.exchange_classes[0] || scan->learns) && java_search(slot, scan))
		return CAUSE_JAVA_REQUEST;
	if (!scan->layout.future_tasks[0] && !scan->layout.completable_future && !scan->learns)
		return CAUSE_NONE;
	scan->at = java_u64(scan, scan->thread + scan->layout.last_sp);
	scan->end = java_u64(scan, scan->thread + scan->layout.stack_base) - JAVA_ENTRY_BYTES;
	if (scan->at < scan->end - JAVA_OUTER_STEPS * JAVA_STEP_BYTES)
		scan->at = scan->end - JAVA_OUTER_STEPS * JAVA_STEP_BYTES;
	else /* the outermost words are in a whole step: a little of what the VM itself has on the stack is looked at with them */
		scan->at = scan->end - ((scan->end - scan->at + JAVA_STEP_BYTES - 1) & ~(JAVA_STEP_BYTES - 1ull));
	scan->is_inner = false;
	return java_search(slot, scan) ? CAUSE_JAVA_JOB : CAUSE_NONE;
}

/* A virtual thread is the object that it is made for. */
static __always_inline bool java_is_virtual(__u32 slot)
{
	struct java_scan *scan = bpf_map_lookup_elem(&java_scans, &slot);

	if (!scan || scan->self == scan->mounted_on)
		return false;
	scan->object = scan->self;
	return true;
}

static __always_inline bool java_tells_mounts(__u32 slot)
{
	const struct java_scan *scan = bpf_map_lookup_elem(&java_scans, &slot);

	/* What a carrier allocates is of whichever virtual thread it has mounted. */
	return scan && scan->layout.mounts && scan->self != scan->mounted_on;
}

__noinline int java_call(__u32 slot, __u64 thread_pointer, __u32 is_server)
{
	struct call *call = bpf_map_lookup_elem(&calls, &slot);
	bool is_call;

	if (!call)
		return 0;
	is_call = !is_server && call->direction == DIRECTION_EGRESS;
	if (!java_begin(slot, thread_pointer, is_call))
		return 0;
	if (is_call)
		call->cause.kind = java_object(slot);
	if (is_call && !call->cause.kind && java_is_virtual(slot))
		call->cause.kind = CAUSE_JAVA_THREAD;
	java_look(slot, is_server);
	if (java_tells_mounts(slot))
		java_mounted(slot);
	return 0;
}

#endif
