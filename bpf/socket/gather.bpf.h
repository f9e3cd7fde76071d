/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Calls with several buffers, in whatever sizes, or with more bytes than one record holds: their bytes are gathered in
 * the walker's memory, a record is made of it when that is full. A verifier goes once through a step, and not again for
 * each buffer.
 */
#ifndef SOCKSPAN_GATHER_H
#define SOCKSPAN_GATHER_H

#include "socket/emit.bpf.h"
#include "socket/walk.bpf.h"

/* IOV_MAX buffers, each found and then copied, in pieces of FRAME_PIECE: in turns of steps, since a loop's turns add up. */
#define GATHER_TURNS 48
#define GATHER_STEPS 48

/* Finds the next buffer, or copies what is left of the one that was found. */
__noinline int gather_step(__u32 slot)
{
	struct walker *walker = bpf_map_lookup_elem(&walkers, &slot);
	__u32 at;
	__u64 count;

	if (!walker || walker->position >= walker->end)
		return WALK_DONE;
	at = walker->filled;
	if (at >= FRAME_OUTPUT)
		return WALK_FULL;
	if (!walker->left)
		return next_buffer(walker);
	count = walker->left < FRAME_PIECE ? walker->left : FRAME_PIECE;
	if (bpf_probe_read_user(&walker->bytes[at & (FRAME_OUTPUT - 1)], count, (void *)walker->base)) {
		walker->is_faulted = 1;
		return WALK_DONE;
	}
	walker->filled = at + count;
	pass_bytes(walker, count);
	return WALK_MORE;
}

__noinline int gather_steps(__u32 slot)
{
	int result = WALK_MORE;

	for (int i = 0; i < GATHER_STEPS && result == WALK_MORE; i++)
		result = gather_step(slot);
	return result;
}

/* A record of the bytes in [record_start, position); the last one stands for the rest of the call too. */
__noinline int emit_gathered(__u32 slot, __u32 is_last)
{
	struct walker *walker = bpf_map_lookup_elem(&walkers, &slot);
	struct call *call = bpf_map_lookup_elem(&calls, &slot);
	struct socket_data_event *event;
	__u64 end, start;
	__u32 filled;

	if (!walker || !call)
		return 0;
	filled = walker->filled;
	if (filled > sizeof(walker->bytes))
		return 0;
	event = &walker->event;
	start = walker->record_start;
	end = is_last ? call->offset + call->length : walker->position;
	event->event_number = call->event_number++;
	event->stream_offset = start;
	event->call_length = end - start;
	event->captured_length = filled;
	event->flags = call->flags;
	if (is_last && call->is_faulted)
		event->flags |= EVENT_FLAG_FAULTED;
	if (is_last && call->want < call->length)
		event->flags |= EVENT_FLAG_TRUNCATED;
	event->header.length = sizeof(*event) + filled;
	walker->record_start = end;
	walker->filled = 0;
	if (is_rate_limited(call, sizeof(*event) + filled))
		count(LOSS_RATE_LIMITED);
	else if (bpf_ringbuf_output(&socket_data, event, sizeof(*event) + filled, BPF_RB_NO_WAKEUP))
		count(LOSS_RING_FULL);
	return 0;
}

/* Several buffers, or one that is too large for one record. */
static __always_inline bool needs_gathering(const struct call *call)
{
	return call->want > MAX_CAPTURE || (call->want && call->payload.vector);
}

/* The records of a described call that needs gathering. */
__noinline int gather_call(__u32 slot)
{
	struct call *call = bpf_map_lookup_elem(&calls, &slot);
	struct walker *walker = bpf_map_lookup_elem(&walkers, &slot);
	int result = WALK_MORE;

	if (!call || !walker)
		return 0;
	/* A datagram is one record. */
	if (call->protocol != IPPROTO_TCP && call->want > FRAME_OUTPUT)
		call->want = FRAME_OUTPUT;
	walker->event = call->event;
	walker->position = call->offset;
	walker->record_start = call->offset;
	walker->end = call->offset + call->want;
	walker->vector = call->payload.vector;
	walker->vector_in_kernel = call->payload.vector_in_kernel;
	walker->segments = call->payload.vector_count;
	walker->skip = call->payload.skip;
	walker->base = call->payload.base;
	walker->left = call->payload.vector ? 0 : call->want;
	walker->filled = 0;
	walker->is_faulted = 0;
	for (int i = 0; i < GATHER_TURNS; i++) {
		result = gather_steps(slot);
		if (result == WALK_DONE)
			break;
		if (result == WALK_FULL)
			emit_gathered(slot, false);
	}
	call->is_faulted = walker->position < walker->end;
	emit_gathered(slot, true);
	return 0;
}

#endif
