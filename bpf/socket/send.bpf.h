/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Sends: read before any peer can have the bytes. */
#ifndef SOCKSPAN_SEND_H
#define SOCKSPAN_SEND_H

#include "socket/emit_frames.bpf.h"
#include "socket/gather.bpf.h"
#include "socket/java_object.bpf.h"
#include "socket/system_call.bpf.h"
#include "socket/watched.bpf.h"
#include "unit/wake.bpf.h"

static __always_inline struct tcp_sock *tcp_of(struct sock *sk, const enum access access)
{
	return access == ACCESS_TRUSTED ? bpf_skc_to_tcp_sock(sk) : CAST(access, sk, struct tcp_sock);
}

static __always_inline void clear_call(struct call *call, __u8 direction)
{
	call->direction = direction;
	call->entry_ns = 0;
	call->flags = 0;
	call->peer = 0;
	call->peer_in_kernel = false;
	call->retries = false;
	call->unit.coroutine_id = 0;
	call->unit.unit_id = 0;
	call->unit.parent = 0;
	call->unit.count = 0;
	call->unit.turn_id = 0;
	call->unit.microtasks = 0;
	call->unit.kind = UNIT_NONE;
	call->cause.id = 0;
	call->cause.request = 0;
	call->cause.kind = CAUSE_NONE;
	call->unit_kind = UNIT_NONE;
	call->counts_as_read = false;
}

static __always_inline bool begin_call(struct call *call, struct sock *sk, __u8 direction, const enum access access)
{
	call->family = LOAD(access, sk, __sk_common.skc_family);
	if (call->family != AF_INET && call->family != AF_INET6)
		return false;
	call->protocol = LOAD(access, sk, sk_protocol);
	if (call->protocol != IPPROTO_TCP && call->protocol != IPPROTO_UDP)
		return false;
	clear_call(call, direction);
	return true;
}

