/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * AF_UNIX streams that have a name at one of their ends; socket pairs are passed by. Both directions are told when the
 * call is done, by its result: the kernel keeps no position of these streams, so their bytes are counted.
 */
#ifndef SOCKSPAN_UNIX_H
#define SOCKSPAN_UNIX_H

#include "socket/receive.bpf.h"
#include "socket/state.bpf.h"

enum unix_flags {
	UNIX_TOLD = 1 << 0,       /* its name is */
	UNIX_EARLIER = 1 << 1,    /* bytes may have gone before it was seen */
	UNIX_PEER_ENDED = 1 << 2, /* told: nothing more will come */
	UNIX_ENDED = 1 << 3,      /* told: the other end is closed */
};

/* Where the count is not known it starts so far on that the other end's can't be the same. */
#define UNIX_UNKNOWN_OFFSET (1ULL << 40)

/* Addresses of struct unix_address; 0: no name. */
struct unix_names {
	__u64 own;
	__u64 other;
};

static __always_inline bool unix_names(struct unix_names *names, struct sock *sk, const enum access access)
{
	struct unix_sock *own = CAST(access, sk, struct unix_sock);
	struct sock *other = LOAD(access, own, peer);

	names->own = (__u64)LOAD(access, own, addr);
	names->other = 0;
	if (other) {
		struct unix_sock *peer = CAST(access, other, struct unix_sock);

		names->other = (__u64)LOAD(access, peer, addr);
	}
	return names->own || names->other;
}

static __always_inline int name_users(__u64 name)
{
	return BPF_CORE_READ((struct unix_address *)name, refcnt.refs.counter);
}

/* An accepted socket has its listener's name, the same object. A client may have bound one of its own. */
static __always_inline __u8 unix_role(const struct unix_names *names)
{
	bool is_own_shared, is_other_shared;

	if (!names->other)
		return SOCKET_ROLE_SERVER;
	if (!names->own)
		return SOCKET_ROLE_CLIENT;
	is_own_shared = name_users(names->own) > 1;
	is_other_shared = name_users(names->other) > 1;
	if (is_own_shared == is_other_shared)
		return SOCKET_ROLE_UNKNOWN;
	return is_own_shared ? SOCKET_ROLE_SERVER : SOCKET_ROLE_CLIENT;
}

static __always_inline __u64 peer_cookie(struct sock *sk)
{
	struct unix_sock *own;
	struct sock *peer;

	if (!bpf_core_enum_value_exists(enum bpf_func_id___known, BPF_FUNC_skc_to_unix_sock___known))
		return BPF_CORE_READ((struct unix_sock *)sk, peer, __sk_common.skc_cookie.counter);
	own = bpf_skc_to_unix_sock(sk);
	if (!own)
		return 0;
	peer = own->peer;
	return peer ? bpf_get_socket_cookie(peer) : 0;
}

/*
 * Numbers in the place of TCP's first sequences: of the client's cookie, spread, which both ends find. Where the two
 * don't count alike, or who is the client is not known, each has numbers of its own.
 */
static __always_inline void unix_identity(struct socket_info *info, struct sock *sk)
{
	__u64 cookie = 0, number;

	if (!(info->unix_flags & UNIX_EARLIER)) {
		if (info->role == SOCKET_ROLE_SERVER)
			cookie = peer_cookie(sk);
		else if (info->role == SOCKET_ROLE_CLIENT &&
			 bpf_core_enum_value_exists(enum bpf_func_id___known, BPF_FUNC_check_mtu___known))
			cookie = bpf_get_socket_cookie(sk);
	}
	number = cookie ? (cookie ^ trace_conf.unix_salt) * 0x9e3779b97f4a7c15ULL
			: (info->id ^ trace_conf.unix_salt) * 0xd6e8feb86659fd93ULL;
	info->local_first_sequence = info->role == SOCKET_ROLE_CLIENT ? number >> 32 : number;
	info->remote_first_sequence = info->role == SOCKET_ROLE_CLIENT ? number : number >> 32;
}

/* The connection is older than the programs, or may be. */
static __always_inline bool is_earlier(struct sock *sk)
{
	__u64 inode = BPF_CORE_READ(sk, sk_socket, file, f_inode, i_ino), complete = 0;

	return !bpf_map_lookup_elem(&unix_earlier, &complete) || bpf_map_lookup_elem(&unix_earlier, &inode);
}

static __always_inline struct socket_info *unix_socket(struct call *call, struct sock *sk,
						       const struct unix_names *names)
{
	struct socket_info *info = call_socket(call, sk, NULL, NULL, ACCESS_TRUSTED);

	if (!info || info->role || info->unix_flags)
		return info;
	info->role = unix_role(names);
	if (is_earlier(sk)) {
		info->unix_flags = UNIX_EARLIER;
		info->send_end = info->receive_end = UNIX_UNKNOWN_OFFSET;
	}
	unix_identity(info, sk);
	return info;
}

