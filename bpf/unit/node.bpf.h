/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Node: for which request an async function goes on. Promises have no identity that could be read, but what runs between
 * two awaits is one object, V8's JSGeneratorObject: uprobes see it wait and go on. Its owner is the callback of the loop in
 * which it was started, or that of the async function that started it, and stays so as long as it lives.
 *
 *	callback of a read, turn 41:  handler()  awaits                       its owner: 41
 *	callback of a read, turn 57:             goes on, and starts query()  owner of that: 41 too
 *
 * A function that goes on may start one for others: a queue's next job. So what it has started is its owner's only once its own
 * function awaits that; until then it is told without an owner.
 *
 * The collector moves objects. When it has done so their old places still say where they went (MapWord in V8's
 * src/objects/map-word.h), so each is followed; one of which that is not known is forgotten. Until the next collection no
 * other object can be where one was, so an address names nothing else.
 */
#ifndef SOCKSPAN_NODE_H
#define SOCKSPAN_NODE_H

#include "kernel/scope.bpf.h"
#include "unit/unit.bpf.h"
#include "unit/unit_edge.bpf.h"

struct node_function {
	__u64 owner;    /* turn_id of a callback */
	__u64 moved_ns; /* by the collection that was told at this time */
	__u64 awaited;  /* promise; moved by the next collection */
	__u32 collections; /* that were over when it began to await that */
	__u32 process;  /* a tgid that comes back names another one */
	__u32 moves;
	__u32 is_detached; /* was started by one that goes on, which has not awaited it */
};

/* Promise of a function that is detached, key: its address, until the next collection. */
struct node_promise {
	__u64 function;
	__u64 collections;
};

/* Of the one thread of a process that is read, key: tgid. */
struct node_run {
	__u64 owner;     /* of the function that goes on */
	__u64 microtask; /* in which it does: how many were over before */
	__u64 told_turn; /* of what was told last */
	__u32 told;      /* in that turn */
	__u32 collections;
	__u32 is_detached;
	__u32 padding;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct unit_key); /* address of a JSGeneratorObject, tagged */
	__type(value, struct node_function);
} node_functions SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct unit_key);
	__type(value, struct node_promise);
} node_promises SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct node_run);
} node_runs SEC(".maps");

/* The slot of an await's context that holds the generator (src/builtins/builtins-async-gen.cc), less the tag. */
#define AWAIT_GENERATOR 0x1f
/* A survivor of two collections of the young generation is old, and not moved by the next one. */
#define MOVES_UNTIL_OLD 2
#define GENERATOR_PROMISE 0x4f /* of a JSAsyncFunctionObject, less the tag */
#define MAX_AWAITED 8 /* functions that await one another */
#define MAX_ELEMENTS 16 /* of what Promise.all is given */
#define MAX_TOLD 1024 /* in one callback */
#define COLLECTOR_SCAVENGER 0 /* enum class GarbageCollector, src/common/globals.h */

struct node_caller {
	struct caller caller;
	__u32 process_id;
	__u64 microtasks; /* address of the queue */
	__u64 finished; /* microtasks */
	__u64 turn;
	__u32 phase;
	__u32 padding;
};

static __always_inline __u32 process_identity(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	return BPF_CORE_READ(task, group_leader, start_boottime) >> 10;
}

static __always_inline __u64 microtasks_of(const struct process_control *process)
{
	for (int i = 0; i < UNIT_STEPS; i++)
		if (process->steps[i].kind == UNIT_STEP_NODE_MICROTASKS)
			return process->steps[i].operand;
	return 0;
}

/* Worker threads have a heap and a queue of their own, which nobody reads. */
static __always_inline bool find_node(struct node_caller *node)
{
	struct process_control *process = NULL;
	struct caller *caller = &node->caller;

	if (!is_traced(caller, &process) || caller->tgid != caller->pid || !process ||
	    process->unit_kind != UNIT_NODE_ASYNC)
		return false;
	node->microtasks = microtasks_of(process);
	node->process_id = process_identity();
	return node->microtasks != 0;
}

