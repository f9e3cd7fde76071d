/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Off CPU: a thread's stacks can only be read while it runs, so they are taken when it stops to, and told when it
 * goes on, if it has waited long enough.
 */
#ifndef SOCKSPAN_WAIT_H
#define SOCKSPAN_WAIT_H

#include "profile/sample.bpf.h"

struct wait {
	struct stack_sample_event event;
	__u64 frames[MAX_KERNEL_FRAMES + MAX_USER_FRAMES + 2 * MAX_INTERPRETER_FRAMES + MAX_CONTEXT_WORDS];
};

/* Key: the thread as the kernel numbers it. One entry where nothing off CPU is wanted. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct wait);
} waits SEC(".maps");

/* One that could go on does not wait, also where it was stopped on its way back to user space. */
static __always_inline bool could_go_on(struct task_struct *task)
{
	if (bpf_core_field_exists(task->__state))
		return !BPF_CORE_READ(task, __state);
	return !BPF_CORE_READ((struct task_struct___before_514 *)task, state);
}

static __always_inline int wait_begins(void *context, bool is_preempted, struct task_struct *previous)
{
	struct process_control *process;
	struct caller caller = {};
	struct sampling *s;
	__u32 pid = (__u32)bpf_get_current_pid_tgid();
	__u64 r14;

	if (is_preempted || !pid || could_go_on(previous) || bpf_get_prandom_u32() >= profile_conf.off_cpu_share)
		return 0;
	if (previous->flags & PF_KTHREAD || !is_traced(&caller, &process))
		return 0;
	s = sampling_of(SAMPLING_OFF_CPU);
	if (!s)
		return 0;
	begin_sample(s, &caller, SAMPLE_OFF_CPU);
	add_kernel_stack(s, context);
	r14 = enter_from_kernel(s);
	read_unit(s, process, &caller, r14);
	add_user_stack(s, SAMPLING_OFF_CPU);
	add_thread_context(SAMPLING_OFF_CPU);
	/* LRU: what a full map pushes out are the longest waits, which are counted when they would have ended. */
	if (bpf_map_update_elem(&waits, &pid, s, BPF_ANY))
		count(LOSS_RING_FULL);
	return 0;
}

/* What the waking thread is doing: a record of its own, since nobody waits for it any more when it is read. */
static __always_inline void tell_waker(void *context, const struct wait *wait, const struct caller *caller)
{
	struct sampling *s = sampling_of(SAMPLING_WAKER);

	if (!s)
		return;
	begin_sample(s, caller, SAMPLE_WAKER);
	s->event.value_ns = wait->event.header.timestamp_ns;
	s->event.peer_tgid = wait->event.header.tgid;
	s->event.peer_pid = wait->event.header.pid;
	add_kernel_stack(s, context);
	if (is_kernel_thread()) {
		s->event.stack_end = STACK_END_NONE;
	} else {
		enter_from_kernel(s);
		add_user_stack(s, SAMPLING_WAKER);
	}
	submit_sample(s);
}

static __always_inline int wait_is_ended(void *context, struct task_struct *task)
{
	__u32 pid = task->pid;
	struct wait *wait = bpf_map_lookup_elem(&waits, &pid);
	struct caller caller = {};

	if (!wait || !in_scope(&caller))
		return 0;
	wait->event.peer_tgid = caller.tgid;
	wait->event.peer_pid = caller.pid;
	if (profile_conf.has_waker_stacks &&
	    bpf_ktime_get_ns() - wait->event.header.timestamp_ns >= profile_conf.off_cpu_threshold_ns)
		tell_waker(context, wait, &caller);
	return 0;
}

static __always_inline void wait_ends(struct task_struct *next)
{
	__u32 pid = next->pid;
	struct wait *wait = bpf_map_lookup_elem(&waits, &pid);
	__u64 waited;
	__u32 size, frames;

	if (!wait)
		return;
	waited = bpf_ktime_get_ns() - wait->event.header.timestamp_ns;
	if (waited >= profile_conf.off_cpu_threshold_ns) {
		wait->event.value_ns = waited;
		frames = wait->event.kernel_frames + wait->event.user_frames + wait->event.script_frames +
			 2 * wait->event.interpreter_frames + (wait->event.context_bytes + 7) / 8;
		if (frames > sizeof(wait->frames) / sizeof(wait->frames[0]))
			frames = sizeof(wait->frames) / sizeof(wait->frames[0]);
		size = sizeof(wait->event) + frames * 8;
		wait->event.header.length = size;
		if (bpf_ringbuf_output(&stack_samples, wait, size, BPF_RB_NO_WAKEUP))
			count(LOSS_RING_FULL);
	}
	bpf_map_delete_elem(&waits, &pid);
}

/* A fork has its parent's memory until it executes something else. */
static __always_inline void inherit_mappings(struct task_struct *parent, struct task_struct *child)
{
	struct caller parent_ids = {}, child_ids = {};
	struct process_mappings *mappings;
	struct thread_context_place *place;
	struct script_engine *script;
	struct interpreter *python;
	struct java_engine *java;

	if (child->tgid != child->pid || !task_in_scope(child, &child_ids) || !task_in_scope(parent, &parent_ids))
		return;
	mappings = bpf_map_lookup_elem(&process_mappings, &parent_ids.tgid);
	if (mappings)
		bpf_map_update_elem(&process_mappings, &child_ids.tgid, mappings, BPF_ANY);
	python = bpf_map_lookup_elem(&interpreters, &parent_ids.tgid);
	if (python)
		bpf_map_update_elem(&interpreters, &child_ids.tgid, python, BPF_ANY);
	script = bpf_map_lookup_elem(&script_engines, &parent_ids.tgid);
	if (script)
		bpf_map_update_elem(&script_engines, &child_ids.tgid, script, BPF_ANY);
	java = bpf_map_lookup_elem(&java_engines, &parent_ids.tgid);
	if (java)
		bpf_map_update_elem(&java_engines, &child_ids.tgid, java, BPF_ANY);
	place = bpf_map_lookup_elem(&thread_contexts, &parent_ids.tgid);
	if (place)
		bpf_map_update_elem(&thread_contexts, &child_ids.tgid, place, BPF_ANY);
}

static __always_inline void forget_mappings(void)
{
	struct caller caller = {};

	if (!in_scope(&caller))
		return;
	bpf_map_delete_elem(&process_mappings, &caller.tgid);
	bpf_map_delete_elem(&interpreters, &caller.tgid);
	bpf_map_delete_elem(&script_engines, &caller.tgid);
	bpf_map_delete_elem(&java_engines, &caller.tgid);
	bpf_map_delete_elem(&thread_contexts, &caller.tgid);
}

#endif
