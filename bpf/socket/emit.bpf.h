/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* From a call that is wanted to a record in the ring buffer. */
#ifndef SOCKSPAN_EMIT_H
#define SOCKSPAN_EMIT_H

#include "socket/socket.bpf.h"
#include "socket/frames.bpf.h"
#include "socket/verdict.bpf.h"

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

static __always_inline struct task_struct *current_task(const enum access access)
{
	return access == ACCESS_PROBE ? (void *)bpf_get_current_task() : bpf_get_current_task_btf();
}

/* What the runtime's memory says of the call. */
static __always_inline void ask_runtime(struct call *call, struct process_control *process)
{
	__u64 socket;

	call->unit_kind = process->unit_kind;
	if (process->go.start_pc) {
		__u32 slot = call->slot;
		struct go_call *go = bpf_map_lookup_elem(&go_calls, &slot);

		if (!go)
			return;
		go->slot = slot;
		go->tgid = call->caller.tgid;
		go->direction = call->direction;
		go->role = call->role;
		go_call(go, process, call->go_register);
		call->unit.coroutine_id = go->coroutine_id;
		call->unit.unit_id = go->unit_id;
		call->unit.parent = go->work;
		call->cause = go->cause;
		return;
	}
	/* Read back from the map: global functions take no pointers for numbers. */
	socket = *(volatile __u64 *)&call->socket;
	walk_unit_steps(&call->unit, process, &call->caller, socket, call->thread_pointer, call->go_register);
	if (call->unit.kind)
		call->unit_kind = call->unit.kind;
	if (process->python.task_context && call->unit.unit_id) {
		call->cause.id = python_creation(process, &call->caller, call->unit.unit_id, call->unit_kind);
		if (process->python.clients[0].code && call->cause.id && call->unit_kind == UNIT_PYTHON_CONTEXT) {
			__u64 awaiter = python_awaiter(process, &call->caller, call->unit.unit_id);
			__u64 creation = awaiter ? python_creation(process, &call->caller, awaiter, call->unit_kind) : 0;

			/* A context that is no task's may be a copy, of whose making nothing is known. */
			if (creation) {
				call->unit.unit_id = awaiter;
				call->cause.id = creation;
			}
		}
		call->cause.kind = call->cause.id ? CAUSE_CREATION : CAUSE_NONE;
	}
	if (call->cause.kind == CAUSE_CREATION && call->unit_kind == UNIT_PYTHON_CONTEXT)
		call->unit.parent = is_own_context(&call->caller, call->unit.unit_id);
	if (process->python.puts_off)
		asked_unit(&call->unit, &call->cause, &call->unit_kind,
			   call->direction == DIRECTION_EGRESS ? call->id : 0);
	if (process->unit_kind == UNIT_RUBY_FIBER && call->unit.parent) {
		call->cause.id = ruby_creation(call->caller.tgid, call->unit.parent);
		call->cause.kind = call->cause.id ? CAUSE_CREATION : CAUSE_NONE;
	}
	if (call->unit.microtasks) {
		call->cause.id = call->unit.microtasks;
		call->cause.kind = CAUSE_NODE_MICROTASKS;
	}
	if (process->unit_kind == UNIT_TOKIO_TASK && call->direction == DIRECTION_EGRESS && call->unit.unit_id)
		take_wakes(&call->cause, &call->caller, call->unit.unit_id);
}

/* Global functions are verified once, whatever leads to them. They take pointers since 5.12 (e5069b9c23b3). */
__noinline int read_runtime(struct call *call, struct process_control *process)
{
	if (call && process)
		ask_runtime(call, process);
	return 0;
}

/* The same for 5.10, at the price of looking both up again. */
__noinline int find_runtime(__u32 slot)
{
	struct call *call = bpf_map_lookup_elem(&calls, &slot);
	struct process_control *process;

	if (!call)
		return 0;
	process = bpf_map_lookup_elem(&processes, &call->caller.tgid);
	if (process)
		ask_runtime(call, process);
	return 0;
}

/* True where the runtime has more to say. */
static __always_inline bool begin_unit(struct sock *sk, struct call *call, const struct process_control *process,
				       const struct pt_regs *regs, const enum access access)
{
	struct task_struct *task = current_task(access);

	call->unit.turn_id = turn_of(task, call->counts_as_read, access);
	if (!process || !process->step_count)
		return false;
	if (access == ACCESS_TRUSTED) {
		if (!regs)
			regs = (void *)bpf_task_pt_regs(task);
		call->go_register = GO_REGISTER(regs);
	}
	call->thread_pointer = THREAD_POINTER(access, task);
	call->socket = (__u64)sk;
	return true;
}

