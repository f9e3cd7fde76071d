/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* From the registers of a socket system call to the bytes and the address that it was given. */
#ifndef SOCKSPAN_SYSTEM_CALL_H
#define SOCKSPAN_SYSTEM_CALL_H

#include "socket/emit.bpf.h"

/* linux/socket.h: struct user_msghdr, what is used of it; struct mmsghdr is one of 64 bytes with its length at 56. */
struct user_message {
	__u64 name;
	__u32 name_length;
	__u32 padding;
	__u64 vector;
	__u64 vector_count;
};
#define MMSGHDR_SIZE 64
#define MMSGHDR_LENGTH 56

static __always_inline void describe_message(struct call *call, __u64 message_address)
{
	struct user_message message;

	if (bpf_probe_read_user(&message, sizeof(message), (void *)message_address)) {
		payload_none(&call->payload);
		return;
	}
	payload_vector(&call->payload, message.vector, message.vector_count, false);
	call->peer = message.name;
}

/*
 * Which message of a sendmmsg or recvmmsg this is: both stop only after the last or at an error, and each message
 * is told, so counting is exact; but for a recvmmsg that may stop at a timeout.
 */
static __always_inline __u32 vector_index(const struct call *call, const struct call_registers *registers, int result)
{
	__u64 thread = (__u64)call->caller.tgid << 32 | call->caller.pid;
	struct vector_call *state = bpf_map_lookup_elem(&vector_calls, &thread);
	__u32 index = 0, count = registers->argument[2];

	if (state && state->vector == registers->argument[1])
		index = state->index;
	if (result < 0 || index + 1 >= count) {
		if (state)
			bpf_map_delete_elem(&vector_calls, &thread);
	} else {
		struct vector_call next = { .vector = registers->argument[1], .index = index + 1 };

		bpf_map_update_elem(&vector_calls, &thread, &next, BPF_ANY);
	}
	return index;
}

/* The kernel counts these as reads (fs/read_write.c, inc_syscr), when they return. */
static __always_inline bool is_read(const struct call_registers *registers)
{
	switch (registers->number) {
	case CALL_READ:
	case CALL_READV:
	case CALL_PREADV:
	case CALL_PREADV2:
		return true;
	}
	return false;
}

/* Where the call's bytes are; `index`: which message of a sendmmsg or recvmmsg. */
static __always_inline void describe_call(struct call *call, const struct call_registers *registers, __u32 index,
					  const enum access access)
{
	if (is_compat_call(access == ACCESS_PROBE ? (void *)bpf_get_current_task() : bpf_get_current_task_btf(),
			   access)) {
		count(LOSS_COMPAT_CALL);
		payload_none(&call->payload);
		return;
	}
	switch (registers->number) {
	case CALL_WRITE:
	case CALL_READ:
		payload_buffer(&call->payload, registers->argument[1]);
		return;
	case CALL_SENDTO:
	case CALL_RECVFROM:
		payload_buffer(&call->payload, registers->argument[1]);
		call->peer = registers->argument[4];
		return;
	case CALL_WRITEV:
	case CALL_READV:
	case CALL_PWRITEV:
	case CALL_PREADV:
	case CALL_PWRITEV2:
	case CALL_PREADV2:
		payload_vector(&call->payload, registers->argument[1], registers->argument[2], false);
		return;
	case CALL_SENDMSG:
	case CALL_RECVMSG:
	case CALL_SENDMMSG:
	case CALL_RECVMMSG:
		describe_message(call, registers->argument[1] + (__u64)index * MMSGHDR_SIZE);
		return;
	case CALL_IO_URING_ENTER:
		count(LOSS_IO_URING);
		break;
	}
	payload_none(&call->payload);
}

/*
 * The same for the hooks of the socket layer, which see a sendmmsg or recvmmsg message by message. Failed messages
 * are shown too, to keep count.
 */
static __always_inline void describe_message_call(struct call *call, const struct call_registers *registers,
						  int result)
{
	__u32 index = 0;

	if (registers->number == CALL_RECVMMSG && registers->argument[4]) {
		count(LOSS_VECTOR_CALL);
		payload_none(&call->payload);
		return;
	}
	if (registers->number == CALL_RECVMMSG || registers->number == CALL_SENDMMSG)
		index = vector_index(call, registers, result);
	describe_call(call, registers, index, ACCESS_TRUSTED);
}

/* User iovecs, added up as far as they are followed. */
static __always_inline __u32 payload_length(const struct payload *payload)
{
	__u64 vector = payload->vector, total = 0;
	__u32 segments = payload->vector_count;

	for (int i = 0; i < MAX_SEGMENTS; i++) {
		struct segment segment;

		if (!segments || !read_segment(&segment, vector, false))
			break;
		total += segment.length;
		vector += sizeof(segment);
		segments--;
	}
	return total;
}

#endif