static __always_inline void find_turn(struct node_caller *node)
{
	struct process_control *process = bpf_map_lookup_elem(&processes, &node->caller.tgid);
	struct task_struct *task = (void *)bpf_get_current_task();
	struct unit unit = { .turn_id = turn_of(task, false, ACCESS_PROBE) };

	if (process)
		walk_unit_steps(&unit, process, &node->caller, NULL, THREAD_POINTER(ACCESS_PROBE, task), 0);
	node->finished = unit.microtasks;
	node->turn = unit.turn_id;
	node->phase = unit.turn_id & 3;
}

static __always_inline struct node_function *function_of(const struct unit_key *key, const struct node_caller *node)
{
	struct node_function *known = bpf_map_lookup_elem(&node_functions, key);

	return known && known->process == node->process_id ? known : NULL;
}

static __always_inline struct node_run *run_of(const struct node_caller *node)
{
	static const struct node_run none;
	struct node_run *run = bpf_map_lookup_elem(&node_runs, &node->caller.tgid);

	if (run)
		return run;
	bpf_map_update_elem(&node_runs, &node->caller.tgid, &none, BPF_NOEXIST);
	return bpf_map_lookup_elem(&node_runs, &node->caller.tgid);
}

/* Of the function that goes on in this very microtask. */
static __always_inline bool is_current(const struct node_run *run, const struct node_caller *node)
{
	return run->owner && run->microtask == read_u64(node->microtasks + MICROTASKS_FINISHED);
}

/* What is awaited by its owner's own functions is its owner's, and what that awaits. */
static __noinline int attach_awaited(__u64 promise, __u32 tgid, __u32 collections)
{
	struct unit_key key = { .id = promise, .tgid = tgid };
	struct node_promise *known;
	struct node_function *function;

	for (int i = 0; i < MAX_AWAITED; i++) {
		known = bpf_map_lookup_elem(&node_promises, &key);
		if (!known || known->collections != collections)
			return 0;
		key.id = known->function;
		function = bpf_map_lookup_elem(&node_functions, &key);
		if (!function || !function->is_detached)
			return 0;
		function->is_detached = 0;
		if (function->collections != collections)
			return 0;
		key.id = function->awaited;
	}
	return 0;
}

/*
 * Whose is what is started now: where a function goes on that function's; a microtask that is no async function's may be
 * anybody's; what runs before the microtasks of a callback is the callback's own.
 */
static __always_inline void find_owner(struct node_function *started, struct node_caller *node,
				       const struct node_run *run)
{
	__u8 is_running = 1;

	if (bpf_probe_read_user(&is_running, 1, (void *)(node->microtasks + MICROTASKS_RUN)))
		return;
	if (is_running) {
		started->owner = is_current(run, node) ? run->owner : 0;
		started->is_detached = 1;
		return;
	}
	find_turn(node);
	started->owner = node->phase == TURN_PHASE_POLL ? node->turn : 0;
}

/* AsyncFunctionAwait(generator, value), at its entry. */
static __always_inline int node_awaits(__u64 generator, __u64 value)
{
	struct node_caller node = {};
	struct unit_key key = { .id = generator };
	struct node_function started = {}, *function;
	struct node_promise promise = { .function = generator };
	struct node_run *run;

	if (!find_node(&node))
		return 0;
	run = run_of(&node);
	if (!run)
		return 0;
	key.tgid = node.caller.tgid;
	function = function_of(&key, &node);
	if (function) {
		function->awaited = value;
		function->collections = run->collections;
		if (!function->is_detached)
			attach_awaited(value, key.tgid, run->collections);
		return 0;
	}
	find_owner(&started, &node, run);
	if (!started.owner)
		return 0;
	started.process = node.process_id;
	started.awaited = value;
	started.collections = promise.collections = run->collections;
	bpf_map_update_elem(&node_functions, &key, &started, BPF_ANY);
	if (!started.is_detached)
		return attach_awaited(value, key.tgid, run->collections);
	if (!bpf_probe_read_user(&key.id, sizeof(key.id), (void *)(generator + GENERATOR_PROMISE)))
		bpf_map_update_elem(&node_promises, &key, &promise, BPF_ANY);
	return 0;
}

/* JSArray and FixedArray (src/objects/js-array.tq, fixed-array.tq), less the tag. */
#define ARRAY_ELEMENTS 0x0f
#define ELEMENTS_LENGTH 0x07
#define ELEMENTS_FIRST 0x0f

