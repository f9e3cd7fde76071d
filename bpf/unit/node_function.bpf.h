/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Node: the async functions that are known, by the address of the object with which each waits.
 *
 * The collector moves objects. When it has done so their old places still say where they went (MapWord in V8's
 * src/objects/map-word.h), so each is followed; one of which that is not known is forgotten. Until the next collection no
 * other object can be where one was, so an address names nothing else.
 */
#ifndef SOCKSPAN_NODE_FUNCTION_H
#define SOCKSPAN_NODE_FUNCTION_H

#include "unit/node_run.bpf.h"

struct node_function {
	__u64 owner;    /* turn_id of a callback; 0: not known */
	__u64 turn;     /* in which it was started, by then */
	__u64 moved_ns; /* by the collection that was told at this time */
	__u64 awaited;  /* promise; 0: not known */
	__u64 await_turn; /* in which it began to await that; 0: not known */
	__u64 run;      /* in which this was seen: when that began */
	__u32 moves;
	__u32 awaited_moves;
	__u32 is_detached; /* was started by one that goes on, which has not awaited it */
	__u32 await; /* number of its last one */
	__u32 awaits_all; /* what it awaits may be Promise.all's, and is in node_waiters */
	__u32 padding;
};

/* Promise of a function that is detached, key: its address, until the next collection. */
struct node_promise {
	__u64 function;
	__u64 run;
	__u64 collections;
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

/* Function that awaits what Promise.all has given, key: that promise. */
struct node_waiter {
	__u64 function;
	__u64 run;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct unit_key);
	__type(value, struct node_waiter);
} node_waiters SEC(".maps");

/* A survivor of two collections of the young generation is old, and not moved by the next one. */
#define MOVES_UNTIL_OLD 2
#define COLLECTOR_SCAVENGER 0 /* enum class GarbageCollector, src/common/globals.h */

static __always_inline struct node_function *function_of(const struct unit_key *key, const struct node_run *run)
{
	struct node_function *known = bpf_map_lookup_elem(&node_functions, key);

	return known && known->run == run->begin_ns ? known : NULL;
}

/* Of processes that have ended, and of what was seen before. */
static long drop_old_function(void *map, struct unit_key *key, struct node_function *function, void *context)
{
	struct node_run *run = bpf_map_lookup_elem(&node_runs, &key->tgid);

	if (!run || run->begin_ns != function->run)
		bpf_map_delete_elem(&node_functions, key);
	return 0;
}

static __always_inline struct node_run *run_of(const struct node_caller *node)
{
	struct node_run *run = bpf_map_lookup_elem(&node_runs, &node->caller.tgid);
	struct node_run new = {};

	if (run && run->process == node->process_id)
		return run;
	new.begin_ns = bpf_ktime_get_ns();
	new.process = node->process_id;
	new.excess = FIRST_EXCESS;
	new.counted_ns = new.begin_ns;
	bpf_map_update_elem(&node_runs, &node->caller.tgid, &new, BPF_ANY);
	bpf_for_each_map_elem(&node_functions, drop_old_function, NULL, 0);
	return bpf_map_lookup_elem(&node_runs, &node->caller.tgid);
}

struct node_collection {
	__u64 now;
	__u64 run;
	__u32 tgid;
	__u32 collector;
};

/* @return where the object is now; 0: that is not known */
static __always_inline __u64 follow(__u64 object, __u32 *moves, __u32 collector)
{
	__u64 map_word;

	if (!(object & 1) || bpf_probe_read_user(&map_word, sizeof(map_word), (void *)(object - 1)))
		return 0;
	/* A map has the tag of a heap object, the address of where the object went has none. */
	if (map_word & 1)
		return collector == COLLECTOR_SCAVENGER && *moves >= MOVES_UNTIL_OLD ? object : 0;
	*moves = collector == COLLECTOR_SCAVENGER ? *moves + 1 : MOVES_UNTIL_OLD;
	return map_word + 1;
}

static __always_inline void await_all(const struct unit_key *key, struct node_function *function)
{
	struct unit_key promise = { .id = function->awaited, .tgid = key->tgid };
	struct node_waiter waiter = { .function = key->id, .run = function->run };

	function->awaits_all = 1;
	bpf_map_update_elem(&node_waiters, &promise, &waiter, BPF_ANY);
}

static long follow_function(void *map, struct unit_key *key, struct node_function *function, void *context)
{
	const struct node_collection *collection = context;
	struct node_function moved = *function;
	struct unit_key to = { .tgid = key->tgid }, promise = { .id = moved.awaited, .tgid = key->tgid };

	if (key->tgid != collection->tgid || moved.moved_ns == collection->now)
		return 0;
	if (moved.awaits_all)
		bpf_map_delete_elem(&node_waiters, &promise);
	to.id = moved.run == collection->run ? follow(key->id, &moved.moves, collection->collector) : 0;
	if (to.id != key->id)
		bpf_map_delete_elem(&node_functions, key);
	if (!to.id)
		return 0;
	moved.moved_ns = collection->now;
	moved.awaited = follow(moved.awaited, &moved.awaited_moves, collection->collector);
	if (moved.awaits_all && moved.awaited)
		await_all(&to, &moved);
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
	run = run_of(&node);
	if (!run)
		return 0;
	run->collections++;
	collection.run = run->begin_ns;
	bpf_for_each_map_elem(&node_functions, follow_function, &collection, 0);
	return 0;
}

#endif
