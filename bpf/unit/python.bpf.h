/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * CPython: which unit has created the one that runs. Nothing in a process leads from a task of asyncio to its maker, nor
 * from the job of a pool or a greenlet, so uprobes see them made: the type's tp_init of _asyncio.Task and of gevent's
 * Greenlet (without gevent: of greenlet's own type), and _queue.SimpleQueue.put, by which ThreadPoolExecutor.submit hands
 * over its job; under gevent's patches the put of its own queue, or the append of the deque in it.
 *
 * A task runs under a context that its initialisation makes. At the function's entry the context is not there yet: it is read
 * when the thread does the next thing that is seen. From then on it is the task's for as long as the task holds it. Both
 * addresses soon name others, often together: which task it is, its address and the last making there say.
 *
 * Where other libraries run what they make under contexts of its own (Trio's tasks, Twisted's coroutines), a context is seen
 * when it is copied from its maker's, and when it is freed.
 */
#ifndef SOCKSPAN_PYTHON_H
#define SOCKSPAN_PYTHON_H

#include "kernel/scope.bpf.h"
#include "unit/unit.bpf.h"
#include "unit/unit_edge.bpf.h"

/* A unit that was made, by its context or its job. */
struct python_creation {
	__u64 id;   /* names it for ever */
	__u64 task; /* that holds the context; 0: it is a job. Of a greenlet: its type */
};

/* Of what a thread makes, by which unit. */
struct python_making {
	__u64 id;
	__u64 task;
	__u64 type;
	__u64 work;
	__u64 from_id;
	__u64 from_creation;
	__u32 from_kind;
	__u32 padding;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct unit_key);
	__type(value, struct python_creation);
} python_creations SEC(".maps");

/* The last task that was made at an address: the id of its creation. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct unit_key);
	__type(value, __u64);
} python_tasks SEC(".maps");

/* By thread. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct python_making);
} python_makings SEC(".maps");

#define TUPLE_SIZE 16
#define TUPLE_ITEMS 24
#define FUNCTION_CODE 48   /* Include/cpython/funcobject.h */
#define CALLABLE_INNER 16  /* of a method or a functools.partial: what it calls */
#define CONTEXT_SHARED 1   /* instead of a task: several run under this context */
#define CONTEXT_COPIED 2   /* the same: it was copied, for no task of asyncio, and is there until it is freed */

static __always_inline void tell_creation(const struct python_making *making, const struct caller *caller)
{
	tell_edge(caller, &(struct edge){ .from = making->from_id,
					  .to = making->id,
					  .from_creation = making->from_creation,
					  .work = making->work,
					  .timestamp_ns = making->id,
					  .unit_kind = making->from_kind,
					  .kind = UNIT_EDGE_CREATES });
}

static __always_inline bool holds_context(const struct process_control *process, __u64 task, __u64 context)
{
	return read_u64(task + process->python.task_context) == context;
}

/* The context of the task that this thread has made last. */
static __noinline int finish_making(const struct process_control *process, const struct caller *caller)
{
	__u64 thread = (__u64)caller->tgid << 32 | caller->pid;
	struct python_making *making = bpf_map_lookup_elem(&python_makings, &thread);
	struct python_creation made = {}, *known;
	struct unit_key key = {};

	if (!process || !making || !making->task)
		return 0;
	made.id = making->id;
	made.task = making->task;
	making->task = 0;
	/* One that is gone already holds none. */
	if (read_u64(made.task + OBJECT_TYPE) != making->type)
		return 0;
	key.id = read_u64(made.task + process->python.task_context);
	key.tgid = caller->tgid;
	/* Made to run under its maker's: it is told from the maker by nothing, and need not be. */
	if (!key.id || key.id == making->from_id)
		return 0;
	known = bpf_map_lookup_elem(&python_creations, &key);
	if (known && known->task != made.task &&
	    (known->task == CONTEXT_SHARED || holds_context(process, known->task, key.id)))
		made.task = CONTEXT_SHARED;
	bpf_map_update_elem(&python_creations, &key, &made, BPF_ANY);
	return 0;
}

/* Until their type is known, whatever is put into such a queue. */
static __always_inline bool is_job(const struct process_control *process, __u64 object)
{
	return !process->python.work_item_type || read_u64(object + OBJECT_TYPE) == process->python.work_item_type;
}