/* ACCESS_CAST and ACCESS_PROBE are those of functions that are global by themselves, and have no room for a frame more. */
static __always_inline void read_unit(struct sock *sk, struct call *call, struct process_control *process,
				      const struct pt_regs *regs, const enum access access)
{
	if (!begin_unit(sk, call, process, regs, access))
		return;
	if (access == ACCESS_TRUSTED)
		read_runtime(call, process);
	else
		ask_runtime(call, process);
}

static __always_inline void fill_event(struct socket_data_event *event, struct sock *sk,
				       const struct socket_info *info, const struct call *call,
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
	event->cause_request = call->cause.request;
	event->socket_cookie = call->id;
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

static __always_inline void await_fault(struct socket_info *info, const struct call *call)
{
	if (call->retries) {
		info->fault_pending = 1;
		__sync_fetch_and_add(&pending_faults, 1);
	} else {
		count(LOSS_USER_FAULT);
	}
}

static __always_inline bool is_rate_limited(struct call *call, __u32 size)
{
	if (!trace_conf.bytes_per_second)
		return false;
	return !within_rate(&call->caller, bpf_map_lookup_elem(&processes, &call->caller.tgid), call->now, size);
}

/* A reservation needs a constant size, hence the classes. */
#define EMIT_RECORD(room, copy)                                                                \
	({                                                                                     \
		event = bpf_ringbuf_reserve(&socket_data, sizeof(*event) + (room), 0);         \
		if (!event) {                                                                  \
			count(LOSS_RING_FULL);                                                 \
			return 0;                                                              \
		}                                                                              \
		*event = call->event;                                                          \
		captured = copy;                                                               \
		finish_event(event, call, captured);                                           \
	})
#define EMIT_BUFFER(room) EMIT_RECORD(room, copy_buffer(event + 1, room, call->payload.base, call->want))

static __always_inline void finish_event(struct socket_data_event *event, struct call *call, __u32 captured)
{
	__u32 flags = call->flags;

	if (captured < call->want) {
		flags |= EVENT_FLAG_FAULTED;
		call->is_faulted = true;
	}
	if (call->want < call->length && call->payload.has_bytes)
		flags |= EVENT_FLAG_TRUNCATED;
	event->flags = flags;
	event->captured_length = captured;
	event->header.length = sizeof(*event) + captured;
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
}

/* The record of a described call with one buffer. Global functions are verified once, whatever leads to them. */
__noinline int emit_call(__u32 slot)
{
	struct call *call = bpf_map_lookup_elem(&calls, &slot);
	struct socket_data_event *event;
	__u32 captured;

	if (!call)
		return 0;
	call->event.event_number = call->event_number++;
	if (is_rate_limited(call, sizeof(*event) + call->want)) {
		count(LOSS_RATE_LIMITED);
		return 0;
	}
	if (!call->want)
		EMIT_RECORD(0, 0);
	else if (call->want <= 256)
		EMIT_BUFFER(256);
	else if (call->want <= 1024)
		EMIT_BUFFER(1024);
	else if (call->want <= 4096)
		EMIT_BUFFER(4096);
	else
		EMIT_BUFFER(MAX_CAPTURE);
	return 0;
}

/* Bytes before skip_until are cut off; false where none is left. The call that has the last of them is told. */
static __always_inline bool cut_skipped(struct socket_info *info, struct call *call)
{
	__u64 skip_until = call->direction == DIRECTION_INGRESS ? info->verdict.skip_until_ingress
								: info->verdict.skip_until_egress;
	__u64 skipped;

	if (call->offset >= skip_until)
		return true;
	skipped = skip_until - call->offset;
	if (skipped > call->length) {
		count(CONSUMED_SKIP);
		return false;
	}
	if (skipped == call->length) {
		payload_none(&call->payload);
		return true;
	}
	call->offset = skip_until;
	call->length -= skipped;
	if (call->payload.vector)
		call->payload.skip += skipped;
	else
		call->payload.base += skipped;
	return true;
}

/* How many bytes of a call whose place in the stream is known are wanted; false where it makes no event. */
static __always_inline bool apply_verdict(struct socket_info *info, struct call *call)
{
	__u32 limit;

	if (info->verdict.action != VERDICT_FRAMES && !cut_skipped(info, call))
		return false;
	limit = capture_limit(info);
	call->want = call->length < limit ? call->length : limit;
	if (!call->payload.has_bytes) {
		call->want = 0;
		call->flags |= EVENT_FLAG_NO_BYTES;
	}
	return true;
}

#endif
