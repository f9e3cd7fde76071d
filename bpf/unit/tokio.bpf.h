/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * tokio: who woke a task, and who spawned it. A client connection is a task of its own (hyper): it writes when the task
 * that has a request for it wakes it, and wakes that one when it has read the answer. Uprobes, on the functions of
 * tokio's waker and on the one that takes a new task in.
 */
#ifndef SOCKSPAN_TOKIO_H
#define SOCKSPAN_TOKIO_H

#include "kernel/scope.bpf.h"
#include "unit/unit.bpf.h"
#include "unit/unit_edge.bpf.h"

/*
 * Who woke a task since it last sent something. The one that it has served wakes it again to take the rest of the
 * answer, and may do so long after it was sent for: it hands its request over first, and wakes then. That is no waker of
 * what comes next, which may be another's that was taken without a wake.
 */
struct task_wake {
	__u64 waker;
	__u64 served; /* sent for last; once the answer is read: woken for that */
	__u32 others; /* wakes by further tasks: whose work comes next is not sure */
	__u32 served_again;
	__u32 has_read; /* from a connection to a server, and has woken nobody since */
	__u32 padding;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768);
	__type(key, struct unit_key);
	__type(value, struct task_wake);
} task_wakes SEC(".maps");

/* A worker polls tasks from within a task of its own, whose id the driver's wakes carry: the lowest that its thread shows. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, __u64);
} worker_tasks SEC(".maps");

#define TASK_VTABLE 16   /* of struct Header: state, queue_next, vtable, owner_id (tokio/src/runtime/task/core.rs) */
#define VTABLE_ID_OFFSET 72 /* of struct Vtable (task/raw.rs) */

static __noinline __u64 task_id(__u64 header)
{
	__u64 offset = read_u64(read_u64(header + TASK_VTABLE) + VTABLE_ID_OFFSET);

	return offset >= 24 && offset < 4096 && !(offset & 7) ? read_u64(header + offset) : 0;
}

/* The task that this thread polls; 0: none, or the process is not traced. */
static __noinline __u64 current_task_id(struct caller *caller)
{
	struct process_control *process = NULL;
	struct task_struct *task = (void *)bpf_get_current_task();

	if (!is_traced(caller, &process) || !process || process->unit_kind != UNIT_TOKIO_TASK || !process->step_count)
		return 0;
	return read_u64(THREAD_POINTER(ACCESS_PROBE, task) + process->steps[0].operand);
}

static __always_inline bool is_worker(const struct caller *caller, __u64 id)
{
	__u64 thread = (__u64)caller->tgid << 32 | caller->pid;
	__u64 *lowest = bpf_map_lookup_elem(&worker_tasks, &thread);

	if (lowest && *lowest < id)
		return false;
	if (!lowest || *lowest > id)
		bpf_map_update_elem(&worker_tasks, &thread, &id, BPF_ANY);
	return true;
}

/* The first that a connection's task wakes when it has read is the one that waits for the answer. */
static __always_inline void tell_answered(const struct caller *caller, __u64 reader, __u64 woken)
{
	struct unit_key key = { .id = reader, .tgid = caller->tgid };
	struct task_wake *known = bpf_map_lookup_elem(&task_wakes, &key);

	if (!known || !known->has_read)
		return;
	known->has_read = 0;
	known->served = woken;
	if (known->waker == woken) {
		known->waker = 0;
		known->served_again = 1;
	}
	tell_edge(caller, &(struct edge){
				  .from = reader, .to = woken, .unit_kind = UNIT_TOKIO_TASK, .kind = UNIT_EDGE_ANSWERS });
}

static __always_inline int task_woken(__u64 header)
{
	struct caller caller = {};
	struct task_wake *known, first = {};
	struct unit_key key = {};

	first.waker = current_task_id(&caller);
	if (!first.waker || is_worker(&caller, first.waker))
		return 0;
	key.id = task_id(header);
	key.tgid = caller.tgid;
	if (!key.id)
		return 0;
	known = bpf_map_lookup_elem(&task_wakes, &key);
	if (key.id == first.waker) {
		/* In another's stead: that one came while the task was about to sleep (AtomicWaker). */
		if (known)
			known->others = 1;
		return 0;
	}
	if (!known)
		bpf_map_update_elem(&task_wakes, &key, &first, BPF_ANY);
	else if (known->served == first.waker)
		known->served_again = 1;
	else if (!known->waker)
		known->waker = first.waker;
	else if (known->waker != first.waker)
		known->others = 1;
	tell_answered(&caller, first.waker, key.id);
	return 0;
}

static __always_inline int task_spawned(__u64 header)
{
	struct caller caller = {};
	__u64 creator = current_task_id(&caller), created;

	if (!creator)
		return 0;
	created = task_id(header);
	if (!created || created == creator)
		return 0;
	return tell_edge(&caller, &(struct edge){ .from = creator,
						  .to = created,
						  .from_creation = creator,
						  .unit_kind = UNIT_TOKIO_TASK,
						  .kind = UNIT_EDGE_CREATES });
}

/* A task reads from a connection to a server. */
static __always_inline void note_answer(const struct caller *caller, __u64 task)
{
	struct unit_key key = { .id = task, .tgid = caller->tgid };
	struct task_wake *known = bpf_map_lookup_elem(&task_wakes, &key), first = { .has_read = 1 };

	if (known)
		known->has_read = 1;
	else if (task)
		bpf_map_update_elem(&task_wakes, &key, &first, BPF_ANY);
}

/* The wakes of the task that sends something: they are told with it, and count no more. */
static __always_inline void take_wakes(struct cause *cause, const struct caller *caller, __u64 task)
{
	struct unit_key key = { .id = task, .tgid = caller->tgid };
	struct task_wake *known = bpf_map_lookup_elem(&task_wakes, &key);

	if (!known)
		return;
	if (!known->others && known->waker) {
		cause->kind = known->served_again ? CAUSE_NEW_WAKER : CAUSE_WAKER;
		cause->id = known->waker;
	}
	if (known->waker)
		known->served = known->others ? 0 : known->waker;
	known->waker = 0;
	known->others = 0;
	known->served_again = 0;
}

#endif
