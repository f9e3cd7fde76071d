/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Where the bytes of a call lie in user memory, and how they are gathered into an event. */
#ifndef SOCKSPAN_PAYLOAD_H
#define SOCKSPAN_PAYLOAD_H

#include "socket/maps.bpf.h"

#define MAX_CAPTURE 16384
#define MAX_SEGMENTS 512 /* of a call that is to be measured */

struct payload {
	__u64 base;   /* one buffer, or */
	__u64 vector; /* an array of iovec, in kernel or user memory */
	__u32 vector_count;
	bool vector_in_kernel;
	bool has_bytes;
	__u64 skip; /* bytes of it that come before */
};

static __always_inline void payload_buffer(struct payload *payload, __u64 base)
{
	payload->base = base;
	payload->vector = 0;
	payload->vector_count = 0;
	payload->vector_in_kernel = false;
	payload->has_bytes = true;
	payload->skip = 0;
}

static __always_inline void payload_vector(struct payload *payload, __u64 vector, __u32 count, bool in_kernel)
{
	payload->base = 0;
	payload->vector = vector;
	payload->vector_count = count;
	payload->vector_in_kernel = in_kernel;
	payload->has_bytes = true;
	payload->skip = 0;
}

static __always_inline void payload_none(struct payload *payload)
{
	payload_buffer(payload, 0);
	payload->has_bytes = false;
}

struct segment {
	__u64 base;
	__u64 length;
};

static __always_inline bool read_segment(struct segment *segment, __u64 address, bool in_kernel)
{
	return !(in_kernel ? bpf_probe_read_kernel(segment, sizeof(*segment), (void *)address)
			   : bpf_probe_read_user(segment, sizeof(*segment), (void *)address));
}

/* The kernel's iterator, as the protocol's sendmsg got it. */
static __always_inline void payload_from_iterator(struct payload *payload, const struct msghdr *msg)
{
	const struct iov_iter *iter = &msg->msg_iter;
	__u32 kind, vector_kind;

	if (bpf_core_field_exists(struct iov_iter, iter_type)) {
		kind = iter->iter_type;
		if (bpf_core_enum_value_exists(enum iter_type___known, ITER_UBUF___known) &&
		    kind == bpf_core_enum_value(enum iter_type___known, ITER_UBUF___known)) {
			void *start;

			/* Before 6.4 a verifier takes the union's first member, a kernel pointer, for it. */
			if (bpf_core_field_exists(struct iov_iter, __iov))
				start = iter->ubuf;
			else
				bpf_core_read(&start, sizeof(start), &iter->ubuf);
			payload_buffer(payload, (__u64)start + iter->iov_offset);
			return;
		}
	} else {
		kind = ((const struct iov_iter___before_5_14 *)iter)->type & ~1;
	}
	vector_kind = bpf_core_enum_value(enum iter_type___known, ITER_IOVEC___known);
	if (kind != vector_kind) {
		payload_none(payload); /* pages of a file or pipe, or a kernel's own buffer */
		return;
	}
	if (bpf_core_field_exists(struct iov_iter, __iov))
		payload_vector(payload, (__u64)iter->__iov, iter->nr_segs, true);
	else
		payload_vector(payload, (__u64)((const struct iov_iter___before_6_4 *)iter)->iov, iter->nr_segs, true);
	payload->skip = iter->iov_offset;
}

/*
 * Copies `want` bytes of one buffer to `to`, which has room for `room` (a constant). Where the whole can't be read,
 * what lies before the next page still may be. Returns the count copied.
 */
static __always_inline __u32 copy_buffer(void *to, const __u32 room, __u64 base, __u32 want)
{
	__u32 near;

	if (want > room)
		want = room;
	if (!bpf_probe_read_user(to, want, (void *)base))
		return want;
	near = 4096 - (base & 4095);
	if (near >= want || near > room)
		return 0;
	return bpf_probe_read_user(to, near, (void *)base) ? 0 : near;
}

#endif
