/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Stacks: of what runs, by a clock on each CPU, and of what waits, by the scheduler's switches. */
#include "kernel/kernel_types.bpf.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#define PROCESS_EVENTS stack_samples
#include "profile/sample.bpf.h"
#include "kernel/process.bpf.h"
#include "profile/wait.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Types that cross are kept in the object's BTF, also where no program names them. */
struct kept_types {
	enum profile_event_kind profile_event_kind;
	enum sample_kind sample_kind;
	enum stack_end stack_end;
	enum sample_flags sample_flags;
	enum unwind_kind unwind_kind;
	struct stack_sample_event stack_sample_event;
	struct interpreter_frame interpreter_frame;
	struct unwind_row unwind_row;
	struct unwind_mapping unwind_mapping;
	struct process_mappings process_mappings;
	struct interpreter interpreter;
	struct script_engine script_engine;
	struct java_heap java_heap;
	struct java_engine java_engine;
	struct thread_context_place thread_context_place;
	struct profile_conf profile_conf;
	struct trace_conf trace_conf;
	struct process_control process_control;
	struct process_event process_event;
};
const struct kept_types *kept_types __attribute__((unused)) SEC(".kept");

SEC("perf_event")
int sample_cpu(struct bpf_perf_event_data *context)
{
	struct process_control *process;
	struct caller caller = {};
	struct sampling *s;
	__u64 r14;

	if (!(__u32)bpf_get_current_pid_tgid()) /* idle */
		return 0;
	if (!is_traced(&caller, &process))
		return 0;
	s = sampling_of(SAMPLING_ON_CPU);
	if (!s)
		return 0;
	begin_sample(s, &caller, SAMPLE_ON_CPU);
	if (context->regs.cs & 3) {
		s->ip = context->regs.ip;
		s->sp = context->regs.sp;
		s->fp = context->regs.bp;
		r14 = context->regs.r14;
	} else {
		add_kernel_stack(s, context);
		if (is_kernel_thread()) {
			s->event.stack_end = STACK_END_NONE;
			submit_sample(s);
			return 0;
		}
		r14 = enter_from_kernel(s);
	}
	read_unit(s, process, &caller, r14);
	add_user_stack(s, SAMPLING_ON_CPU);
	add_thread_context(SAMPLING_ON_CPU);
	submit_sample(s);
	return 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(trace_sched_switch, bool is_preempted, struct task_struct *previous, struct task_struct *next)
{
	wait_ends(next);
	return wait_begins(ctx, is_preempted, previous);
}

SEC("tp_btf/sched_waking")
int BPF_PROG(trace_sched_waking, struct task_struct *task)
{
	return wait_is_ended(ctx, task);
}

/* Life of processes: also the socket receiver's, but each receiver works without the other. */

SEC("tp_btf/sched_process_fork")
int BPF_PROG(trace_sched_process_fork, struct task_struct *parent, struct task_struct *child)
{
	inherit_mappings(parent, child);
	return process_forked(parent, child);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(trace_sched_process_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	forget_mappings();
	return process_executed(task, bprm);
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(trace_sched_process_exit, struct task_struct *task)
{
	if (!task->signal->live.counter)
		forget_mappings();
	return process_exited(task);
}
