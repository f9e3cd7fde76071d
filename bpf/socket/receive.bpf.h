/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Receives: read when the call is done. */
#ifndef SOCKSPAN_RECEIVE_H
#define SOCKSPAN_RECEIVE_H

#include "socket/send.bpf.h"

/* False where the stream has not that many bytes: the descriptor is another socket's by now. */
static __always_inline bool place_receive(struct call *call, struct socket_info *info, struct sock *sk,
					  const struct tcp_numbers *numbers, const enum access access)
{
	bool fin;
	__u64 end = ingress_offset(info, sk, numbers, &fin, access);

	if (end < call->length) {
		count(LOSS_CONFLICT);
		return false;
	}
	if (fin)
		call->flags |= EVENT_FLAG_FIN;
	call->offset = end - call->length;
	if (call->offset < info->receive_end) { /* two readers: which of them got what is not known */
		call->flags |= EVENT_FLAG_CONFLICT;
		count(LOSS_CONFLICT);
	}
	info->receive_end = end;
	return true;
}

static __always_inline bool is_no_data(const struct call *call, __u32 message_flags)
{
	return message_flags & (MSG_PEEK | MSG_ERRQUEUE | MSG_OOB) ||
	       (message_flags & MSG_TRUNC && call->protocol == IPPROTO_TCP); /* thrown away, not read */
}

/* One finished receive of call->length bytes, described. */
static __always_inline void receive(struct sock *sk, struct call *call, struct process_control *process,
				    const struct pt_regs *regs, const enum access access)
{
	struct tcp_numbers numbers = {};
	struct tcp_sock *tp = NULL;
	struct socket_info *info;

	if (call->protocol == IPPROTO_TCP) {
		tp = tcp_of(sk, access);
		if (!tp)
			return;
		tcp_numbers(&numbers, tp, access);
	}
	info = call_socket(call, sk, tp, &numbers, access);
	if (!info)
		return;
	call->offset = 0;
	if (call->protocol == IPPROTO_TCP && !place_receive(call, info, sk, &numbers, access))
		return;
	call->now = bpf_ktime_get_ns();
	emit_wanted(sk, info, call, process, regs, access);
}

/*
 * Body of the hooks that see a receive in the socket layer or below. `msg`: NULL or the kernel's, which has the
 * sender's address; the user's gets it only later.
 */
static __always_inline int received(struct sock *sk, const struct msghdr *msg, int result, __u32 message_flags,
				    struct call *call)
{
	struct call_registers registers;
	struct process_control *process;
	struct pt_regs *regs;

	if (!call || !is_traced(&call->caller, &process) || !begin_call(call, sk, DIRECTION_INGRESS, ACCESS_TRUSTED))
		return 0;
	regs = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
	call_registers(&registers, regs);
	if (result <= 0 && registers.number != CALL_RECVMMSG)
		return 0;
	describe_message_call(call, &registers, result);
	call->peer = msg ? (__u64)msg->msg_name : 0;
	call->peer_in_kernel = true;
	if (result <= 0 || is_no_data(call, message_flags))
		return 0;
	call->length = result;
	call->counts_as_read = is_read(&registers);
	if (!(message_flags & MSG_DONTWAIT)) /* socket.c and af_inet.c set it for O_NONBLOCK too */
		call->flags |= EVENT_FLAG_BLOCKING;
	receive(sk, call, process, regs, ACCESS_TRUSTED);
	return 0;
}

/* An argument of a traced function: one load at a constant place, which is all that a verifier allows on the context. */
#define ARGUMENT(context, index)                                                       \
	({                                                                             \
		__u64 argument_;                                                       \
		asm volatile("%0 = *(u64 *)(%1 + %2)"                                  \
			     : "=r"(argument_)                                         \
			     : "r"(context), "i"((index) * 8));                        \
		argument_;                                                             \
	})

/*
 * fexit of tcp_recvmsg and its like, whose arguments have changed: `nonblock` before `flags` went with 5.19, `addr_len`
 * behind it with 7.0. The result lies behind the last; bpf_get_func_ret (5.17) finds it.
 */
static __always_inline int receive_returned(__u64 *context, __u32 slot)
{
	struct sock *sk = (void *)context[0];
	struct msghdr *msg = (void *)context[1];
	__u32 flags;
	__u64 result;

	if (trace_conf.recvmsg_arguments == 6) {
		flags = ARGUMENT(context, 4);
		if (ARGUMENT(context, 3))
			flags |= MSG_DONTWAIT;
		result = ARGUMENT(context, 6);
	} else {
		flags = ARGUMENT(context, 3);
		if (bpf_get_func_ret(context, &result))
			return 0;
	}
	return received(sk, msg, result, flags, call_scratch(slot));
}

#endif
