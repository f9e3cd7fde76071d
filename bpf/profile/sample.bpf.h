/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* One sample: who runs, for which unit of work, and both stacks. */
#ifndef SOCKSPAN_SAMPLE_H
#define SOCKSPAN_SAMPLE_H

#include "profile/interpreter.bpf.h"
#include "kernel/scope.bpf.h"
#include "profile/thread_context.bpf.h"
#include "unit/unit.bpf.h"

/* The registers with which the thread entered the kernel, at the top of its kernel stack. */
static __always_inline const struct pt_regs *entry_registers(struct task_struct *task)
{
	if (bpf_core_enum_value_exists(enum bpf_func_id___known, BPF_FUNC_task_pt_regs___known))
		return (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
	/* THREAD_SIZE of x86-64 (asm/page_64_types.h), without KASAN */
	return BPF_CORE_READ(task, stack) + 16384 - bpf_core_type_size(struct pt_regs);
}

static __always_inline void begin_sample(struct sampling *s, const struct caller *caller, __u8 kind)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	__builtin_memset(&s->event, 0, sizeof(s->event));
	s->event.header.kind = EVENT_STACK_SAMPLE;
	s->event.header.timestamp_ns = bpf_ktime_get_ns();
	s->event.header.tgid = caller->tgid;
	s->event.header.pid = caller->pid;
	s->event.cpu = bpf_get_smp_processor_id();
	s->event.sample_kind = kind;
	bpf_get_current_comm(s->event.comm, sizeof(s->event.comm));
	s->thread_pointer = BPF_CORE_READ(task, thread.fsbase);
	s->frame_count = 0;
}

static __always_inline void add_kernel_stack(struct sampling *s, void *context)
{
	long bytes;

	if (!profile_conf.has_kernel_stacks)
		return;
	bytes = bpf_get_stack(context, s->frames, MAX_KERNEL_FRAMES * 8, 0);
	if (bytes <= 0)
		return;
	if (bytes == MAX_KERNEL_FRAMES * 8)
		s->event.flags |= SAMPLE_FLAG_KERNEL_CUT;
	s->frame_count = (__u32)bytes / 8;
	s->event.kernel_frames = s->frame_count;
}

/* Go's runtime.g and runtime.m (runtime/runtime2.go): m lies at 48 in g, g0 first in m, and curg where gobuf ends. */
#define GO_G_M 48
#define GO_M_CURG 192
#define GO_M_CURG_SHORT_GOBUF 184

/* The goroutine that m runs, if g is it or the stack on which the runtime works for it. */
static __always_inline __u64 go_current(__u64 g, __u64 curg_place)
{
	__u64 m, g0, curg, its_m;

	if (!g || !load(&m, g + GO_G_M) || !m || !load(&curg, m + curg_place) || !curg)
		return 0;
	if (curg == g)
		return g;
	if (!load(&g0, m) || g0 != g || !load(&its_m, curg + GO_G_M) || its_m != m)
		return 0;
	return curg;
}

/*
 * Between two instructions r14 is g only in Go's own code; thread-local storage has it at any time, in programs that
 * are not linked with C.
 */
static __noinline __u64 go_register_of(__u64 r14, __u64 thread_pointer)
{
	__u64 g = 0, found;

	load(&g, thread_pointer - 8);
	found = go_current(r14, GO_M_CURG);
	if (!found)
		found = go_current(r14, GO_M_CURG_SHORT_GOBUF);
	if (!found)
		found = go_current(g, GO_M_CURG);
	if (!found)
		found = go_current(g, GO_M_CURG_SHORT_GOBUF);
	return found;
}

static __always_inline void read_unit(struct sampling *s, const struct process_control *process,
				      const struct caller *caller, __u64 r14)
{
	struct unit unit = {};

	unit.turn_id = turn_of((void *)bpf_get_current_task(), false, ACCESS_PROBE);
	if (process && process->step_count) {
		if (process->unit_kind == UNIT_GOROUTINE)
			r14 = go_register_of(r14, s->thread_pointer);
		walk_unit_steps(&unit, process, caller, 0, s->thread_pointer, r14);
		s->event.unit_kind = process->unit_kind;
	}
	s->event.coroutine_id = unit.coroutine_id;
	s->event.unit_id = unit.unit_id;
	s->event.turn_id = unit.turn_id;
}

/* Where the thread is in user space: ip, sp and fp of `s` are set. */
static __always_inline void add_user_stack(struct sampling *s, __u32 slot)
{
	struct process_mappings *mappings = bpf_map_lookup_elem(&process_mappings, &s->event.header.tgid);
	struct script_engine *script = bpf_map_lookup_elem(&script_engines, &s->event.header.tgid);
	struct java_engine *java = bpf_map_lookup_elem(&java_engines, &s->event.header.tgid);

	if (mappings)
		s->mappings = *mappings;
	else
		s->mappings.count = 0;
	if (script)
		s->script = *script;
	else
		s->script.shared = 0;
	if (java)
		s->java = *java;
	else
		s->java.segment_shift = 0;
	s->is_return = 0;
	unwind_user(s, slot);
	unwind_interpreter(s, slot);
}

/* Of a thread that is in the kernel. @return r14 */
static __always_inline __u64 enter_from_kernel(struct sampling *s)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	const struct pt_regs *registers = entry_registers(task);
	__u64 r14 = 0;

	bpf_core_read(&s->ip, sizeof(s->ip), &registers->ip);
	bpf_core_read(&s->sp, sizeof(s->sp), &registers->sp);
	bpf_core_read(&s->fp, sizeof(s->fp), &registers->bp);
	bpf_core_read(&r14, sizeof(r14), &registers->r14);
	return r14;
}

static __always_inline bool is_kernel_thread(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	return BPF_CORE_READ(task, flags) & PF_KTHREAD;
}

static __always_inline __u32 record_size(struct sampling *s)
{
	__u32 frames = s->frame_count;

	if (frames > sizeof(s->frames) / sizeof(s->frames[0]))
		frames = sizeof(s->frames) / sizeof(s->frames[0]);
	return sizeof(s->event) + frames * 8;
}

static __always_inline void submit_sample(struct sampling *s)
{
	__u32 size = record_size(s);

	s->event.header.length = size;
	if (bpf_ringbuf_output(&stack_samples, s, size, BPF_RB_NO_WAKEUP))
		count(LOSS_RING_FULL);
}

#endif
