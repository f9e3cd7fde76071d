/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Receives: read when the call is done. */
#ifndef SOCKSPAN_RECEIVE_H
#define SOCKSPAN_RECEIVE_H

#include "send.bpf.h"

static __always_inline void place_receive(struct call *call, struct socket_info *info, struct sock *sk,
					  const struct tcp_numbers *numbers, const enum access access)
{
	bool fin;
	__u64 end = ingress_offset(info, sk, numbers, &fin, access);

	if (fin)
		call->flags |= EVENT_FLAG_FIN;
	call->offset = end - call->length;
	if (call->offset < info->receive_end) { /* two readers: which of them got what is not known */
		call->flags |= EVENT_FLAG_CONFLICT;
		count(LOSS_CONFLICT);
	}
	info->receive_end = end;
}

/*
 * Body of every hook that sees one finished receive of a socket. `msg`: NULL or the kernel's, which has the sender's
 * address; the user's gets it only later.
 */
static __always_inline int received(struct sock *sk, const struct msghdr *msg, int result, __u32 message_flags)
{
	struct call_registers registers;
	struct tcp_sock *tp = NULL;
	struct tcp_numbers numbers = {};
	struct socket_info *info;
	struct pt_regs *regs;
	struct call call;

	if (!is_traced(&call.caller) || !begin_call(&call, sk, DIRECTION_INGRESS, ACCESS_TRUSTED))
		return 0;
	regs = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
	call_registers(&registers, regs);
	if (result <= 0 && registers.number != CALL_RECVMMSG)
		return 0;
	describe_call(&call, &registers, result);
	call.peer = msg ? (__u64)msg->msg_name : 0;
	call.peer_in_kernel = true;
	if (result <= 0 || message_flags & (MSG_PEEK | MSG_ERRQUEUE | MSG_OOB))
		return 0;
	if (message_flags & MSG_TRUNC && call.protocol == IPPROTO_TCP)
		return 0; /* thrown away, not read */
	call.length = result;
	call.offset = 0;
	if (call.protocol == IPPROTO_TCP) {
		tp = bpf_skc_to_tcp_sock(sk);
		if (!tp)
			return 0;
		tcp_numbers(&numbers, tp, ACCESS_TRUSTED);
	}
	info = call_socket(&call, sk, tp, &numbers, ACCESS_TRUSTED);
	if (!info)
		return 0;
	if (tp)
		place_receive(&call, info, sk, &numbers, ACCESS_TRUSTED);
	call.now = bpf_ktime_get_ns();
	if (!apply_verdict(info, &call))
		return 0;
	read_unit(&call, regs, ACCESS_TRUSTED);
	emit(sk, info, &call, ACCESS_TRUSTED);
	return 0;
}

#endif
