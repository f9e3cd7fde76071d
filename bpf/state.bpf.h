/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The life of connections. */
#ifndef SOCKSPAN_STATE_H
#define SOCKSPAN_STATE_H

#include "trace_request.bpf.h"

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
	__u16 family;
	__u64 id;

	if (new_state != TCP_ESTABLISHED && new_state != TCP_CLOSE)
		return 0;
	family = sk->__sk_common.skc_family;
	if ((family != AF_INET && family != AF_INET6) || sk->sk_protocol != IPPROTO_TCP)
		return 0;
	if (old_state == TCP_LISTEN)
		return 0;
	info = known_socket(sk);
	if (!info && trace_conf.scope != SCOPE_HOST)
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
	event->header.kind = EVENT_SOCKET_STATE;
	event->header.length = sizeof(*event);
	event->header.timestamp_ns = bpf_ktime_get_ns();
	event->header.tgid = 0;
	event->header.pid = 0;
	event->socket_cookie = id;
	event->address_family = family;
	event->protocol = IPPROTO_TCP;
	event->old_state = old_state;
	event->new_state = new_state;
	__builtin_memset(event->padding, 0, sizeof(event->padding));
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
