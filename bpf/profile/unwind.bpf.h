/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The user stack: by the tables that user space made of .eh_frame where the code has one, else by the frame pointer.
 *
 * Global functions are verified once, whoever calls them, and what they work on lies in a map, of whose values a
 * verifier knows nothing: so the paths of each turn of a loop join, also on 5.10.
 */
#ifndef SOCKSPAN_UNWIND_H
#define SOCKSPAN_UNWIND_H

#include "profile/profile_maps.bpf.h"

#define ROW_SEARCH_STEPS 23     /* 8 million rows */
#define MAPPING_SEARCH_STEPS 14 /* 16384 mappings */

static __always_inline struct sampling *sampling_of(__u32 slot)
{
	return bpf_map_lookup_elem(&samplings, &slot);
}

/* @return how many of the process's mappings start at or below ip */
__noinline int search_mappings(__u32 slot)
{
	struct sampling *s = sampling_of(slot);

	if (!s)
		return 0;
	s->low = 0;
	s->high = s->mappings.count;
	for (int step = 0; step < MAPPING_SEARCH_STEPS; step++) {
		__u32 low = s->low, high = s->high, middle, index;
		struct unwind_mapping *mapping;

		if (low >= high)
			break;
		middle = (low + high) / 2;
		index = s->mappings.first + middle;
		mapping = bpf_map_lookup_elem(&unwind_mappings, &index);
		if (!mapping)
			return 0;
		if (mapping->start <= s->ip - s->is_return)
			s->low = middle + 1;
		else
			s->high = middle;
	}
	return s->low;
}

/* @return how many of the rows start at or below the address */
__noinline int search_rows(__u32 slot, __u32 first, __u32 count, __u32 address)
{
	struct sampling *s = sampling_of(slot);

	if (!s)
		return 0;
	s->low = 0;
	s->high = count;
	for (int step = 0; step < ROW_SEARCH_STEPS; step++) {
		__u32 low = s->low, high = s->high, middle, index;
		struct unwind_row *row;

		if (low >= high)
			break;
		middle = (low + high) / 2;
		index = first + middle;
		row = bpf_map_lookup_elem(&unwind_rows, &index);
		if (!row)
			return 0;
		if (row->address <= address)
			s->low = middle + 1;
		else
			s->high = middle;
	}
	return s->low;
}

static __always_inline bool end_stack(struct sampling *s, __u8 why)
{
	s->event.stack_end = why;
	s->event.end_address = s->ip;
	return false;
}

static __always_inline bool load(__u64 *value, __u64 address)
{
	return !bpf_probe_read_user(value, sizeof(*value), (void *)address);
}

static __always_inline void add_frame(struct sampling *s, __u64 value)
{
	__u32 at = s->frame_count;

	if (at < sizeof(s->frames) / sizeof(s->frames[0])) {
		s->frames[at] = value;
		s->frame_count = at + 1;
	}
}

/* V8: frames of functions have their context and their function below the frame pointer; tagged pointers end in 01. */
static __always_inline void add_script_function(struct sampling *s)
{
	__u64 context, function, shared;

	if (!load(&context, s->fp - s->script.context) || (context & 3) != 1 ||
	    !load(&function, s->fp - s->script.function) || (function & 3) != 1 ||
	    !load(&shared, function - 1 + s->script.shared) || (shared & 3) != 1)
		return;
	add_frame(s, shared | SCRIPT_FUNCTION);
	s->event.script_frames++;
}

/* @return 0 at the end of the stack */
__noinline int follow_frame_pointer(__u32 slot)
{
	struct sampling *s = sampling_of(slot);
	__u64 saved[2];

	if (!s)
		return 0;
	if (!s->fp) /* what the outermost frame of a thread finds in rbp (System V ABI, 3.4.1) */
		return end_stack(s, STACK_END_BOTTOM);
	if (s->fp < s->sp || s->fp & 7 || bpf_probe_read_user(saved, sizeof(saved), (void *)s->fp))
		return end_stack(s, STACK_END_FRAME_POINTER);
	if (s->script.shared)
		add_script_function(s);
	s->sp = s->fp + 16;
	s->fp = saved[0];
	s->ip = saved[1];
	s->is_return = 1;
	return s->ip ? true : end_stack(s, STACK_END_BOTTOM);
}

