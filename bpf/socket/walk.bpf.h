/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* One step of a walk over the frames of a call: a header read, a stretch noted or copied, a body passed over. */
#ifndef SOCKSPAN_WALK_H
#define SOCKSPAN_WALK_H

#include "socket/frames.bpf.h"

/* Of one system call: a small frame takes one step, another one three. In turns, since a loop's turns add up. */
#define FRAME_TURNS 48
#define FRAME_STEPS 48
#define FRAME_MERGED 32  /* a frame of so many bytes costs less when it is copied with its neighbour */

enum walk_result {
	WALK_MORE = 0, /* not at its end yet */
	WALK_FULL = 1, /* the record has no room for the run */
	WALK_DONE = 2,
};

/* Where no frame starts where one should: the rest of the call is copied as it is, and user space is asked. */
static __always_inline void lose_walk(struct walker *walker)
{
	__u64 rest = walker->end - walker->position;

	walker->walk.is_synced = 0;
	walker->walk.next_frame = walker->end;
	walker->walk.copy_until = walker->position + (rest < MAX_CAPTURE ? rest : MAX_CAPTURE);
	walker->walk.header_length = 0;
	walker->walk.is_silent = 0;
}

static __always_inline __u64 frame_bytes(const struct framing *framing, const __u8 *header)
{
	const __u8 *at = header + (framing->length_offset & 7);
	__u32 value = at[0] | at[1] << 8 | at[2] << 16 | (__u32)at[3] << 24;
	__u32 shift = framing->length_shift & 31;
	__s64 length;

	if (framing->little_endian)
		value = value << shift >> shift;
	else
		value = bpf_ntohl(value) >> shift;
	length = (__s64)value + framing->length_bias;
	return length < 1 || length > framing->maximum ? 0 : length;
}

/* How many bytes of a frame are wanted. */
static __always_inline __u32 wanted_bytes(const struct walker *walker, const struct framing *framing,
					  const __u8 *header, __u64 length)
{
	__u32 offset = framing->type_offset & 15, type = 0;
	const struct frame_rule *rule;

	if (framing->type_offset != NO_FRAME_TYPE && length > offset)
		type = header[offset];
	type &= FRAME_TYPES - 1;
	rule = walker->is_server ? &framing->server[type] : &framing->client[type];
	if (length <= rule->whole)
		return length;
	return length < rule->first ? length : rule->first;
}

static __always_inline void pass_bytes(struct walker *walker, __u64 count)
{
	walker->base += count;
	walker->left -= count;
	walker->position += count;
}

static __always_inline void add_to_run(struct walker *walker, __u64 count, bool starts_frame)
{
	if (!walker->run_length) {
		walker->run_base = walker->base;
		walker->run_position = walker->position;
		walker->run_starts_frame = starts_frame;
		walker->run_left_out = starts_frame ? walker->walk.left_out : 0;
		if (starts_frame)
			walker->walk.left_out = 0;
	}
	walker->run_length += count;
	pass_bytes(walker, count);
}

/* Copies the next piece of the run. */
static __always_inline int copy_run(struct walker *walker)
{
	__u32 at = walker->filled, count = walker->run_length;
	struct frame_segment *segment;

	if (at >= FRAME_OUTPUT)
		return WALK_FULL;
	at &= FRAME_OUTPUT - 4;
	if (count > FRAME_PIECE)
		count = FRAME_PIECE;
	segment = (void *)&walker->bytes[at];
	if (bpf_probe_read_user(&walker->bytes[at + sizeof(*segment)], count, (void *)walker->run_base)) {
		walker->is_faulted = 1;
		return WALK_DONE;
	}
	segment->offset = walker->run_position - walker->record_start;
	segment->length = count;
	segment->flags = walker->run_starts_frame ? FRAME_SEGMENT_STARTS_FRAME : 0;
	segment->left_out = walker->run_left_out;
	walker->filled = (at + sizeof(*segment) + count + 3) & ~3U;
	walker->run_base += count;
	walker->run_position += count;
	walker->run_length -= count;
	walker->run_starts_frame = 0;
	walker->run_left_out = 0;
	if (!walker->run_length)
		walker->is_run_closed = 0;
	return WALK_MORE;
}

static __always_inline int next_buffer(struct walker *walker)
{
	struct segment segment;
	__u64 cut;

	if (walker->position >= walker->end || !walker->segments)
		return WALK_DONE;
	if (!read_segment(&segment, walker->vector, walker->vector_in_kernel)) {
		walker->is_faulted = 1;
		return WALK_DONE;
	}
	walker->segments--;
	walker->vector += sizeof(segment);
	cut = segment.length < walker->skip ? segment.length : walker->skip;
	walker->skip -= cut;
	walker->base = segment.base + cut;
	walker->left = segment.length - cut;
	if (walker->left > walker->end - walker->position)
		walker->left = walker->end - walker->position;
	walker->window_length = 0;
	return WALK_MORE;
}

