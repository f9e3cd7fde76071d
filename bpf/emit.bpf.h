/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* From a call that is wanted to a record in the ring buffer. */
#ifndef SOCKSPAN_EMIT_H
#define SOCKSPAN_EMIT_H

#include "socket.bpf.h"
#include "go.bpf.h"
#include "tokio.bpf.h"
#include "verdict.bpf.h"

/* One call on one socket, as the hooks found it. */
struct call {
	struct caller caller;
	struct payload payload;
	struct unit unit;
	struct cause cause;
	struct go_call go;
	struct trace_request request; /* what trace_map is told; this and the next would be too big for the stack */
	struct tcp_numbers numbers;
	__u64 socket; /* set c: struct sock * */
	__u64 id;
	__u64 now;
	__u64 entry_ns;
	__u64 offset;
	__u64 go_register;
	__u64 peer;     /* UDP: sockaddr of the other end, where it is known by address */
	__u32 length;
	__u32 want;
	__u32 flags;
	__u16 family;
	__u8 protocol;
	__u8 direction;
	__u8 unit_kind;
	bool peer_in_kernel;
	bool counts_as_read; /* a receive by read(2) or its like that the kernel has not counted yet */
	bool retries; /* bytes that are not resident are tried again when the call is done */
};

/*
 * The call's description is kept in a map: a verifier forgets what it knew of it, so that its paths join and no
 * field is taken for a kernel pointer. A program is not entered twice on a CPU (prog->active, or no preemption), so
 * each has a place of its own.
 */
enum {
	SCRATCH_ENTERED,
	SCRATCH_LEFT,
	SCRATCH_TCP_SEND,
	SCRATCH_UDP_SEND,
	SCRATCH_UDP6_SEND,
	SCRATCH_TCP_RECEIVE,
	SCRATCH_UDP_RECEIVE,
	SCRATCH_UDP6_RECEIVE,
	SCRATCH_CONNECT,
	SCRATCHES,
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCRATCHES);
	__type(key, __u32);
	__type(value, struct call);
} calls SEC(".maps");

static __always_inline struct call *call_scratch(__u32 slot)
{
	return bpf_map_lookup_elem(&calls, &slot);
}

static __always_inline void fill_peer(struct socket_tuple *tuple, const struct call *call)
{
	struct {
		__u16 family;
		__be16 port;
		__be32 ipv4; /* AF_INET6: flow information */
		__u32 ipv6[4];
	} address = {};
	const void *from = (void *)call->peer;

	if (call->peer_in_kernel ? bpf_probe_read_kernel(&address, 8, from) : bpf_probe_read_user(&address, 8, from))
		return;
	if (address.family == AF_INET) {
		map_ipv4(tuple->remote_address, address.ipv4);
	} else if (address.family == AF_INET6) {
		if (call->peer_in_kernel)
			bpf_probe_read_kernel(tuple->remote_address, 16, from + 8);
		else
			bpf_probe_read_user(tuple->remote_address, 16, from + 8);
	} else {
		return;
	}
	tuple->remote_port = bpf_ntohs(address.port);
}

static __always_inline void fill_event(struct socket_data_event *event, struct sock *sk,
				       const struct socket_info *info, const struct call *call, __u64 number,
				       const enum access access)
{
	event->header.kind = EVENT_SOCKET_DATA;
	event->header.timestamp_ns = call->now;
	event->header.tgid = call->caller.tgid;
	event->header.pid = call->caller.pid;
	event->entry_ns = call->entry_ns;
	event->coroutine_id = call->unit.coroutine_id;
	event->unit_id = call->unit.unit_id;
	event->unit_parent = call->unit.parent;
	event->unit_count = call->unit.count;
	event->turn_id = call->unit.turn_id;
	event->cause_id = call->cause.id;
	event->socket_cookie = call->id;
	event->event_number = number;
	event->stream_offset = call->offset;
	event->local_first_sequence = info->local_first_sequence;
	event->remote_first_sequence = info->remote_first_sequence;
	event->call_length = call->length;
	event->address_family = call->family;
	event->protocol = call->protocol;
	event->direction = call->direction;
	event->role = info->role;
	event->source = DATA_SOURCE_SYSCALL;
	event->unit_kind = call->unit_kind;
	event->cause_kind = call->cause.kind;
	__builtin_memset(event->padding, 0, sizeof(event->padding));
	if (access == ACCESS_PROBE) {
		bpf_get_current_comm(event->comm, sizeof(event->comm));
	} else { /* two loads: a fifth of the helper's time */
		struct task_struct *task = bpf_get_current_task_btf();
		__u64 *comm = (__u64 *)event->comm;

		comm[0] = *(const __u64 *)&task->comm[0];
		comm[1] = *(const __u64 *)&task->comm[8];
	}
	socket_tuple(&event->tuple, sk, call->family, access);
	if (call->peer)
		fill_peer(&event->tuple, call);
}

