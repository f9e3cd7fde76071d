/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The span that the program itself says its thread works for: the thread context of OTEP 4947, where an SDK publishes one. */
#ifndef SOCKSPAN_THREAD_CONTEXT_H
#define SOCKSPAN_THREAD_CONTEXT_H

#include "profile/unwind.bpf.h"

/* The record that otel_thread_ctx_v1 points to; its attributes follow. */
struct thread_context_record {
	__u8 trace_id[16];
	__u8 span_id[8];
	__u8 valid;
	__u8 trace_flags;
	__u16 attributes_size;
};
_Static_assert(sizeof(struct thread_context_record) == 28, "packed");

static __always_inline bool find_thread_context(const struct sampling *s, const struct thread_context_place *place,
						__u64 *record)
{
	__u64 block = s->thread_pointer, vector;

	if (place->module) {
		/* ~0: this thread has not touched the library's block yet */
		if (!load(&vector, s->thread_pointer + 8) || !load(&block, vector + place->module * place->entry_size) ||
		    !block || block == ~0ULL)
			return false;
	}
	return load(record, block + place->offset) && *record;
}

/* @return whether the thread has a context */
__noinline int add_thread_context(__u32 slot)
{
	struct sampling *s = sampling_of(slot);
	struct thread_context_record context = {};
	struct thread_context_place *place;
	__u64 record = 0;
	__u32 tgid, at, size;

	if (!s)
		return 0;
	tgid = s->event.header.tgid;
	place = bpf_map_lookup_elem(&thread_contexts, &tgid);
	if (!place || !find_thread_context(s, place, &record) ||
	    bpf_probe_read_user(&context, sizeof(context), (void *)record) || context.valid != 1)
		return 0;
	s->event.flags |= SAMPLE_FLAG_THREAD_CONTEXT;
	__builtin_memcpy(s->event.trace_id, context.trace_id, sizeof(context.trace_id));
	__builtin_memcpy(s->event.span_id, context.span_id, sizeof(context.span_id));
	size = context.attributes_size;
	at = s->frame_count;
	if (!size || size > MAX_CONTEXT_WORDS * 8 || at > sizeof(s->frames) / sizeof(s->frames[0]) - MAX_CONTEXT_WORDS ||
	    bpf_probe_read_user(&s->frames[at], size, (void *)(record + sizeof(context))))
		return 1;
	s->event.context_bytes = size;
	s->frame_count = at + (size + 7) / 8;
	return 1;
}

#endif
