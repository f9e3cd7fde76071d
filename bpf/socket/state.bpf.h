/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The life of connections. */
#ifndef SOCKSPAN_STATE_H
#define SOCKSPAN_STATE_H

#include "socket/send.bpf.h"
#include "unit/trace_request.bpf.h"

static __always_inline void fill_state(struct socket_state_event *event, const struct call *call, __u64 id,
				       __u16 family, int old_state, int new_state)
{
	event->header.kind = EVENT_SOCKET_STATE;
	event->header.length = sizeof(*event);
	event->header.timestamp_ns = bpf_ktime_get_ns();
	event->header.tgid = call ? call->caller.tgid : 0;
	event->header.pid = call ? call->caller.pid : 0;
	event->coroutine_id = call ? call->unit.coroutine_id : 0;
	event->unit_id = call ? call->unit.unit_id : 0;
	event->unit_parent = call ? call->unit.parent : 0;
	event->unit_count = call ? call->unit.count : 0;
	event->turn_id = call ? call->unit.turn_id : 0;
	event->unit_kind = call ? call->unit_kind : 0;
	event->socket_cookie = id;
	event->address_family = family;
	event->protocol = IPPROTO_TCP;
	event->old_state = old_state;
	event->new_state = new_state;
	event->name_length = 0;
	__builtin_memset(event->padding, 0, sizeof(event->padding));
}

/* In connect(2), or in the send of TCP fast open: who calls is who wants the connection. */
static __always_inline int connecting(struct sock *sk, int old_state, struct call *call)
{
	struct socket_state_event *event;
	struct process_control *process;
	__u64 id;

	/* The unit is read by helpers of 5.11 and 5.15: before, the turn of connect(2) is not known. */
	if (!bpf_core_enum_value_exists(enum bpf_func_id___known, BPF_FUNC_task_pt_regs___known))
		return 0;
	if (!call || !is_traced(&call->caller, &process) || !begin_call(call, sk, DIRECTION_EGRESS, ACCESS_TRUSTED) ||
	    call->protocol != IPPROTO_TCP)
		return 0;
	call->role = SOCKET_ROLE_CLIENT;
	if (begin_unit(sk, call, process, NULL, ACCESS_TRUSTED))
		find_runtime(call->slot);
	id = socket_id(sk, ACCESS_TRUSTED);
	event = bpf_ringbuf_reserve(&socket_data, sizeof(*event), 0);
	if (!event) {
		count(LOSS_RING_FULL);
		return 0;
	}
	fill_state(event, call, id, call->family, old_state, TCP_SYN_SENT);
	event->role = SOCKET_ROLE_CLIENT;
	event->local_first_sequence = 0;
	event->remote_first_sequence = 0;
	socket_tuple(&event->tuple, sk, call->family, ACCESS_TRUSTED);
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
	return 0;
}

/* In listen(2). */
static __always_inline int listening(struct sock *sk, int old_state)
{
	struct socket_state_event *event;
	struct process_control *process;
	struct caller caller;
	__u16 family;

	family = sk->__sk_common.skc_family;
	if ((family != AF_INET && family != AF_INET6) || sk->sk_protocol != IPPROTO_TCP ||
	    !is_traced(&caller, &process))
		return 0;
	event = bpf_ringbuf_reserve(&socket_data, sizeof(*event), 0);
	if (!event) {
		count(LOSS_RING_FULL);
		return 0;
	}
	fill_state(event, NULL, 0, family, old_state, TCP_LISTEN);
	event->header.tgid = caller.tgid;
	event->header.pid = caller.pid;
	event->role = SOCKET_ROLE_SERVER;
	event->local_first_sequence = 0;
	event->remote_first_sequence = 0;
	socket_tuple(&event->tuple, sk, family, ACCESS_TRUSTED);
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
	return 0;
}

/*
 * Runs in any context, also in softirq for another process, so the scope can't be asked for. With the scope of the
 * host every connection is told; else the end of those that have been seen in scope.
 */
static __always_inline int state_changed(struct sock *sk, int old_state, int new_state)
{
	struct socket_state_event *event;
	struct tcp_numbers numbers;
	struct socket_info *info;
	struct tcp_sock *tp;
	bool is_closing;
	__u16 family;
	__u64 id;

	if (new_state == TCP_SYN_SENT)
		return connecting(sk, old_state, call_scratch(SCRATCH_CONNECT));
	if (new_state == TCP_LISTEN)
		return listening(sk, old_state);
	/* The process will write no more: answers that have no other end have theirs. */
	is_closing = new_state == TCP_FIN_WAIT1 || new_state == TCP_LAST_ACK;
	if (new_state != TCP_ESTABLISHED && new_state != TCP_CLOSE && !is_closing)
		return 0;
	family = sk->__sk_common.skc_family;
	if ((family != AF_INET && family != AF_INET6) || sk->sk_protocol != IPPROTO_TCP)
		return 0;
	if (old_state == TCP_LISTEN)
		return 0;
	info = known_socket(sk);
	if (!info && trace_conf.scope != SCOPE_HOST)
		return 0;
	if (is_closing && (!info || info->role != SOCKET_ROLE_SERVER))
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 0;
	if (info && new_state == TCP_CLOSE)
		note_request_end(info);
	id = info ? info->id : socket_id(sk, ACCESS_TRUSTED);
	event = bpf_ringbuf_reserve(&socket_data, sizeof(*event), 0);
	if (!event) {
		count(LOSS_RING_FULL);
		return 0;
	}
	fill_state(event, NULL, id, family, old_state, new_state);
	if (info) {
		event->role = info->role;
		event->local_first_sequence = info->local_first_sequence;
		event->remote_first_sequence = info->remote_first_sequence;
	} else {
		struct socket_info identity;

		tcp_numbers(&numbers, tp, ACCESS_TRUSTED);
		tcp_identity(&identity, sk, tp, &numbers, ACCESS_TRUSTED);
		event->role = identity.role;
		event->local_first_sequence = identity.local_first_sequence;
		event->remote_first_sequence = identity.remote_first_sequence;
	}
	if (old_state == TCP_SYN_SENT)
		event->role = SOCKET_ROLE_CLIENT;
	else if (old_state == TCP_SYN_RECV)
		event->role = SOCKET_ROLE_SERVER;
	socket_tuple(&event->tuple, sk, family, ACCESS_TRUSTED);
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
	/* A process may go on reading what came before a reset, so only a socket without an owner is forgotten. */
	if (info && !trace_conf.socket_storage && new_state == TCP_CLOSE && sk->__sk_common.skc_flags & SOCK_DEAD_BIT)
		bpf_map_delete_elem(&socket_info, &id);
	return 0;
}

#endif
