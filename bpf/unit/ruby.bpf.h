/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Ruby: which unit has made the thread that runs. Nothing in a thread leads to its maker, and its native thread may be one that
 * is used again. Whoever makes a thread initialises its interrupt lock, and a thread that ends destroys its own, both by
 * exported functions: uprobes see them. Where that lock lies in a thread is not told: the registers of its maker say, which
 * hold the new thread, and the first thread that ends proves it.
 */
#ifndef SOCKSPAN_RUBY_H
#define SOCKSPAN_RUBY_H

#include "kernel/scope.bpf.h"
#include "unit/unit.bpf.h"
#include "unit/unit_edge.bpf.h"

/* By the address of a thread's lock. */
struct ruby_creation {
	__u64 id;  /* names it for ever */
	__u64 pid; /* of the native thread that its maker ran on */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct unit_key);
	__type(value, struct ruby_creation);
} ruby_creations SEC(".maps");

/* By tgid: offset of the lock in a thread. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, __u64);
} ruby_locks SEC(".maps");

#define RUBY_THREAD_SIZE 1024 /* bytes of rb_thread_t in which the lock is looked for (vm_core.h) */

static __always_inline bool is_lock_offset(__u64 offset)
{
	return offset && offset < RUBY_THREAD_SIZE && !(offset & 7);
}

/* Of the thread that runs; 0: it was not seen. */
static __noinline __u64 ruby_creation(__u64 tgid, __u64 thread)
{
	struct unit_key key = { .id = thread, .tgid = tgid };
	__u64 *offset = bpf_map_lookup_elem(&ruby_locks, &tgid);
	struct ruby_creation *known;

	if (!offset)
		return 0;
	key.id += *offset;
	known = bpf_map_lookup_elem(&ruby_creations, &key);
	return known ? known->id : 0;
}

static __always_inline bool find_ruby_unit(struct unit *unit, struct caller *caller)
{
	struct process_control *process = NULL;
	struct task_struct *task = (void *)bpf_get_current_task();

	if (!is_traced(caller, &process) || !process || process->unit_kind != UNIT_RUBY_FIBER)
		return false;
	walk_unit_steps(unit, process, caller, 0, THREAD_POINTER(ACCESS_PROBE, task), 0);
	return unit->unit_id && unit->parent;
}

/* The one register that holds an object in which the lock lies, but for the thread that runs; 0: none or several do. */
static __always_inline __u64 offset_by_registers(const struct pt_regs *regs, __u64 lock, __u64 current_thread)
{
	const __u64 kept[] = { regs->bx, regs->bp, regs->r12, regs->r13, regs->r14, regs->r15 };
	__u64 found = 0;

	for (int i = 0; i < 6; i++) {
		__u64 offset = lock - kept[i];

		if (!is_lock_offset(offset) || kept[i] == current_thread || offset == found)
			continue;
		if (found)
			return 0;
		found = offset;
	}
	return found;
}

/* rb_native_mutex_initialize(lock), at its entry. */
static __always_inline int ruby_lock_made(const struct pt_regs *regs)
{
	struct ruby_creation made = { .id = bpf_ktime_get_ns() };
	struct unit_key key = { .id = FIRST_ARGUMENT(regs) };
	struct caller caller = {};
	struct unit unit = no_unit;
	__u64 tgid, offset;

	if (!find_ruby_unit(&unit, &caller))
		return 0;
	tgid = key.tgid = caller.tgid;
	made.pid = caller.pid;
	bpf_map_update_elem(&ruby_creations, &key, &made, BPF_ANY);
	if (!bpf_map_lookup_elem(&ruby_locks, &tgid)) {
		offset = offset_by_registers(regs, key.id, unit.parent);
		if (offset)
			bpf_map_update_elem(&ruby_locks, &tgid, &offset, BPF_ANY);
	}
	return tell_edge(&caller, &(struct edge){ .from = unit.unit_id,
						  .to = made.id,
						  .from_creation = ruby_creation(tgid, unit.parent),
						  .timestamp_ns = made.id,
						  .unit_kind = UNIT_RUBY_FIBER,
						  .kind = UNIT_EDGE_CREATES });
}

/* rb_native_mutex_destroy(lock), at its entry: mostly of the thread that runs. */
static __always_inline int ruby_lock_destroyed(__u64 lock)
{
	struct unit_key key = { .id = lock };
	struct ruby_creation *known;
	struct caller caller = {};
	struct unit unit = no_unit;
	__u64 tgid, offset;

	if (!find_ruby_unit(&unit, &caller))
		return 0;
	tgid = key.tgid = caller.tgid;
	offset = lock - unit.parent;
	known = bpf_map_lookup_elem(&ruby_creations, &key);
	if (!known || known->pid == caller.pid || !is_lock_offset(offset))
		return 0;
	bpf_map_update_elem(&ruby_locks, &tgid, &offset, BPF_ANY);
	bpf_map_delete_elem(&ruby_creations, &key);
	return 0;
}

#endif
