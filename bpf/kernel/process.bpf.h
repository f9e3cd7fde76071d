/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The life of processes. Threads are not told. */
#ifndef SOCKSPAN_PROCESS_H
#define SOCKSPAN_PROCESS_H

#include "event.h"
#include "kernel/scope.bpf.h"
#include "unit/trace_map.bpf.h"

/* The ring buffer that they are told to. */
#ifndef PROCESS_EVENTS
#define PROCESS_EVENTS socket_data
#endif

#define EXEC_TEXT 256

static __always_inline void fill_process(struct process_event *event, struct task_struct *task, __u32 action,
					 const struct caller *caller)
{
	event->header.kind = EVENT_PROCESS;
	event->header.length = sizeof(*event);
	event->header.timestamp_ns = bpf_ktime_get_ns();
	event->header.tgid = caller->tgid;
	event->header.pid = caller->pid;
	event->action = action;
	event->parent_tgid = 0;
	event->start_time_ns = task->group_leader->start_boottime;
	event->cgroup_id = bpf_get_current_cgroup_id();
	bpf_core_read(event->comm, sizeof(event->comm), &task->comm);
	event->filename_length = 0;
	event->arguments_length = 0;
}

static __always_inline struct process_event *reserve_process(void)
{
	struct process_event *event = bpf_ringbuf_reserve(&PROCESS_EVENTS, sizeof(*event), 0);

	if (!event)
		count(LOSS_RING_FULL);
	return event;
}

/* A fork has its parent's memory, so its units are where the parent's are, until it executes something else. */
static __always_inline void inherit_control(__u32 parent, __u32 child)
{
	struct process_control *process = bpf_map_lookup_elem(&processes, &parent);

	if (process && (process->filter == PROCESS_FILTER_EXCLUDE_TREE || process->step_count || process->flags))
		bpf_map_update_elem(&processes, &child, process, BPF_ANY);
}

/* What was read of the old program's memory is not true of the new one's. */
static __always_inline void forget_steps(__u32 tgid)
{
	struct process_control *process = bpf_map_lookup_elem(&processes, &tgid);

	if (process)
		process->step_count = process->flags = 0;
}

static __always_inline int process_forked(struct task_struct *parent, struct task_struct *child)
{
	struct caller parent_ids = {}, child_ids = {};
	struct process_event *event;

	if (child->tgid != child->pid || !task_in_scope(child, &child_ids))
		return 0;
	if (task_in_scope(parent, &parent_ids))
		inherit_control(parent_ids.tgid, child_ids.tgid);
	event = reserve_process();
	if (!event)
		return 0;
	fill_process(event, child, PROCESS_FORK, &child_ids);
	event->parent_tgid = parent_ids.tgid;
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
	return 0;
}

static __always_inline int process_executed(struct task_struct *task, struct linux_binprm *bprm)
{
	struct {
		struct process_event event;
		char text[2 * EXEC_TEXT];
	} *record;
	struct caller caller = {}, parent = {};
	__u64 start, length;
	long filename_length;
	__u32 at;

	if (!in_scope(&caller))
		return 0;
	forget_steps(caller.tgid);
	record = bpf_ringbuf_reserve(&PROCESS_EVENTS, sizeof(*record), 0);
	if (!record) {
		count(LOSS_RING_FULL);
		return 0;
	}
	fill_process(&record->event, task, PROCESS_EXEC, &caller);
	if (task_in_scope(task->real_parent, &parent))
		record->event.parent_tgid = parent.tgid;
	filename_length = bpf_probe_read_kernel_str(record->text, EXEC_TEXT, bprm->filename);
	at = filename_length > 0 ? filename_length - 1 : 0;
	at &= EXEC_TEXT - 1;
	record->event.filename_length = at;
	start = task->mm->arg_start;
	length = task->mm->arg_end - start;
	if (length > EXEC_TEXT - 1)
		length = EXEC_TEXT - 1;
	length &= EXEC_TEXT - 1;
	if (bpf_probe_read_user(record->text + at, length, (void *)start))
		length = 0;
	record->event.arguments_length = length;
	record->event.header.length = sizeof(record->event) + at + length;
	/* Many programs live for milliseconds: user space has to read /proc while this one is there. */
	bpf_ringbuf_submit(record, BPF_RB_FORCE_WAKEUP);
	return 0;
}

static __always_inline int process_exited(struct task_struct *task)
{
	struct caller caller = {}, parent = {};
	struct process_event *event;
	bool is_last = !task->signal->live.counter;

	if ((!is_last && !trace_conf.trace_requests) || !in_scope(&caller))
		return 0;
	if (trace_conf.trace_requests)
		forget_thread(&caller, is_last);
	if (!is_last)
		return 0;
	bpf_map_delete_elem(&processes, &caller.tgid);
	event = reserve_process();
	if (!event)
		return 0;
	fill_process(event, task, PROCESS_EXIT, &caller);
	if (task_in_scope(task->real_parent, &parent))
		event->parent_tgid = parent.tgid;
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
	return 0;
}

#endif
