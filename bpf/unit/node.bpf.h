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
 * function awaits that; until then it is told as detached.
 */
#ifndef SOCKSPAN_NODE_H
#define SOCKSPAN_NODE_H

#include "unit/node_function.bpf.h"

/* The slot of an await's context that holds the generator (src/builtins/builtins-async-gen.cc), less the tag. */
#define AWAIT_GENERATOR 0x1f
#define GENERATOR_PROMISE 0x4f /* of a JSAsyncFunctionObject, less the tag */
#define GENERATOR_REQUEST 0x4f /* of a JSAsyncGeneratorObject */
#define REQUEST_PROMISE 0x1f /* of an AsyncGeneratorRequest */
#define MAX_AWAITED 8 /* functions that await one another */
#define MAX_ELEMENTS 16 /* of what Promise.all is given */
#define MAX_TOLD 1024 /* in one callback */

/* What is awaited by its owner's own functions is its owner's, and what that awaits. */
static __noinline int attach_awaited(__u64 promise, __u32 tgid, const struct node_run *run)
{
	struct unit_key key = { .id = promise, .tgid = tgid };
	struct node_promise *known;
	struct node_function *function;

	for (int i = 0; i < MAX_AWAITED; i++) {
		known = bpf_map_lookup_elem(&node_promises, &key);
		if (!known || known->run != run->begin_ns || known->collections != run->collections)
			return 0;
		key.id = known->function;
		function = bpf_map_lookup_elem(&node_functions, &key);
		if (!function || function->run != run->begin_ns || !function->is_detached)
			return 0;
		function->is_detached = 0;
		if (!function->awaited)
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
	find_turn(node);
	started->turn = node->turn;
	if (is_running) {
		started->owner = is_current(run, node) ? run->owner : 0;
		started->is_detached = 1;
		return;
	}
	if (node->phase == TURN_PHASE_POLL)
		started->owner = node->turn;
}

static __always_inline void note_awaited(const struct unit_key *key, struct node_function *function, __u64 value,
					 struct node_run *run, const struct node_caller *node)
{
	function->awaited = value & 1 ? value : 0;
	function->awaited_moves = 0;
	function->awaits_all = 0;
	function->await = ++run->awaits;
	function->await_turn = run->microtask == read_u64(node->microtasks + MICROTASKS_FINISHED) ? run->turn : 0;
	if (function->awaited && run->awaits_all == read_u64(node->microtasks + MICROTASKS_FINISHED) + 1)
		await_all(key, function);
}

/*
 * AsyncFunctionAwait(generator, value), at its entry, and AsyncGeneratorAwait.
 * own: the promise that whoever awaits the function itself awaits
 */
static __always_inline int node_awaits(__u64 generator, __u64 value, __u64 own)
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
	count_hit(run, &node);
	key.tgid = node.caller.tgid;
	function = function_of(&key, run);
	if (function) {
		note_awaited(&key, function, value, run, &node);
		if (!function->is_detached)
			attach_awaited(value, key.tgid, run);
		return 0;
	}
	find_owner(&started, &node, run);
	if (!started.turn)
		return 0;
	started.run = promise.run = run->begin_ns;
	note_awaited(&key, &started, value, run, &node);
	started.await_turn = started.turn;
	promise.collections = run->collections;
	bpf_map_update_elem(&node_functions, &key, &started, BPF_ANY);
	if (!started.owner)
		return 0;
	if (!started.is_detached)
		return attach_awaited(value, key.tgid, run);
	key.id = own;
	if (own & 1)
		bpf_map_update_elem(&node_promises, &key, &promise, BPF_ANY);
	return 0;
}

static __always_inline int node_function_awaits(__u64 generator, __u64 value)
{
	return node_awaits(generator, value, read_u64(generator + GENERATOR_PROMISE));
}

