/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Threads: who has created which, on which unit, and when one ends before its process does. */
#ifndef SOCKSPAN_THREAD_H
#define SOCKSPAN_THREAD_H

#include "event.h"
#include "kernel/scope.bpf.h"
#include "unit/unit.bpf.h"
#include "unit/unit_edge.bpf.h"

#define SIGNAL_GROUP_EXIT 0x00000004 /* include/linux/sched/signal.h */

/* False: not traced, or a runtime whose units take any thread, or one that is kept for the next: threads are for none of them. */
static __always_inline bool tells_threads(struct caller *caller, struct process_control **process)
{
	__u32 kind;

	if (!in_scope(caller))
		return false;
	*process = bpf_map_lookup_elem(&processes, &caller->tgid);
	if (!*process)
		return true;
	kind = (*process)->unit_kind;
	return (*process)->filter == PROCESS_FILTER_NONE && kind != UNIT_GOROUTINE && kind != UNIT_TOKIO_TASK &&
	       kind != UNIT_NODE_ASYNC && kind != UNIT_NGINX_REQUEST && kind != UNIT_RUBY_FIBER;
}

/* The current thread has created a thread of its process. */
static __always_inline int thread_created(struct task_struct *child)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct caller caller = {}, created = {};
	struct process_control *process;
	struct unit unit = no_unit;
	__u32 kind = UNIT_NONE;

	if (!tells_threads(&caller, &process) || !task_in_scope(child, &created))
		return 0;
	if (process && process->step_count) {
		walk_unit_steps(&unit, process, &caller, 0, THREAD_POINTER(ACCESS_PROBE, task), 0);
		kind = unit.kind ? unit.kind : process->unit_kind;
	}
	return tell_edge(&caller, &(struct edge){ .from = unit.unit_id,
						  .to = created.pid,
						  .unit_kind = unit.unit_id ? kind : UNIT_NONE,
						  .kind = UNIT_EDGE_CREATES_THREAD });
}

/* The current thread ends, and others of its process go on. */
static __always_inline int thread_ended(const struct task_struct *task)
{
	struct caller caller = {};
	struct process_control *process;

	if (task->signal->flags & SIGNAL_GROUP_EXIT || !tells_threads(&caller, &process))
		return 0;
	return tell_edge(&caller, &(struct edge){ .to = caller.pid, .kind = UNIT_EDGE_THREAD_ENDS });
}

#endif