/* Written by the programs only: sends that wait for their bytes to become resident. */
__u64 pending_faults;

static __always_inline void finish_event(struct socket_data_event *event, struct socket_info *info,
					 const struct call *call, __u32 captured)
{
	__u32 flags = call->flags;

	if (captured < call->want) {
		flags |= EVENT_FLAG_FAULTED;
		if (call->retries) {
			info->fault_pending = 1;
			__sync_fetch_and_add(&pending_faults, 1);
		} else {
			count(LOSS_USER_FAULT);
		}
	}
	if (call->want < call->length && call->payload.has_bytes)
		flags |= EVENT_FLAG_TRUNCATED;
	event->flags = flags;
	event->captured_length = captured;
	event->header.length = sizeof(*event) + captured;
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
}

#define EMIT_BUFFER(room)                                                                      \
	({                                                                                     \
		event = bpf_ringbuf_reserve(&socket_data, sizeof(*event) + (room), 0);         \
		if (!event)                                                                    \
			return emit_failed();                                                  \
		fill_event(event, sk, info, call, number, access);                             \
		captured = copy_buffer(event + 1, room, call->payload.base, call->want);       \
		finish_event(event, info, call, captured);                                           \
	})

#define EMIT_VECTOR(room)                                                                      \
	({                                                                                     \
		event = bpf_ringbuf_reserve(&socket_data, sizeof(*event) + (room) + (room) / 4, 0); \
		if (!event)                                                                    \
			return emit_failed();                                                  \
		fill_event(event, sk, info, call, number, access);                             \
		captured = copy_vector(event + 1, room, &call->payload, call->want,            \
				       &event->captured_length, &event->flags);                \
		finish_event(event, info, call, captured);                                           \
	})

static __always_inline __u32 emit_failed(void)
{
	count(LOSS_RING_FULL);
	return 0;
}

/* Returns how many bytes were captured. A reservation needs a constant size, hence the classes. */
static __always_inline __u32 emit(struct sock *sk, struct socket_info *info, struct call *call,
				  struct process_control *process, const enum access access)
{
	struct socket_data_event *event;
	__u32 captured = 0;
	__u64 number = info->event_number[call->direction & 1];

	info->event_number[call->direction & 1] = number + 1;
	if (!within_rate(&call->caller, process, call->now, sizeof(*event) + call->want)) {
		count(LOSS_RATE_LIMITED);
		return 0;
	}
	if (!call->want) {
		event = bpf_ringbuf_reserve(&socket_data, sizeof(*event), 0);
		if (!event)
			return emit_failed();
		fill_event(event, sk, info, call, number, access);
		finish_event(event, info, call, 0);
	} else if (!call->payload.vector) {
		if (call->want <= 256)
			EMIT_BUFFER(256);
		else if (call->want <= 1024)
			EMIT_BUFFER(1024);
		else if (call->want <= 4096)
			EMIT_BUFFER(4096);
		else
			EMIT_BUFFER(MAX_CAPTURE);
	} else {
		if (call->want <= 256)
			EMIT_VECTOR(256);
		else if (call->want <= 1024)
			EMIT_VECTOR(1024);
		else if (call->want <= 4096)
			EMIT_VECTOR(4096);
		else
			EMIT_VECTOR(MAX_CAPTURE);
	}
	return captured;
}

/*
 * Applies the verdict to a call whose place in the stream is known: false where it makes no event. Bytes before
 * skip_until are cut off.
 */
static __always_inline bool apply_verdict(struct socket_info *info, struct call *call)
{
	__u64 skip_until;
	__u32 limit;

	refresh_verdict(info, call->id);
	if (is_dropped(info, call->id, call->direction, call->now)) {
		count(CONSUMED_DROP);
		return false;
	}
	skip_until = call->direction == DIRECTION_INGRESS ? info->verdict.skip_until_ingress
							  : info->verdict.skip_until_egress;
	if (call->offset < skip_until) {
		__u64 skipped = skip_until - call->offset;

		if (skipped >= call->length) {
			count(CONSUMED_SKIP);
			return false;
		}
		call->offset = skip_until;
		call->length -= skipped;
		if (call->payload.vector)
			call->payload.skip += skipped;
		else
			call->payload.base += skipped;
	}
	limit = capture_limit(info);
	call->want = call->length < limit ? call->length : limit;
	if (!call->payload.has_bytes) {
		call->want = 0;
		call->flags |= EVENT_FLAG_NO_BYTES;
	}
	return true;
}

#endif
