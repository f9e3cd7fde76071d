/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* One system call on one socket, while a program describes it. */
#ifndef SOCKSPAN_CALL_H
#define SOCKSPAN_CALL_H

#include "kernel/scratch.bpf.h"
#include "unit/go_call.bpf.h"
#include "socket/payload.bpf.h"
#include "socket/socket.bpf.h"
#include "unit/put_off.bpf.h"
#include "unit/python.bpf.h"
#include "unit/ruby.bpf.h"
#include "unit/tokio.bpf.h"
#include "unit/unit.bpf.h"

/* One call on one socket, as the hooks found it. */
struct call {
	struct caller caller;
	struct payload payload;
	struct unit unit;
	struct cause cause;
	struct trace_request request; /* what trace_map is told; this and the next would be too big for the stack */
	struct tcp_numbers numbers;
	struct socket_data_event event; /* what is told of it */
	__u64 socket; /* struct sock *, for who reads it by probes or casts it */
	__u64 id;
	__u64 now;
	__u64 entry_ns;
	__u64 offset;
	__u64 event_number; /* the next */
	__u64 go_register;
	__u64 thread_pointer;
	__u64 peer;     /* UDP: sockaddr of the other end, where it is known by address */
	__u32 length;
	__u32 want;
	__u32 flags;
	__u32 slot; /* its place in calls */
	__u16 family;
	__u8 protocol;
	__u8 direction;
	__u8 unit_kind;
	__u8 role; /* enum socket_role, of the local end */
	bool peer_in_kernel;
	bool counts_as_read; /* a receive by read(2) or its like that the kernel has not counted yet */
	bool is_walked; /* frame by frame */
	bool is_faulted;
	bool retries; /* bytes that are not resident are tried again when the call is done */
};

/*
 * The call's description is kept in a map: a verifier forgets what it knew of it, so that its paths join and no
 * field is taken for a kernel pointer.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCRATCHES);
	__type(key, __u32);
	__type(value, struct call);
} calls SEC(".maps");

static __always_inline struct call *call_scratch(__u32 slot)
{
	struct call *call = bpf_map_lookup_elem(&calls, &slot);

	if (call)
		call->slot = slot;
	return call;
}

#endif
