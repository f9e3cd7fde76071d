/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Node: what is known of a process while its async functions are watched, and what that may cost. */
#ifndef SOCKSPAN_NODE_RUN_H
#define SOCKSPAN_NODE_RUN_H

#include "kernel/scope.bpf.h"
#include "unit/unit.bpf.h"
#include "unit/unit_edge.bpf.h"

/*
 * Of the one thread of a process that is read, key: tgid. It begins when the uprobes are attached: what was seen before names
 * nothing any more, since collections were not seen meanwhile.
 */
struct node_run {
	__u64 begin_ns;
	__u64 owner;     /* of the function that goes on */
	__u64 microtask; /* in which it does: how many were over before */
	__u64 turn;      /* in which it does */
	__u64 told_turn; /* of what was told last */
	__u32 told;      /* in that turn */
	__u32 collections;
	__u32 is_detached;
	__u32 drains; /* of the queue of microtasks: how often it was begun to run what is in it */
	__u32 awaits;
	__u32 padding;
	__u64 awaits_all; /* Promise.all was called when so many microtasks, less one, were over */
	__u32 process; /* a tgid that comes back names another one */
	__u32 hits; /* of its uprobes */
	__u64 counted_ns; /* when they were counted last */
	__u64 excess; /* hits above what is allowed */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct node_run);
} node_runs SEC(".maps");

/* A fifth of a processor: one costs about 4 us (bench/uprobes.ts, a server with 60 awaits a request). */
#define HITS_PER_SECOND 50000
/* What is above it for a while: less at the beginning, so that what is far above it shows soon. */
#define MOST_EXCESS 40000
#define FIRST_EXCESS 30000
#define COUNTED_HITS 1024
#define LONGEST_NS 4000000000ULL

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
	struct unit unit = no_unit;

	unit.turn_id += turn_of(task, false, ACCESS_PROBE);
	if (process)
		walk_unit_steps(&unit, process, &node->caller, 0, THREAD_POINTER(ACCESS_PROBE, task), 0);
	node->finished = unit.microtasks;
	node->turn = unit.turn_id;
	node->phase = unit.turn_id & 3;
}

/* A uprobe is hit. */
static __always_inline void count_hit(struct node_run *run, const struct node_caller *node)
{
	__u64 now, elapsed, allowed;

	if (++run->hits % COUNTED_HITS)
		return;
	now = bpf_ktime_get_ns();
	elapsed = now - run->counted_ns;
	run->counted_ns = now;
	if (elapsed > LONGEST_NS)
		elapsed = LONGEST_NS;
	allowed = elapsed / 1000 * HITS_PER_SECOND / 1000000;
	run->excess += COUNTED_HITS;
	run->excess = run->excess > allowed ? run->excess - allowed : 0;
	if (run->excess < MOST_EXCESS)
		return;
	run->excess = 0;
	tell_edge(&node->caller, &(struct edge){ .unit_kind = UNIT_NODE_ASYNC, .kind = UNIT_EDGE_RESUMES_OFTEN });
}

/* Of the function that goes on in this very microtask. */
static __always_inline bool is_current(const struct node_run *run, const struct node_caller *node)
{
	return run->owner && run->microtask == read_u64(node->microtasks + MICROTASKS_FINISHED);
}

static __always_inline void node_exited(void)
{
	struct caller caller = {};

	if (in_scope(&caller))
		bpf_map_delete_elem(&node_runs, &caller.tgid);
}

#endif
