/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The verdict `frames`: the bytes of a call are walked frame by frame, and of each frame is copied what the protocol's
 * framing says. Where the next frame starts is kept from call to call, so that bodies are passed over unread.
 */
#ifndef SOCKSPAN_FRAMES_H
#define SOCKSPAN_FRAMES_H

#include "socket/call.bpf.h"
#include "socket/socket.bpf.h"

#define FRAME_HEADER 16
#define FRAME_WINDOW 256  /* bytes that are read at once where a frame starts: small frames share a read */
#define FRAME_PIECE 4096  /* bytes that are copied at once */
#define FRAME_OUTPUT 8192 /* a record is full behind so many */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FRAMINGS);
	__type(key, __u32);
	__type(value, struct framing);
} framings SEC(".maps");

/* Where the frames of one direction of a socket stand. Offsets are stream offsets. */
struct walk {
	__u64 next_frame;
	__u64 copy_until; /* bytes before it are wanted */
	__u64 end;        /* so far it has come */
	__u64 start;      /* of the last call, and what was known before it: a send that failed is told again */
	__u64 end_before;
	__u64 next_frame_before;
	__u64 copy_until_before;
	__u32 left_out_before;
	__u32 left_out;          /* frames, since the last segment */
	__u8 header[FRAME_HEADER]; /* of a frame that is cut by the end of a call */
	__u32 header_length;
	__u32 header_length_before;
	__u32 is_synced;
	__u32 is_silent; /* the frame that `next_frame` ends is left out */
};

struct socket_walks {
	struct walk walks[2]; /* egress, ingress */
	__u32 serial;         /* of the verdict that they follow */
	__u32 framing;
	__u32 local_is_client;
	__u32 padding;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct socket_walks);
} socket_walks SEC(".maps");

/* The same, kept by the socket itself: see socket_storage. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct socket_walks);
} walk_storage SEC(".maps");

/* One call that is being walked. */
struct walker {
	struct walk walk;
	__u64 base;     /* the bytes at `position`, `left` of them */
	__u64 left;
	__u64 position; /* stream offset */
	__u64 end;      /* of the call */
	__u64 vector;   /* the iovecs behind them */
	__u64 skip;
	__u64 record_start;
	__u64 run_base; /* bytes that are to be copied and are not yet */
	__u64 run_position;
	__u64 window_position;
	__u32 run_length;
	__u32 run_left_out;
	__u32 segments;
	__u32 window_length;
	__u32 filled; /* of `bytes` */
	__u32 framing;
	__u32 is_server;
	__u8 vector_in_kernel;
	__u8 run_starts_frame;
	__u8 is_run_closed;
	__u8 is_frame_over; /* one that was copied in part ends in this record */
	__u8 is_faulted;
	__u8 padding[3];
	__u8 window[FRAME_WINDOW + FRAME_HEADER + 8];
	struct socket_data_event event;
	__u8 bytes[FRAME_OUTPUT + sizeof(struct frame_segment) + FRAME_PIECE];
};

/* By call->slot. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCRATCHES);
	__type(key, __u32);
	__type(value, struct walker);
} walkers SEC(".maps");

static __always_inline void start_walk(struct walk *walk, __u64 offset)
{
	walk->next_frame = offset;
	walk->copy_until = offset;
	walk->start = ~0ULL;
	walk->end = 0;
	walk->left_out = 0;
	walk->header_length = 0;
	walk->is_silent = 0;
	walk->is_synced = offset != ~0ULL;
}

static __always_inline struct socket_walks *find_walks(struct sock *sk, __u64 id, bool create, const enum access access)
{
	static const struct socket_walks fresh;
	struct socket_walks *walks;

	if (access == ACCESS_TRUSTED && trace_conf.socket_storage)
		return bpf_sk_storage_get(&walk_storage, sk, NULL, create ? BPF_SK_STORAGE_GET_F_CREATE : 0);
	walks = bpf_map_lookup_elem(&socket_walks, &id);
	if (walks || !create)
		return walks;
	bpf_map_update_elem(&socket_walks, &id, &fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&socket_walks, &id);
}

/* Takes over what user space says of the two directions; a walk that goes on knows better. */
static __always_inline void follow_verdict(struct socket_walks *walks, const struct socket_verdict *verdict)
{
	bool restart = walks->framing != verdict->framing || verdict->flags & VERDICT_FLAG_RESTART;

	walks->serial = verdict->serial;
	walks->framing = verdict->framing;
	walks->local_is_client = !!(verdict->flags & VERDICT_FLAG_LOCAL_CLIENT);
	if (restart || !walks->walks[0].is_synced)
		start_walk(&walks->walks[0], verdict->skip_until_egress);
	if (restart || !walks->walks[1].is_synced)
		start_walk(&walks->walks[1], verdict->skip_until_ingress);
}


/* Sets the walker to the bytes of a call that are new. False where the walk can't go on from what it knows. */
static __always_inline bool enter_walk(struct walker *walker, struct walk *walk, const struct call *call)
{
	__u64 end = call->offset + call->length, known;

	if (!walk->is_synced)
		return false;
	if (call->offset == walk->start) { /* nothing of it was sent, and it may have other bytes now */
		walk->next_frame = walk->next_frame_before;
		walk->copy_until = walk->copy_until_before;
		walk->left_out = walk->left_out_before;
		walk->end = walk->end_before;
		walk->is_synced = !walk->header_length_before;
		walk->header_length = 0;
	} else {
		walk->start = call->offset;
		walk->next_frame_before = walk->next_frame;
		walk->copy_until_before = walk->copy_until;
		walk->left_out_before = walk->left_out;
		walk->end_before = walk->end;
		walk->header_length_before = walk->header_length;
	}
	if (call->flags & EVENT_FLAG_CONFLICT ||
	    (call->offset > walk->end && (call->offset > walk->next_frame || walk->header_length)))
		walk->is_synced = 0;
	if (!call->payload.has_bytes && end > walk->next_frame)
		walk->is_synced = 0;
	if (!walk->is_synced)
		return false;
	/* The rest of a short write was told with its beginning. */
	known = walk->end > call->offset ? walk->end - call->offset : 0;
	if (known > call->length)
		known = call->length;
	walker->position = call->offset + known;
	walker->end = end;
	walker->record_start = call->offset;
	walker->base = call->payload.base + known;
	walker->left = call->payload.vector || !call->payload.has_bytes ? 0 : end - walker->position;
	walker->vector = call->payload.vector;
	walker->vector_in_kernel = call->payload.vector_in_kernel;
	walker->segments = call->payload.vector_count;
	walker->skip = call->payload.skip + known;
	walker->run_length = 0;
	walker->run_left_out = 0;
	walker->window_length = 0;
	walker->filled = 0;
	walker->run_starts_frame = 0;
	walker->is_run_closed = 0;
	walker->is_frame_over = !call->payload.has_bytes && end == walk->next_frame;
	walker->is_faulted = 0;
	if (end > walk->end)
		walk->end = end;
	walker->walk = *walk;
	return true;
}

#endif
