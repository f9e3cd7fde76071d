/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The frames of CPython's interpreter, which no native stack shows: read from the thread's state. */
#ifndef SOCKSPAN_INTERPRETER_H
#define SOCKSPAN_INTERPRETER_H

#include "profile/unwind.bpf.h"

/* glibc on x86-64, nptl/descr.h: struct pthread.specific_1stblock, of { sequence, data } */
#define PTHREAD_KEYS 0x310
#define PTHREAD_KEYS_INLINE 32

static __always_inline bool find_interpreter_frame(struct sampling *s, const struct interpreter *python)
{
	__u64 state, frame;

	if (python->key >= PTHREAD_KEYS_INLINE ||
	    !load(&state, s->thread_pointer + PTHREAD_KEYS + 16 * python->key + 8) || !state ||
	    !load(&frame, state + python->tstate_frame))
		return false;
	if (python->cframe_frame != 0xffff && !load(&frame, frame + python->cframe_frame))
		return false;
	s->interpreter_frame = frame;
	return true;
}

/* From a frame to its caller's. @return 0 at the end */
__noinline int unwind_interpreter_frame(__u32 slot)
{
	struct sampling *s = sampling_of(slot);
	struct interpreter *python;
	__u64 frame, code, instruction, previous;
	__u32 tgid;
	__u8 owner = 0;

	if (!s)
		return 0;
	tgid = s->event.header.tgid;
	python = bpf_map_lookup_elem(&interpreters, &tgid);
	frame = s->interpreter_frame;
	if (!python || !frame)
		return 0;
	if (!load(&code, frame + python->frame_code) || !load(&instruction, frame + python->frame_instruction) ||
	    !load(&previous, frame + python->frame_previous) ||
	    bpf_probe_read_user(&owner, 1, (void *)(frame + python->frame_owner))) {
		s->event.flags |= SAMPLE_FLAG_INTERPRETER_CUT;
		return 0;
	}
	s->interpreter_frame = previous;
	if (owner == python->entry_owner && !python->entry_is_frame) {
		/* a shim: the frame before it was entered from C */
		__u32 last = s->frame_count - 1;

		if (s->event.interpreter_frames && last < sizeof(s->frames) / sizeof(s->frames[0]))
			s->frames[last] |= 1;
		return 1;
	}
	add_frame(s, code);
	add_frame(s, (instruction & ~1ULL) | (owner == python->entry_owner));
	s->event.interpreter_frames++;
	return 1;
}

static __always_inline void unwind_interpreter(struct sampling *s, __u32 slot)
{
	struct interpreter *python = bpf_map_lookup_elem(&interpreters, &s->event.header.tgid);

	if (!python || !find_interpreter_frame(s, python))
		return;
	for (int i = 0; i < MAX_INTERPRETER_FRAMES; i++)
		if (!unwind_interpreter_frame(slot))
			return;
	s->event.flags |= SAMPLE_FLAG_INTERPRETER_CUT;
}

#endif
