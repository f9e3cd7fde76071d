/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Hook set c: every system call's entry and exit, with the socket found by the descriptor. */
#ifndef SOCKSPAN_RAW_CALL_H
#define SOCKSPAN_RAW_CALL_H

#include "socket/receive.bpf.h"

/* A sendmmsg or recvmmsg is told message by message, as far as this. */
#define MAX_MESSAGES 4

static __always_inline struct sock *look_socket_up(__u32 fd, const enum access access)
{
	struct task_struct *task =
		access == ACCESS_PROBE ? (void *)bpf_get_current_task() : bpf_get_current_task_btf();
	struct files_struct *files = LOAD(access, task, files);
	struct fdtable *table = LOAD(access, files, fdt);
	struct socket *socket;
	struct inode *inode;
	struct file **files_at;
	struct file *file;

	if (fd >= LOAD(access, table, max_fds))
		return NULL;
	files_at = LOAD(access, table, fd) + fd;
	if (access == ACCESS_CAST) { /* a pointer, read as the one member of a struct that the kernel has */
		struct hlist_head *slot = bpf_rdonly_cast(files_at, bpf_core_type_id_kernel(struct hlist_head));

		file = (void *)slot->first;
	} else {
		bpf_probe_read_kernel(&file, sizeof(file), files_at);
	}
	if (!file)
		return NULL;
	file = CAST(access, file, struct file);
	inode = LOAD(access, file, f_inode);
	if ((LOAD(access, inode, i_mode) & S_IFMT) != S_IFSOCK)
		return NULL;
	socket = CAST(access, LOAD(access, file, private_data), struct socket);
	return LOAD(access, socket, sk);
}

/* Where each step is a read, a frame of its own: the stack of a program and of what it calls has 512 bytes. */
static __noinline __u64 probe_socket(__u32 fd)
{
	return (__u64)look_socket_up(fd, ACCESS_PROBE);
}

static __always_inline struct sock *socket_of(__u32 fd, const enum access access)
{
	return access == ACCESS_PROBE ? (struct sock *)probe_socket(fd) : look_socket_up(fd, access);
}

/*
 * Global functions: verified once, for any arguments, and not again in each turn of the loops below. That is why
 * they find again by themselves what their caller had.
 */
static __always_inline int emit_scratch(__u32 slot, const enum access access)
{
	struct call *call = call_scratch(slot);
	struct socket_info *info;
	struct sock *sk;

	if (!call)
		return 0;
	sk = CAST(access, (void *)call->socket, struct sock);
	info = find_socket_info(call->id);
	if (info)
		emit_wanted(sk, info, call, bpf_map_lookup_elem(&processes, &call->caller.tgid), NULL, access);
	return 0;
}

__noinline int emit_cast(__u32 slot)
{
	return emit_scratch(slot, ACCESS_CAST);
}

__noinline int emit_probe(__u32 slot)
{
	return emit_scratch(slot, ACCESS_PROBE);
}

#define EMIT(access, slot) ((access) == ACCESS_CAST ? emit_cast(slot) : emit_probe(slot))

static __always_inline bool send_flags(const struct call_registers *registers, __u32 *flags)
{
	*flags = 0;
	switch (registers->number) {
	case CALL_WRITE:
	case CALL_WRITEV:
	case CALL_PWRITEV:
	case CALL_PWRITEV2:
		return true;
	case CALL_SENDTO:
	case CALL_SENDMMSG:
		*flags = registers->argument[3];
		return true;
	case CALL_SENDMSG:
		*flags = registers->argument[2];
		return true;
	}
	return false;
}

static __always_inline bool receive_flags(const struct call_registers *registers, __u32 *flags)
{
	*flags = 0;
	switch (registers->number) {
	case CALL_READ:
	case CALL_READV:
	case CALL_PREADV:
	case CALL_PREADV2:
		return true;
	case CALL_RECVFROM:
	case CALL_RECVMMSG:
		*flags = registers->argument[3];
		return true;
	case CALL_RECVMSG:
		*flags = registers->argument[2];
		return true;
	}
	return false;
}

static __always_inline bool is_blocking(struct sock *sk, __u32 message_flags, const enum access access)
{
	struct socket *socket = LOAD(access, sk, sk_socket);
	struct file *file = LOAD(access, socket, file);

	return !((message_flags & MSG_DONTWAIT) || (LOAD(access, file, f_flags) & O_NONBLOCK));
}

static __always_inline bool place_read(struct sock *sk, struct call *call, const enum access access)
{
	struct tcp_sock *tp = NULL;
	struct socket_info *info;

	if (call->protocol == IPPROTO_TCP) {
		tp = tcp_of(sk, access);
		tcp_numbers(&call->numbers, tp, access);
	}
	info = call_socket(call, sk, tp, &call->numbers, access);
	if (!info)
		return false;
	call->offset = 0;
	if (tp && !place_receive(call, info, sk, &call->numbers, access))
		return false;
	call->socket = (__u64)sk;
	call->now = bpf_ktime_get_ns();
	return true;
}

/* Frames of their own, as above. */
static __noinline bool place_read_probe(struct sock *sk, struct call *call)
{
	return place_read(sk, call, ACCESS_PROBE);
}

static __noinline bool place_read_cast(struct sock *sk, struct call *call)
{
	return place_read(sk, call, ACCESS_CAST);
}