/* struct rt_sigframe behind its return address: ucontext, whose registers start at 40 (asm/sigcontext.h). */
#define SIGNAL_FP (40 + 8 * 10)
#define SIGNAL_SP (40 + 8 * 15)

static __always_inline bool leave_signal(struct sampling *s)
{
	__u64 registers[2]; /* rsp, rip */
	__u64 fp;

	if (bpf_probe_read_user(registers, sizeof(registers), (void *)(s->sp + SIGNAL_SP)) ||
	    !load(&fp, s->sp + SIGNAL_FP))
		return end_stack(s, STACK_END_UNREADABLE);
	s->sp = registers[0];
	s->ip = registers[1];
	s->fp = fp;
	s->is_return = 0;
	return true;
}

#include "profile/java.bpf.h"

static __always_inline bool follow_row(struct sampling *s, const struct unwind_row *row, __u32 slot)
{
	__u8 kind = row->kind;
	__s64 offset = row->cfa_offset;
	__s64 fp_place = row->frame_pointer;
	__u64 cfa;

	if (kind == UNWIND_FRAME_POINTER)
		return follow_frame_pointer(slot);
	if (kind == UNWIND_END)
		return end_stack(s, STACK_END_BOTTOM);
	if (kind == UNWIND_SIGNAL)
		return leave_signal(s);
	if (kind == UNWIND_SP) {
		cfa = s->sp + offset * 8;
	} else if (kind == UNWIND_FP) {
		cfa = s->fp + offset * 8;
	} else if (kind == UNWIND_PLT) {
		cfa = s->sp + 8 + ((s->ip & 15) >= offset ? 8 : 0);
	} else if (kind == UNWIND_FP_LOAD) {
		if (!load(&cfa, s->fp + offset * 8) || !load(&s->fp, s->fp))
			return end_stack(s, STACK_END_UNREADABLE);
	} else {
		return end_stack(s, STACK_END_UNSUPPORTED);
	}
	if (fp_place && !load(&s->fp, cfa + fp_place * 8))
		return end_stack(s, STACK_END_UNREADABLE);
	if (!load(&s->ip, cfa - 8))
		return end_stack(s, STACK_END_UNREADABLE);
	s->sp = cfa;
	s->is_return = 1;
	return s->ip ? true : end_stack(s, STACK_END_BOTTOM);
}

/* From a frame to its caller's. @return 0 at the end of the stack */
__noinline int unwind_frame(__u32 slot)
{
	struct sampling *s = sampling_of(slot);
	struct unwind_mapping *mapping;
	struct unwind_row *row;
	__u32 index, first, count;
	__u64 address;

	if (!s)
		return 0;
	if (s->java.segment_shift && s->ip - s->java.low < s->java.high - s->java.low && find_java_code(slot))
		return follow_java_frame(slot);
	if (!s->mappings.count) {
		s->event.flags |= SAMPLE_FLAG_NO_MAPPINGS;
		return follow_frame_pointer(slot);
	}
	address = s->ip - s->is_return;
	index = search_mappings(slot);
	mapping = NULL;
	if (index) {
		index += s->mappings.first - 1;
		mapping = bpf_map_lookup_elem(&unwind_mappings, &index);
	}
	if (!mapping || address >= mapping->end || mapping->generation != s->mappings.generation) {
		s->event.flags |= SAMPLE_FLAG_UNKNOWN_MAPPING;
		return follow_frame_pointer(slot);
	}
	first = mapping->first_row;
	count = mapping->row_count;
	if (!count)
		return follow_frame_pointer(slot);
	index = search_rows(slot, first, count, address - mapping->bias);
	if (!index)
		return follow_frame_pointer(slot);
	index += first - 1;
	row = bpf_map_lookup_elem(&unwind_rows, &index);
	return row ? follow_row(s, row, slot) : end_stack(s, STACK_END_UNSUPPORTED);
}

static __always_inline void unwind_user(struct sampling *s, __u32 slot)
{
	s->event.stack_end = STACK_END_DEPTH;
	for (int i = 0; i < MAX_USER_FRAMES; i++) {
		add_frame(s, i && !s->is_return ? s->ip | INTERRUPTED_FRAME : s->ip);
		s->event.user_frames++;
		if (!unwind_frame(slot))
			return;
	}
}

#endif
