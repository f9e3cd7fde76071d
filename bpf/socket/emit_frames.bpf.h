/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Records of calls whose frames are walked. */
#ifndef SOCKSPAN_EMIT_FRAMES_H
#define SOCKSPAN_EMIT_FRAMES_H

#include "unit/trace_request.bpf.h"
#include "socket/walk.bpf.h"

/* The framing whose client begins as this call does; SIGNATURES: none. Global functions: verified once, for all callers. */
__noinline int find_signature(__u32 slot)
{
	struct call *call = bpf_map_lookup_elem(&calls, &slot);
	struct segment segment;
	__u64 first = 0, base;

	if (!call || !call->payload.has_bytes)
		return SIGNATURES;
	base = call->payload.base;
	segment.length = call->length;
	if (call->payload.vector) {
		if (!read_segment(&segment, call->payload.vector, call->payload.vector_in_kernel))
			return SIGNATURES;
		base = segment.base + call->payload.skip;
	}
	if (segment.length < sizeof(first) + call->payload.skip ||
	    bpf_probe_read_user(&first, sizeof(first), (void *)base) || !first)
		return SIGNATURES;
#pragma unroll
	for (int i = 0; i < SIGNATURES; i++) {
		__u32 index = i;
		const struct framing *framing = bpf_map_lookup_elem(&framings, &index);

		if (framing && *(const __u64 *)framing->signature == first)
			return i;
	}
	return SIGNATURES;
}

/*
 * A connection whose first bytes are a protocol's own is walked from its first call: when user space has its say, the
 * answer may be on its way.
 */
static __always_inline void match_signature(struct sock *sk, struct socket_info *info, const struct call *call,
					    const enum access access)
{
	__u32 index = find_signature(call->slot);
	const struct framing *framing;
	struct socket_walks *walks;
	__u32 direction = call->direction & 1;

	if (index >= SIGNATURES)
		return;
	framing = bpf_map_lookup_elem(&framings, &index);
	walks = find_walks(sk, call->id, true, access);
	if (!framing || !walks)
		return;
	info->verdict.action = VERDICT_FRAMES;
	info->verdict.framing = index;
	info->verdict.serial = 0;
	walks->serial = 0;
	walks->framing = index;
	walks->local_is_client = call->direction == DIRECTION_EGRESS;
	start_walk(&walks->walks[0], 0);
	start_walk(&walks->walks[1], 0);
	walks->walks[direction].next_frame = framing->preface_length;
	walks->walks[direction].copy_until = framing->preface_length;
}

/* One record: what the walk has found in [record_start, end of what was copied, or of the call). */
__noinline int emit_walked(__u32 slot, __u32 is_last)
{
	struct walker *walker = bpf_map_lookup_elem(&walkers, &slot);
	struct call *call = bpf_map_lookup_elem(&calls, &slot);
	struct socket_data_event *event;
	__u64 end;
	__u32 filled;

	if (!walker || !call)
		return 0;
	filled = walker->filled;
	if (!filled && !walker->is_frame_over && walker->walk.is_synced && !walker->is_faulted) {
		count(CONSUMED_SKIP);
		return 0;
	}
	if (filled > sizeof(walker->bytes))
		return 0;
	event = &walker->event;
	end = is_last ? walker->end : walker->run_position;
	event->event_number = call->event_number++;
	event->stream_offset = walker->record_start;
	event->call_length = end - walker->record_start;
	event->captured_length = filled;
	event->flags = call->flags | EVENT_FLAG_FRAMES | (walker->is_faulted ? EVENT_FLAG_FAULTED : 0);
	event->header.length = sizeof(*event) + filled;
	walker->record_start = end;
	walker->filled = 0;
	walker->is_frame_over = 0;
	if (is_rate_limited(call, sizeof(*event) + filled))
		count(LOSS_RATE_LIMITED);
	else if (bpf_ringbuf_output(&socket_data, event, sizeof(*event) + filled, BPF_RB_NO_WAKEUP))
		count(LOSS_RING_FULL);
	return 0;
}

__noinline int walk_call(__u32 slot)
{
	struct call *call = bpf_map_lookup_elem(&calls, &slot);
	struct walker *walker = bpf_map_lookup_elem(&walkers, &slot);
	int result = WALK_MORE;

	if (!walker || !call)
		return 0;
	walker->event = call->event;
	for (int i = 0; i < FRAME_TURNS; i++) {
		result = walk_steps(slot);
		if (result == WALK_DONE)
			break;
		if (result == WALK_FULL)
			emit_walked(slot, false);
	}
	if (result != WALK_DONE || walker->is_faulted)
		walker->walk.is_synced = 0;
	call->is_faulted = walker->is_faulted;
	emit_walked(slot, true);
	return 0;
}

/* Takes the call up where the walk stands. False where nothing of it is told: the middle of a body. */
static __always_inline bool begin_walk(struct sock *sk, struct socket_info *info, struct call *call,
				       const enum access access)
{
	struct socket_walks *walks = find_walks(sk, call->id, true, access);
	__u32 slot = call->slot;
	struct walker *walker = bpf_map_lookup_elem(&walkers, &slot);
	struct walk *walk;

	if (!walks || !walker)
		return true;
	if (walks->serial != info->verdict.serial)
		follow_verdict(walks, &info->verdict);
	walk = &walks->walks[call->direction & 1];
	if (!enter_walk(walker, walk, call))
		return true;
	if (walker->position >= walk->copy_until && walker->end < walk->next_frame)
		return false;
	walker->framing = walks->framing;
	walker->is_server = walks->local_is_client != (call->direction == DIRECTION_EGRESS);
	call->is_walked = true;
	return true;
}

static __always_inline void end_walk(struct sock *sk, const struct call *call, const enum access access)
{
	struct socket_walks *walks = find_walks(sk, call->id, false, access);
	__u32 slot = call->slot;
	struct walker *walker = bpf_map_lookup_elem(&walkers, &slot);

	if (walks && walker)
		walks->walks[call->direction & 1] = walker->walk;
}

#endif