/* A generator has a promise for each next(): that of the first request in its queue. */
static __always_inline int node_generator_awaits(__u64 generator, __u64 value)
{
	return node_awaits(generator, value, read_u64(read_u64(generator + GENERATOR_REQUEST) + REQUEST_PROMISE));
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
	if (!run)
		return 0;
	run->awaits_all = read_u64(node.microtasks + MICROTASKS_FINISHED) + 1;
	if (run->is_detached || !is_current(run, &node))
		return 0;
	elements = read_u64(array + ARRAY_ELEMENTS);
	if (!(elements & 1))
		return 0;
	length = read_u64(elements + ELEMENTS_LENGTH) >> 32; /* a small integer */
	for (__u32 i = 0; i < MAX_ELEMENTS && i < length; i++)
		attach_awaited(read_u64(elements + ELEMENTS_FIRST + i * 8), node.caller.tgid, run);
	return 0;
}

/*
 * `function` goes on in this callback, or one of those that it waits for together is there. Told beside: how many microtasks wait
 * behind it (16 bits), in which drain of their queue (16 bits), which await of the process it was (20 bits), and whether that
 * began in the callback of its owner.
 */
static __always_inline int tell_resumed(struct node_run *run, const struct node_caller *node,
					const struct node_function *function)
{
	__u64 waiting = read_u64(node->microtasks + MICROTASKS_QUEUED);
	__u64 owner = function ? function->owner : 0;
	__u64 await = function ? function->await : 0;
	bool is_at_once = owner && function->await_turn == owner;

	if (run->told_turn != node->turn)
		run->told = 0;
	run->told_turn = node->turn;
	/* What the callback itself has started has waited for nothing that came before. */
	if (function && function->turn == node->turn)
		return 0;
	if (node->phase != TURN_PHASE_POLL || run->told++ >= MAX_TOLD)
		return 0;
	if (waiting > 0xffff)
		waiting = 0xffff;
	return tell_edge(&node->caller,
			 &(struct edge){ .from = owner,
					 .to = node->turn,
					 .from_creation = waiting | (run->drains & 0xffffULL) << 16 |
							  (await & 0xfffff) << 32 | (__u64)is_at_once << 52,
					 .work = node->finished,
					 .unit_kind = UNIT_NODE_ASYNC,
					 .kind = owner && function->is_detached ? UNIT_EDGE_RESUMES_DETACHED :
										  UNIT_EDGE_RESUMES });
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
	count_hit(run, &node);
	key.tgid = node.caller.tgid;
	find_turn(&node);
	function = function_of(&key, run);
	run->owner = function ? function->owner : 0;
	run->is_detached = function ? function->is_detached : 1;
	run->microtask = node.finished;
	run->turn = node.turn;
	return tell_resumed(run, &node, function);
}

/* Of the context of what Promise.all waits for (src/builtins/promise-all.tq), and of a PromiseCapability, less the tag. */
#define ELEMENT_CAPABILITY 0x27
#define CAPABILITY_PROMISE 0x07

/* PromiseAllResolveElementClosure, at its entry: one of those that Promise.all waits for is there. */
static __always_inline int node_element(__u64 context)
{
	struct node_caller node = {};
	struct unit_key key = {};
	struct node_function *function;
	struct node_waiter *waiter;
	struct node_run *run;
	__u64 promise;

	if (!find_node(&node))
		return 0;
	run = run_of(&node);
	if (!run)
		return 0;
	count_hit(run, &node);
	key.tgid = node.caller.tgid;
	key.id = read_u64(read_u64(context + ELEMENT_CAPABILITY) + CAPABILITY_PROMISE);
	waiter = bpf_map_lookup_elem(&node_waiters, &key);
	if (!waiter || waiter->run != run->begin_ns)
		return 0;
	promise = key.id;
	key.id = waiter->function;
	function = function_of(&key, run);
	if (!function || function->awaited != promise)
		return 0;
	find_turn(&node);
	return tell_resumed(run, &node, function);
}

/* RunMicrotasks, at its entry: what follows from one callback, or from one of several in a row, runs until nothing is left. */
static __always_inline int node_drains(void)
{
	struct node_caller node = {};
	struct node_run *run;

	if (!find_node(&node))
		return 0;
	run = run_of(&node);
	if (!run)
		return 0;
	count_hit(run, &node);
	run->drains++;
	return 0;
}

#endif