/* Of the unit that runs; 0: it was not seen. */
static __noinline __u64 python_creation(const struct process_control *process, const struct caller *caller, __u64 unit,
					__u32 kind)
{
	struct unit_key key = { .id = unit, .tgid = caller->tgid };
	struct python_creation *known;
	__u64 *last;

	finish_making(process, caller);
	known = bpf_map_lookup_elem(&python_creations, &key);
	if (!known || !process || known->task == CONTEXT_SHARED)
		return 0;
	/* What is made in another way, and is not seen, is of another type. */
	if (kind == UNIT_GREENLET)
		return read_u64(unit + OBJECT_TYPE) == known->task ? known->id : 0;
	if (kind == UNIT_PYTHON_JOB)
		return !known->task && is_job(process, unit) ? known->id : 0;
	if (known->task == CONTEXT_COPIED)
		return known->id;
	if (!known->task || !holds_context(process, known->task, unit))
		return 0;
	/* Another one has been made there, whose context is not yet read on the thread that has made it. */
	key.id = known->task;
	last = bpf_map_lookup_elem(&python_tasks, &key);
	return last ? *last : known->id;
}

#define TASK_COROUTINE 16 /* before its context, in 3.11 to 3.13 */

/* Copied for what runs in it, which is no task of asyncio. */
static __noinline bool is_own_context(const struct caller *caller, __u64 context)
{
	struct unit_key key = { .id = context, .tgid = caller->tgid };
	struct python_creation *known = bpf_map_lookup_elem(&python_creations, &key);

	return known && known->task == CONTEXT_COPIED;
}

/* The context of whoever awaits what the coroutine does; 0: the way is another, or there is nobody. */
static __noinline __u64 awaiter_of(const struct pool_site *site, __u64 coroutine)
{
	__u64 value;

	if (!site || !site->code || read_u64(coroutine + site->code_offset) != site->code)
		return 0;
	value = read_u64(coroutine + site->job_offset);
	for (int hop = 0; hop < POOL_HOPS && value; hop++) {
		if (hop >= site->hop_count)
			break;
		if (hop == site->proof_hop && read_u64(value + site->proof_offset) != site->proof)
			return 0;
		value = read_u64(value + site->hops[hop]);
	}
	return value;
}

/*
 * A client may call by a task of its own, which whoever was done before has made from a queue (Tornado's). What it calls for
 * leads to the future that the caller awaits, and so to the caller's context. 0: it is no such task, or nobody awaits it.
 */
static __noinline __u64 python_awaiter(const struct process_control *process, const struct caller *caller, __u64 unit)
{
	struct unit_key key = { .id = unit, .tgid = caller->tgid };
	struct python_creation *known = bpf_map_lookup_elem(&python_creations, &key);
	__u64 coroutine, awaiter = 0;

	if (!process || !known || known->task <= CONTEXT_COPIED || !holds_context(process, known->task, unit))
		return 0;
	coroutine = read_u64(known->task + process->python.task_context - TASK_COROUTINE);
	for (int i = 0; i < CLIENT_SITES && coroutine && !awaiter; i++)
		awaiter = awaiter_of(&process->python.clients[i], coroutine);
	return awaiter;
}

/* @return whether the process is one whose makers are watched */
static __always_inline bool watches_makers(struct caller *caller, struct process_control **process)
{
	return is_traced(caller, process) && *process && (*process)->step_count && (*process)->python.task_context;
}

/* Who makes what `making` is told of. */
static __always_inline void find_maker(struct python_making *making, const struct caller *caller,
				       const struct process_control *process)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct unit unit = no_unit;

	walk_unit_steps(&unit, process, caller, 0, THREAD_POINTER(ACCESS_PROBE, task), 0);
	making->id = bpf_ktime_get_ns();
	if (unit.unit_id) {
		making->from_id = unit.unit_id;
		making->from_kind = unit.kind ? unit.kind : process->unit_kind;
		making->from_creation = python_creation(process, caller, unit.unit_id, making->from_kind);
	} else {
		finish_making(process, caller);
		making->from_id = caller->pid;
	}
}

/* Task.__init__(self, coro, ...), at its entry; `arguments`: the tuple of the positional ones. */
static __always_inline int task_made(__u64 self, __u64 arguments)
{
	struct process_control *process = NULL;
	struct python_making making = {};
	struct unit_key key = { .id = self };
	struct caller caller = {};
	__u64 thread;

	if (!watches_makers(&caller, &process))
		return 0;
	find_maker(&making, &caller, process);
	/* Whatever runs in a job is the job's. */
	if (making.from_kind == UNIT_PYTHON_JOB)
		return 0;
	making.task = self;
	making.type = read_u64(self + OBJECT_TYPE);
	if (read_u64(arguments + TUPLE_SIZE))
		making.work = read_u64(read_u64(arguments + TUPLE_ITEMS) + process->python.coroutine_name);
	thread = (__u64)caller.tgid << 32 | caller.pid;
	bpf_map_update_elem(&python_makings, &thread, &making, BPF_ANY);
	key.tgid = caller.tgid;
	bpf_map_update_elem(&python_tasks, &key, &making.id, BPF_ANY);
	tell_creation(&making, &caller);
	return 0;
}

