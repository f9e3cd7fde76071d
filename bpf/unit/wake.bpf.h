/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Wake edges: which thread of a process wakes which other one by a futex, after it has read from a socket. Only for
 * processes whose runtime shows no better unit, and attached only while there is one.
 */
#ifndef SOCKSPAN_WAKE_H
#define SOCKSPAN_WAKE_H

#include "kernel/registers.bpf.h"
#include "kernel/scope.bpf.h"

/* What a thread has read, or was woken for, that long ago is not what it wakes others for. */
#define WAKE_STALE_NS 500000000ULL
/* Reader, its worker, that one's helpers, the thread that waits. */
#define WAKE_HOPS 6

struct wake_cause {
	__u64 read_ns;
	__u32 tgid;
	__u16 hops; /* threads between the reader and this one */
	__u16 serves; /* it has read from a connection that was accepted: each of its wake-ups is told */
};

/* The threads that a read may still have consequences in, by pid. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct wake_cause);
} wake_causes SEC(".maps");

static __always_inline void note_read(const struct caller *caller, const struct process_control *process, __u64 now,
				      __u8 role)
{
	struct wake_cause cause = {
		.read_ns = now, .tgid = caller->tgid, .serves = role == SOCKET_ROLE_SERVER
	};

	if (process && process->flags & PROCESS_FLAG_WAKES)
		bpf_map_update_elem(&wake_causes, &caller->pid, &cause, BPF_ANY);
}

/* HotSpot's own threads wake others for reasons of their own: VM, GC, G1, C1, C2. */
static __always_inline bool is_virtual_machine(const struct task_struct *task)
{
	return task->comm[2] == ' ' && ((task->comm[0] == 'V' && task->comm[1] == 'M') ||
					(task->comm[0] == 'G' && (task->comm[1] == 'C' || task->comm[1] == '1')) ||
					(task->comm[0] == 'C' && (task->comm[1] == '1' || task->comm[1] == '2')));
}

/* Runs for each wake-up of the host, so what most of them fail at comes first. */
static __always_inline int thread_woken(struct task_struct *wakee)
{
	__u64 ids = bpf_get_current_pid_tgid();
	const struct process_control *process;
	struct caller waker, woken = {};
	struct wake_cause *cause, *known, next;
	__u32 hops = 0;
	struct wake_event *event;
	struct task_struct *task;
	struct pt_regs *regs;
	__u64 now;

	if (wakee->tgid != ids >> 32)
		return 0;
	if (!bpf_core_enum_value_exists(enum bpf_func_id___known, BPF_FUNC_task_pt_regs___known))
		return 0;
	task = bpf_get_current_task_btf();
	regs = (void *)bpf_task_pt_regs(task);
	/* An interrupt wakes in the name of whom it has interrupted: not out of a futex call, but for its last instructions. */
	if (regs->orig_ax != CALL_FUTEX || !in_scope(&waker))
		return 0;
	process = bpf_map_lookup_elem(&processes, &waker.tgid);
	if (!process || !(process->flags & PROCESS_FLAG_WAKES) ||
	    regs->di - process->lock_address < process->lock_length)
		return 0;
	if (is_virtual_machine(task) || is_virtual_machine(wakee) || !task_in_scope(wakee, &woken))
		return 0;
	now = bpf_ktime_get_ns();
	cause = bpf_map_lookup_elem(&wake_causes, &waker.pid);
	known = bpf_map_lookup_elem(&wake_causes, &woken.pid);
	if (cause && cause->tgid == waker.tgid && cause->hops < WAKE_HOPS && now - cause->read_ns <= WAKE_STALE_NS)
		hops = cause->hops + 1;
	if (known && known->tgid == waker.tgid && known->serves) {
		/* It goes on with what it has read, whoever wakes it. */
	} else if (cause && hops) {
		next = *cause;
		next.hops = hops;
		next.serves = 0;
		bpf_map_update_elem(&wake_causes, &woken.pid, &next, BPF_ANY);
	} else {
		return 0;
	}
	if (!within_rate(&waker, (void *)process, now, sizeof(*event))) {
		count(LOSS_RATE_LIMITED);
		return 0;
	}
	event = bpf_ringbuf_reserve(&socket_data, sizeof(*event), 0);
	if (!event) {
		count(LOSS_RING_FULL);
		return 0;
	}
	event->header.kind = EVENT_WAKE;
	event->header.length = sizeof(*event);
	event->header.timestamp_ns = now;
	event->header.tgid = waker.tgid;
	event->header.pid = waker.pid;
	event->woken = woken.pid;
	event->hops = hops;
	event->waker_ran_ns = event->woken_ran_ns = 0;
	if (bpf_core_field_exists(struct task_struct, sched_info)) {
		event->waker_ran_ns = task->sched_info.last_arrival;
		event->woken_ran_ns = wakee->sched_info.last_arrival;
	}
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
	return 0;
}

#endif