/* Promise.all(array) and allSettled, at their entry: whoever waits for all waits for each. Above the return address: this, array. */
static __always_inline int node_awaits_all(__u64 stack)
{
	__u64 array = read_u64(stack + 16), elements, length;
	struct node_caller node = {};
	struct node_run *run;

	if (!(array & 1) || !find_node(&node))
		return 0;
	run = run_of(&node);
	if (!run || run->is_detached || !is_current(run, &node))
		return 0;
	elements = read_u64(array + ARRAY_ELEMENTS);
	if (!(elements & 1))
		return 0;
	length = read_u64(elements + ELEMENTS_LENGTH) >> 32; /* a small integer */
	for (__u32 i = 0; i < MAX_ELEMENTS && i < length; i++)
		attach_awaited(read_u64(elements + ELEMENTS_FIRST + i * 8), node.caller.tgid, run->collections);
	return 0;
}

/* What an await of an async function has registered with the promise, at its entry. */
static __always_inline int node_resumes(__u64 context)
{
	struct node_caller node = {};
	struct unit_key key = {};
	struct node_function *function;
	struct node_run *run;

	if (!find_node(&node) || bpf_probe_read_user(&key.id, sizeof(key.id), (void *)(context + AWAIT_GENERATOR)))
		return 0;
	run = run_of(&node);
	if (!run)
		return 0;
	key.tgid = node.caller.tgid;
	find_turn(&node);
	function = function_of(&key, &node);
	run->owner = function ? function->owner : 0;
	run->is_detached = function ? function->is_detached : 1;
	run->microtask = node.finished;
	if (run->told_turn != node.turn)
		run->told = 0;
	run->told_turn = node.turn;
	if (node.phase != TURN_PHASE_POLL || run->told++ >= MAX_TOLD)
		return 0;
	return tell_edge(&node.caller, &(struct edge){ .from = run->is_detached ? 0 : run->owner,
						       .to = node.turn,
						       .from_creation = read_u64(node.microtasks + MICROTASKS_QUEUED),
						       .work = node.finished,
						       .unit_kind = UNIT_NODE_ASYNC,
						       .kind = UNIT_EDGE_RESUMES });
}

struct node_collection {
	__u64 now;
	__u32 tgid;
	__u32 process;
	__u32 collector;
	__u32 padding;
};

static long follow_function(void *map, struct unit_key *key, struct node_function *function, void *context)
{
	const struct node_collection *collection = context;
	struct node_function moved = *function;
	struct unit_key to = { .tgid = key->tgid };
	__u64 map_word;

	if (key->tgid != collection->tgid || moved.moved_ns == collection->now)
		return 0;
	if (moved.process != collection->process ||
	    bpf_probe_read_user(&map_word, sizeof(map_word), (void *)(key->id - 1))) {
		bpf_map_delete_elem(&node_functions, key);
		return 0;
	}
	/* A map has the tag of a heap object, the address of where the object went has none. */
	if (map_word & 1) {
		if (collection->collector != COLLECTOR_SCAVENGER || moved.moves < MOVES_UNTIL_OLD)
			bpf_map_delete_elem(&node_functions, key);
		return 0;
	}
	to.id = map_word + 1;
	moved.moved_ns = collection->now;
	moved.moves = collection->collector == COLLECTOR_SCAVENGER ? moved.moves + 1 : MOVES_UNTIL_OLD;
	bpf_map_delete_elem(&node_functions, key);
	bpf_map_update_elem(&node_functions, &to, &moved, BPF_ANY);
	return 0;
}

/* Heap::GarbageCollectionEpilogueInSafepoint(this, collector), at its entry: what lives has been moved. */
static __always_inline int node_collected(__u32 collector)
{
	struct node_caller node = {};
	struct node_collection collection = { .now = bpf_ktime_get_ns(), .collector = collector };
	struct node_run *run;

	if (!find_node(&node))
		return 0;
	collection.tgid = node.caller.tgid;
	collection.process = node.process_id;
	run = run_of(&node);
	if (run)
		run->collections++;
	bpf_for_each_map_elem(&node_functions, follow_function, &collection, 0);
	return 0;
}

#endif