static __always_inline void fill_unix_state(struct socket_state_event *event, struct sock *sk,
					    const struct socket_info *info, int old_state, int new_state)
{
	fill_state(event, NULL, info->id, AF_UNIX, old_state, new_state);
	event->role = info->role;
	event->local_first_sequence = info->local_first_sequence;
	event->remote_first_sequence = info->remote_first_sequence;
	socket_tuple(&event->tuple, sk, AF_UNIX, ACCESS_TRUSTED);
}

static __always_inline void tell_unix_name(struct socket_info *info, struct sock *sk, const struct unix_names *names)
{
	struct unix_address *name = (void *)(info->role == SOCKET_ROLE_SERVER || !names->other ? names->own : names->other);
	struct {
		struct socket_state_event event;
		__u8 name[SOCKET_NAME_LENGTH + 4];
	} *record;
	__u32 length;

	record = bpf_ringbuf_reserve(&socket_data, sizeof(*record), 0);
	if (!record) {
		count(LOSS_RING_FULL);
		return;
	}
	fill_unix_state(&record->event, sk, info, info->unix_flags & UNIX_EARLIER ? TCP_ESTABLISHED : TCP_SYN_SENT,
			TCP_ESTABLISHED);
	length = BPF_CORE_READ(name, len) - sizeof(__u16);
	if (length > SOCKET_NAME_LENGTH)
		length = 0;
	if (bpf_core_read(record->name, length, &name->name[0].sun_path))
		length = 0;
	record->event.name_length = length;
	record->event.header.length = sizeof(record->event) + length;
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	info->unix_flags |= UNIX_TOLD;
}

/* A call that moved nothing: the other end may be gone. */
static __always_inline void tell_unix_end(struct socket_info *info, struct sock *sk)
{
	__u8 shutdown = sk->sk_shutdown & SHUTDOWN_MASK;
	struct socket_state_event *event;
	__u32 flag = 0;

	if (shutdown == SHUTDOWN_MASK)
		flag = UNIX_ENDED;
	else if (shutdown & RCV_SHUTDOWN)
		flag = UNIX_PEER_ENDED;
	if (!(info->unix_flags & UNIX_TOLD) || !flag || info->unix_flags & (flag | UNIX_ENDED))
		return;
	if (flag == UNIX_ENDED)
		note_request_end(info);
	event = bpf_ringbuf_reserve(&socket_data, sizeof(*event), 0);
	if (!event) {
		count(LOSS_RING_FULL);
		return;
	}
	fill_unix_state(event, sk, info, TCP_ESTABLISHED, flag == UNIX_ENDED ? TCP_CLOSE : TCP_CLOSE_WAIT);
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
	info->unix_flags |= flag;
}

static __always_inline bool is_urgent(const struct call_registers *registers, __u32 message_flags)
{
	switch (registers->number) {
	case CALL_SENDTO:
	case CALL_SENDMMSG:
		message_flags |= registers->argument[3];
		break;
	case CALL_SENDMSG:
		message_flags |= registers->argument[2];
		break;
	}
	return message_flags & MSG_OOB;
}

static __always_inline bool is_unix(const struct sock *sk)
{
	return sk->__sk_common.skc_family == AF_UNIX;
}

/* A finished call on an AF_UNIX socket. `look`: how struct unix_sock may be looked into. */
static __always_inline int unix_called(struct sock *sk, int result, __u32 message_flags, __u8 direction,
				       struct call *call, const enum access look)
{
	struct call_registers registers;
	struct process_control *process;
	struct unix_names names;
	struct socket_info *info;
	struct pt_regs *regs;
	__u64 *end;

	if (!trace_conf.unix_sockets || !bpf_core_type_exists(struct unix_sock))
		return 0;
	if (sk->sk_type != SOCK_STREAM || !unix_names(&names, sk, look))
		return 0;
	if (!call || !is_traced(&call->caller, &process))
		return 0;
	clear_call(call, direction);
	call->family = AF_UNIX;
	call->protocol = IPPROTO_TCP;
	regs = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
	call_registers(&registers, regs);
	describe_message_call(call, &registers, result);
	call->peer = 0;
	info = unix_socket(call, sk, &names);
	if (!info)
		return 0;
	if (!(info->unix_flags & UNIX_TOLD))
		tell_unix_name(info, sk, &names);
	if (result <= 0) {
		tell_unix_end(info, sk);
		return 0;
	}
	if (message_flags & MSG_PEEK)
		return 0;
	end = direction == DIRECTION_INGRESS ? &info->receive_end : &info->send_end;
	if (is_urgent(&registers, message_flags)) { /* what becomes of the byte is the reader's choice */
		*end += UNIX_UNKNOWN_OFFSET;
		return 0;
	}
	call->length = result;
	call->offset = __sync_fetch_and_add(end, call->length);
	if (direction == DIRECTION_INGRESS) {
		call->counts_as_read = is_read(&registers);
		if (!(message_flags & MSG_DONTWAIT))
			call->flags |= EVENT_FLAG_BLOCKING;
	}
	call->now = bpf_ktime_get_ns();
	emit_wanted(sk, info, call, process, regs, ACCESS_TRUSTED);
	return 0;
}

#endif