static __always_inline struct socket_info *call_socket(struct call *call, struct sock *sk, struct tcp_sock *tp,
						       const struct tcp_numbers *numbers, const enum access access)
{
	struct socket_info *info;

	if (access == ACCESS_TRUSTED && trace_conf.socket_storage) {
		info = bpf_sk_storage_get(&socket_storage, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
		if (!info) {
			count(LOSS_NO_SOCKET_INFO);
			return NULL;
		}
		if (!info->id) {
			if (tp)
				tcp_identity(info, sk, tp, numbers, access);
			info->id = socket_id(sk, access);
		}
		call->id = info->id;
		return info;
	}
	call->id = socket_id(sk, access);
	info = find_socket_info(call->id);
	if (info)
		return info;
	info = add_socket_info(call->id);
	if (info && tp)
		tcp_identity(info, sk, tp, numbers, access);
	return info;
}

/*
 * True where this chunk goes on with a call that has been told already. The socket is locked between the chunks,
 * but for waits: where another thread wrote meanwhile, the rest has a new place in the stream and is told again.
 */
static __always_inline bool is_same_send(const struct socket_info *info, const struct call *call, __u64 done)
{
	return done && info->send_pid == call->caller.pid && call->offset > info->send_start &&
	       call->offset + call->length == info->send_end;
}

static __always_inline void claim_send(struct socket_info *info, struct call *call)
{
	if (call->offset < info->send_end && info->send_pid != call->caller.pid) {
		call->flags |= EVENT_FLAG_CONFLICT;
		count(LOSS_CONFLICT);
	}
	info->send_start = call->offset;
	info->send_end = call->offset + call->length;
	info->send_pid = call->caller.pid;
}

static __always_inline bool is_paused(void)
{
	__u32 key = 0;
	const volatile __u32 *paused = bpf_map_lookup_elem(&capture_pause, &key);

	return paused && *paused;
}

/* A call while capture is paused: where it lies in its stream is known, and that it made no event. */
static __always_inline void pass_over(struct socket_info *info, struct call *call)
{
	if (info->verdict.action != VERDICT_FRAMES && !cut_skipped(info, call))
		return;
	info->event_number[call->direction & 1]++;
	count(LOSS_OVERLOAD);
}

/* Emits a call whose bytes and place are known. What its paths differ in is kept in the call, so that they join again. */
static __always_inline void emit_wanted(struct sock *sk, struct socket_info *info, struct call *call,
					struct process_control *process, const struct pt_regs *regs,
					const enum access access)
{
	__u32 direction = call->direction & 1;

	refresh_verdict(info, call->id);
	if (is_dropped(info, call->id, call->direction, call->now)) {
		count(CONSUMED_DROP);
		return;
	}
	if (is_paused()) {
		pass_over(info, call);
		return;
	}
	call->is_walked = false;
	call->is_faulted = false;
	if (call->protocol == IPPROTO_TCP) {
		if (!call->offset && info->verdict.action == VERDICT_PREFIX)
			match_signature(sk, info, call, access);
		if (info->verdict.action == VERDICT_FRAMES && !begin_walk(sk, info, call, access)) {
			count(CONSUMED_SKIP);
			return;
		}
	}
	if (!call->is_walked && !apply_verdict(info, call))
		return;
	call->role = info->role;
	read_unit(sk, call, process, regs, access);
	if (process && process->java.heap_length)
		java_call(call->slot, THREAD_POINTER(access, current_task(access)), info->role == SOCKET_ROLE_SERVER);
	note_request(info, call);
	if (call->direction == DIRECTION_INGRESS) {
		note_read(&call->caller, process, call->now, info->role);
		if (call->unit_kind == UNIT_TOKIO_TASK && info->role != SOCKET_ROLE_SERVER)
			note_answer(&call->caller, call->unit.unit_id);
	}
	if (is_watched(sk, access))
		call->flags |= EVENT_FLAG_WATCHED;
	fill_event(&call->event, sk, info, call, access);
	call->event_number = info->event_number[direction];
	if (call->is_walked) {
		walk_call(call->slot);
		end_walk(sk, call, access);
	} else if (needs_gathering(call)) {
		gather_call(call->slot);
	} else {
		emit_call(call->slot);
	}
	info->event_number[direction] = call->event_number;
	if (call->is_faulted)
		await_fault(info, call);
}

/* Body of tcp_sendmsg_locked, as tracepoint (each chunk) or function entry. */
static __always_inline int tcp_send(struct sock *sk, const struct msghdr *msg, struct call *call)
{
	struct tcp_numbers numbers;
	struct process_control *process;
	struct socket_info *info;
	struct tcp_sock *tp;

	if (!call || !is_traced(&call->caller, &process) || !begin_call(call, sk, DIRECTION_EGRESS, ACCESS_TRUSTED))
		return 0;
	call->length = msg->msg_iter.count;
	if (!call->length || msg->msg_flags & MSG_OOB)
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 0;
	tcp_numbers(&numbers, tp, ACCESS_TRUSTED);
	info = call_socket(call, sk, tp, &numbers, ACCESS_TRUSTED);
	if (!info)
		return 0;
	call->offset = egress_offset(info, &numbers);
	payload_from_iterator(&call->payload, msg);
	if (is_same_send(info, call, msg->msg_iter.iov_offset))
		return 0;
	claim_send(info, call);
	call->retries = trace_conf.udp_send_by_length; /* then sock_send_length is there */
	call->now = bpf_ktime_get_ns();
	emit_wanted(sk, info, call, process, NULL, ACCESS_TRUSTED);
	return 0;
}

/* A UDP send at its function's entry. */
static __always_inline int udp_send(struct sock *sk, const struct msghdr *msg, struct call *call)
{
	struct process_control *process;
	struct socket_info *info;

	if (!call || !is_traced(&call->caller, &process) || !begin_call(call, sk, DIRECTION_EGRESS, ACCESS_TRUSTED))
		return 0;
	call->length = msg->msg_iter.count;
	info = call_socket(call, sk, NULL, NULL, ACCESS_TRUSTED);
	if (!info)
		return 0;
	call->offset = 0;
	call->peer = (__u64)msg->msg_name;
	call->peer_in_kernel = true;
	payload_from_iterator(&call->payload, msg);
	call->now = bpf_ktime_get_ns();
	emit_wanted(sk, info, call, process, NULL, ACCESS_TRUSTED);
	return 0;
}

/*
 * The bytes of a send that were not resident at its entry: the kernel's own copy has brought them in. Told again at
 * the same place in the stream.
 */
static __always_inline int retry_send(struct sock *sk, int result, struct call *call)
{
	struct call_registers registers;
	struct process_control *process;
	struct socket_info *info;
	struct pt_regs *regs;

	if (!call || !is_traced(&call->caller, &process) || !begin_call(call, sk, DIRECTION_EGRESS, ACCESS_TRUSTED))
		return 0;
	info = known_socket(sk);
	if (!info || !info->fault_pending || info->send_pid != call->caller.pid)
		return 0;
	call->id = info->id;
	info->fault_pending = 0;
	__sync_fetch_and_add(&pending_faults, -1);
	if (result <= 0 || info->send_start + result > info->send_end) { /* or other bytes came between its own */
		count(LOSS_USER_FAULT);
		return 0;
	}
	regs = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
	call_registers(&registers, regs);
	describe_message_call(call, &registers, result);
	call->peer = 0;
	call->length = result;
	call->offset = info->send_start;
	call->now = bpf_ktime_get_ns();
	emit_wanted(sk, info, call, process, regs, ACCESS_TRUSTED);
	return 0;
}

/* sock_send_length: where UDP has no function entry, its sends are told when done. */
static __always_inline int sent_length(struct sock *sk, int result, struct call *call)
{
	struct call_registers registers;
	struct process_control *process;
	struct socket_info *info;
	struct pt_regs *regs;

	if (pending_faults && sk->sk_protocol == IPPROTO_TCP)
		return retry_send(sk, result, call);
	if (!trace_conf.udp_send_by_length || sk->sk_protocol != IPPROTO_UDP)
		return 0;
	if (!call || !is_traced(&call->caller, &process) || !begin_call(call, sk, DIRECTION_EGRESS, ACCESS_TRUSTED))
		return 0;
	regs = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
	call_registers(&registers, regs);
	describe_message_call(call, &registers, result);
	if (result <= 0)
		return 0;
	call->length = result;
	info = call_socket(call, sk, NULL, NULL, ACCESS_TRUSTED);
	if (!info)
		return 0;
	call->offset = 0;
	call->now = bpf_ktime_get_ns();
	emit_wanted(sk, info, call, process, regs, ACCESS_TRUSTED);
	return 0;
}

#endif