/* The code that something runs, also behind a method or a partial; 0: another kind of callable. */
static __always_inline __u64 code_of(const struct process_control *process, __u64 callable)
{
	if (!process->python.function_type)
		return 0;
	for (int inner = 0; inner < 2; inner++) {
		if (read_u64(callable + OBJECT_TYPE) == process->python.function_type)
			return read_u64(callable + FUNCTION_CODE);
		callable = read_u64(callable + CALLABLE_INNER);
	}
	return 0;
}

static __always_inline __u64 work_of_job(const struct process_control *process, __u64 job)
{
	__u64 callable = job;

	for (int hop = 0; hop < FUNCTION_HOPS; hop++)
		if (process->python.function_hops[hop])
			callable = read_u64(callable + process->python.function_hops[hop]);
	return code_of(process, callable);
}

/* `job` is put into a queue, at the function's entry; of a list for all kinds of things, too: asked for first. */
static __always_inline int job_submitted(__u64 job)
{
	struct process_control *process = NULL;
	struct python_creation made = {};
	struct python_making making = {};
	struct unit_key key = { .id = job };
	struct caller caller = {};

	if (!job || !watches_makers(&caller, &process) || !is_job(process, job))
		return 0;
	find_maker(&making, &caller, process);
	key.tgid = caller.tgid;
	making.work = work_of_job(process, job);
	made.id = making.id;
	bpf_map_update_elem(&python_creations, &key, &made, BPF_ANY);
	tell_creation(&making, &caller);
	return 0;
}

/* Greenlet.__init__(self, run, ...), at its entry; `arguments`: the tuple of the positional ones. */
static __always_inline int greenlet_made(__u64 self, __u64 arguments)
{
	struct process_control *process = NULL;
	struct python_creation made = {};
	struct python_making making = {};
	struct unit_key key = { .id = self };
	struct caller caller = {};

	if (!watches_makers(&caller, &process))
		return 0;
	find_maker(&making, &caller, process);
	if (making.from_kind != UNIT_GREENLET && making.from_kind != UNIT_PYTHON_JOB)
		return 0;
	if (read_u64(arguments + TUPLE_SIZE))
		making.work = code_of(process, read_u64(arguments + TUPLE_ITEMS));
	key.tgid = caller.tgid;
	made.id = making.id;
	made.task = read_u64(self + OBJECT_TYPE);
	bpf_map_update_elem(&python_creations, &key, &made, BPF_ANY);
	tell_creation(&making, &caller);
	return 0;
}

/* The code at whose call a library has made something: its caller's caller, as far as that is known. */
static __always_inline __u64 site_code(const struct process_control *process, __u64 thread_pointer)
{
	__u64 value = read_u64(thread_pointer + process->steps[0].operand);

	if (process->steps[0].kind != UNIT_STEP_THREAD_POINTER || process->python.site_hops[0] < 0)
		return 0;
	for (int hop = 0; hop < SITE_HOPS; hop++)
		if (process->python.site_hops[hop] >= 0)
			value = value ? read_u64(value + process->python.site_hops[hop]) : 0;
	return value;
}

/* PyContext_CopyCurrent has returned `context`. */
static __always_inline int context_copied(__u64 context)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct python_creation made = { .task = CONTEXT_COPIED };
	struct process_control *process = NULL;
	struct unit_key key = { .id = context };
	struct python_making making = {}, *pending;
	struct caller caller = {};
	__u64 thread;

	if (!context || !watches_makers(&caller, &process))
		return 0;
	/* By the initialisation of a task, which tells more, and will hold it in a moment. */
	thread = (__u64)caller.tgid << 32 | caller.pid;
	pending = bpf_map_lookup_elem(&python_makings, &thread);
	if (pending && pending->task && !read_u64(pending->task + process->python.task_context))
		return 0;
	find_maker(&making, &caller, process);
	if (process->python.puts_off && making.from_kind == UNIT_PYTHON_CONTEXT && !making.from_creation) {
		making.from_kind = UNIT_NONE;
		making.from_id = caller.pid;
	}
	making.work = site_code(process, THREAD_POINTER(ACCESS_PROBE, task));
	key.tgid = caller.tgid;
	made.id = making.id;
	bpf_map_update_elem(&python_creations, &key, &made, BPF_ANY);
	tell_creation(&making, &caller);
	return 0;
}

/* The next context at its address may be one whose making is not seen. */
static __always_inline int context_freed(__u64 context)
{
	struct process_control *process = NULL;
	struct unit_key key = { .id = context };
	struct caller caller = {};

	if (!watches_makers(&caller, &process))
		return 0;
	key.tgid = caller.tgid;
	bpf_map_delete_elem(&python_creations, &key);
	return 0;
}

#endif