/* A frame's header that lies in one buffer. */
static __always_inline int whole_header(struct walker *walker, const struct framing *framing)
{
	__u64 at = walker->position - walker->window_position, length;
	struct walk *walk = &walker->walk;
	const __u8 *header;
	__u32 want, size;

	if (at + framing->header_length > walker->window_length) {
		size = walker->left < FRAME_WINDOW ? walker->left : FRAME_WINDOW;
		if (bpf_probe_read_user(walker->window, size, (void *)walker->base)) {
			walker->is_faulted = 1;
			return WALK_DONE;
		}
		walker->window_position = walker->position;
		walker->window_length = size;
		at = 0;
	}
	header = &walker->window[at & (FRAME_WINDOW - 1)];
	length = frame_bytes(framing, header);
	if (!length) {
		lose_walk(walker);
		return WALK_MORE;
	}
	want = wanted_bytes(walker, framing, header, length);
	if (!want && walker->run_length && length <= FRAME_MERGED)
		want = length;
	walk->next_frame = walker->position + length;
	walk->copy_until = walker->position + want;
	walk->is_silent = !want;
	if (!want) {
		walk->left_out++;
		if (walker->run_length)
			walker->is_run_closed = 1;
		pass_bytes(walker, length < walker->left ? length : walker->left);
	} else {
		add_to_run(walker, want < walker->left ? want : walker->left, true);
	}
	return WALK_MORE;
}

/* One that is cut: its bytes are gathered, and copied as they come since nobody knows yet whether they are wanted. */
static __always_inline int cut_header(struct walker *walker, const struct framing *framing)
{
	__u32 lengths_end = framing->length_offset + 4 - framing->length_shift / 8;
	__u32 have = walker->walk.header_length & (FRAME_HEADER - 1), need = lengths_end, count, want;
	struct walk *walk = &walker->walk;
	__u64 length = 0, start;

	if (have >= lengths_end) {
		length = frame_bytes(framing, walk->header);
		need = framing->header_length;
	}
	count = need > have ? need - have : 0;
	if (count > walker->left)
		count = walker->left;
	count &= FRAME_HEADER - 1;
	if (bpf_probe_read_user(&walker->window[have], count, (void *)walker->base)) {
		walker->is_faulted = 1;
		return WALK_DONE;
	}
	/* By signs, without a branch: a verifier would go all ways through the loop. */
	for (int i = 0; i < FRAME_HEADER; i++) {
		__s32 at = i - have;
		__u8 is_new = (~at & (at - (__s32)count)) >> 31;

		walk->header[i] ^= (walk->header[i] ^ walker->window[i]) & is_new;
	}
	walker->window_length = 0;
	add_to_run(walker, count, !have);
	have += count;
	walk->header_length = have;
	if (have < lengths_end)
		return WALK_MORE;
	length = frame_bytes(framing, walk->header);
	if (!length) {
		lose_walk(walker);
		return WALK_MORE;
	}
	if (have < framing->header_length && length >= framing->header_length)
		return WALK_MORE;
	start = walker->position - have;
	want = wanted_bytes(walker, framing, walk->header, length);
	walk->header_length = 0;
	walk->next_frame = start + length;
	walk->copy_until = start + (want < have ? have : want);
	walk->is_silent = 0;
	return WALK_MORE;
}

/* Global functions are verified once, and not again in each turn of their caller's loop. */
__noinline int walk_step(__u32 slot)
{
	struct walker *walker = bpf_map_lookup_elem(&walkers, &slot);
	const struct framing *framing;
	struct walk *walk;
	__u64 count;
	__u32 index;

	if (!walker)
		return WALK_DONE;
	index = walker->framing;
	framing = bpf_map_lookup_elem(&framings, &index);
	if (!framing)
		return WALK_DONE;
	walk = &walker->walk;
	if (walker->run_length && (walker->is_run_closed || walker->run_length >= FRAME_PIECE))
		return copy_run(walker);
	if (!walker->left) {
		if (walker->run_length) {
			walker->is_run_closed = 1;
			return WALK_MORE;
		}
		return next_buffer(walker);
	}
	if (walker->position < walk->copy_until) {
		count = walk->copy_until - walker->position;
		add_to_run(walker, count < walker->left ? count : walker->left, false);
		return WALK_MORE;
	}
	if (walker->position < walk->next_frame) {
		count = walk->next_frame - walker->position;
		if (walker->run_length)
			walker->is_run_closed = 1;
		pass_bytes(walker, count < walker->left ? count : walker->left);
		if (walker->position == walk->next_frame && !walk->is_silent)
			walker->is_frame_over = 1;
		return WALK_MORE;
	}
	if (!walk->header_length && walker->left >= framing->header_length)
		return whole_header(walker, framing);
	return cut_header(walker, framing);
}

__noinline int walk_steps(__u32 slot)
{
	int result = WALK_MORE;

	for (int i = 0; i < FRAME_STEPS && result == WALK_MORE; i++)
		result = walk_step(slot);
	return result;
}

#endif