static __always_inline bool place_raw_receive(struct sock *sk, struct call *call, const enum access access)
{
	return access == ACCESS_PROBE ? place_read_probe(sk, call) : place_read_cast(sk, call);
}

static __always_inline int call_entered(const struct pt_regs *regs, const enum access access)
{
	struct call_registers registers;
	struct tcp_numbers numbers = {};
	struct tcp_sock *tp = NULL;
	struct process_control *process;
	struct socket_info *info;
	__u32 flags, messages = 1;
	struct call *call;
	struct sock *sk;
	__u64 sent = 0;

	call_registers(&registers, regs);
	if (!send_flags(&registers, &flags) || flags & MSG_OOB || !(call = call_scratch(SCRATCH_ENTERED)) ||
	    !is_traced(&call->caller, &process))
		return 0;
	sk = socket_of(registers.argument[0], access);
	if (!sk || !begin_call(call, sk, DIRECTION_EGRESS, access))
		return 0;
	if (call->protocol == IPPROTO_TCP) {
		tp = tcp_of(sk, access);
		tcp_numbers(&numbers, tp, access);
	}
	info = call_socket(call, sk, tp, &numbers, access);
	if (!info)
		return 0;
	call->socket = (__u64)sk;
	call->now = bpf_ktime_get_ns();
	call->entry_ns = call->now;
	call->go_register = GO_REGISTER(regs);
	if (registers.number == CALL_SENDMMSG)
		messages = registers.argument[2];
	for (__u32 i = 0; i < MAX_MESSAGES; i++) {
		if (i >= messages)
			break;
		describe_call(call, &registers, i, access);
		call->length = call->payload.vector ? payload_length(&call->payload) : registers.argument[2];
		call->flags = 0;
		call->offset = 0;
		if (call->protocol == IPPROTO_TCP) {
			call->offset = egress_offset(info, &numbers) + sent;
			claim_send(info, call);
		}
		sent += call->length;
		if (call->length)
			EMIT(access, SCRATCH_ENTERED);
	}
	if (messages > MAX_MESSAGES)
		count(LOSS_VECTOR_CALL);
	return 0;
}

/* sendfile, and splice to or from a socket: how much went, known when done. */
static __always_inline int moved_pages(const struct call_registers *registers, const struct pt_regs *regs,
				       __s64 result, const enum access access)
{
	struct process_control *process;
	struct socket_info *info;
	struct tcp_sock *tp;
	struct call *call;
	struct sock *sk;
	__u8 direction = DIRECTION_EGRESS;

	call = call_scratch(SCRATCH_LEFT);
	if (!call || !is_traced(&call->caller, &process))
		return 0;
	sk = socket_of(registers->argument[registers->number == CALL_SPLICE ? 2 : 0], access);
	if (!sk && registers->number == CALL_SPLICE) {
		sk = socket_of(registers->argument[0], access);
		direction = DIRECTION_INGRESS;
	}
	if (!sk || !begin_call(call, sk, direction, access) || call->protocol != IPPROTO_TCP)
		return 0;
	payload_none(&call->payload);
	call->length = result;
	call->go_register = GO_REGISTER(regs);
	if (direction == DIRECTION_INGRESS) {
		if (place_raw_receive(sk, call, access))
			EMIT(access, SCRATCH_LEFT);
		return 0;
	}
	tp = tcp_of(sk, access);
	tcp_numbers(&call->numbers, tp, access);
	info = call_socket(call, sk, tp, &call->numbers, access);
	if (!info)
		return 0;
	call->offset = egress_offset(info, &call->numbers) - call->length;
	claim_send(info, call);
	call->socket = (__u64)sk;
	call->now = bpf_ktime_get_ns();
	EMIT(access, SCRATCH_LEFT);
	return 0;
}

static __always_inline int call_left(const struct pt_regs *regs, __s64 result, const enum access access)
{
	struct call_registers registers;
	__u32 flags, blocking, messages = 1;
	struct process_control *process;
	struct call *call;
	struct sock *sk;

	if (result <= 0)
		return 0;
	call_registers(&registers, regs);
	if (trace_conf.page_moves && (registers.number == CALL_SENDFILE || registers.number == CALL_SPLICE))
		return moved_pages(&registers, regs, result, access);
	if (!receive_flags(&registers, &flags) || !(call = call_scratch(SCRATCH_LEFT)) ||
	    !is_traced(&call->caller, &process))
		return 0;
	sk = socket_of(registers.argument[0], access);
	if (!sk || !begin_call(call, sk, DIRECTION_INGRESS, access) || is_no_data(call, flags))
		return 0;
	if (registers.number == CALL_RECVMMSG)
		messages = result;
	call->length = result;
	call->go_register = GO_REGISTER(regs);
	blocking = is_blocking(sk, flags, access) ? EVENT_FLAG_BLOCKING : 0;
	for (__u32 i = 0; i < MAX_MESSAGES; i++) {
		if (i >= messages)
			break;
		call->flags = blocking;
		describe_call(call, &registers, i, access);
		if (registers.number == CALL_RECVMMSG &&
		    bpf_probe_read_user(&call->length, sizeof(call->length),
					(void *)registers.argument[1] + i * MMSGHDR_SIZE + MMSGHDR_LENGTH))
			break;
		if (place_raw_receive(sk, call, access))
			EMIT(access, SCRATCH_LEFT);
	}
	if (messages > MAX_MESSAGES)
		count(LOSS_VECTOR_CALL);
	return 0;
}

#endif
