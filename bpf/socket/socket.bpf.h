/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A socket's identity: id, ends, first sequences, where its streams stand. */
#ifndef SOCKSPAN_SOCKET_H
#define SOCKSPAN_SOCKET_H

#include "kernel/access.bpf.h"
#include "socket/maps.bpf.h"
#include "kernel/scope.bpf.h"

/* User space keeps ids as doubles: exact below 2^53. */
#define ID_BY_INODE (1ULL << 51)
#define ID_REVERSED (1ULL << 52)

static __always_inline __u64 socket_id(struct sock *sk, const enum access access)
{
	__u64 cookie;

	if (access == ACCESS_TRUSTED &&
	    bpf_core_enum_value_exists(enum bpf_func_id___known, BPF_FUNC_check_mtu___known))
		cookie = bpf_get_socket_cookie(sk);
	else
		cookie = LOAD(access, sk, __sk_common.skc_cookie.counter);
	if (!cookie) { /* nobody has asked for one yet: sockfs's inode numbers are unique too */
		struct socket *socket = LOAD(access, sk, sk_socket);
		struct file *file = LOAD(access, socket, file);
		struct inode *inode = LOAD(access, file, f_inode);

		return ID_BY_INODE | (__u32)LOAD(access, inode, i_ino);
	}
	if (cookie >> 51) /* given in a nested context: they count down from the top (linux/cookie.h) */
		return ID_REVERSED | (~cookie & (ID_BY_INODE - 1));
	return cookie;
}

struct tcp_numbers {
	__u64 bytes_acked;
	__u64 bytes_received;
	__u32 write_seq;
	__u32 snd_una;
	__u32 rcv_nxt;
	__u32 copied_seq;
};

static __always_inline void tcp_numbers(struct tcp_numbers *numbers, struct tcp_sock *tp,
					const enum access access)
{
	numbers->write_seq = LOAD(access, tp, write_seq);
	numbers->snd_una = LOAD(access, tp, snd_una);
	numbers->bytes_acked = LOAD(access, tp, bytes_acked);
	numbers->copied_seq = LOAD(access, tp, copied_seq);
	numbers->rcv_nxt = LOAD(access, tp, rcv_nxt);
	numbers->bytes_received = LOAD(access, tp, bytes_received);
}

/*
 * Who opened the connection. A socket made by accept is a clone of its listener, backlog included; where listen got
 * a backlog of 0, the count of bytes sent tells: the opener's bytes_acked has one more, for the SYN.
 */
static __always_inline __u8 tcp_role(struct sock *sk, struct tcp_sock *tp,
				     const struct tcp_numbers *numbers, const enum access access)
{
	__u32 sent;

	if (LOAD(access, sk, sk_max_ack_backlog))
		return SOCKET_ROLE_SERVER;
	sent = LOAD(access, tp, bytes_sent) - LOAD(access, tp, bytes_retrans);
	if (LOAD(access, tp, snd_nxt) == numbers->snd_una - (__u32)numbers->bytes_acked + sent)
		return SOCKET_ROLE_SERVER;
	return SOCKET_ROLE_CLIENT;
}

static __always_inline void tcp_identity(struct socket_info *info, struct sock *sk, struct tcp_sock *tp,
					 const struct tcp_numbers *numbers, const enum access access)
{
	info->role = tcp_role(sk, tp, numbers, access);
	info->local_first_sequence =
		numbers->snd_una - (__u32)numbers->bytes_acked + (info->role == SOCKET_ROLE_CLIENT);
	info->remote_first_sequence = numbers->rcv_nxt - (__u32)numbers->bytes_received;
}

/* The 64-bit number next to `near` whose low half is `low`: exact also where `near` was read in mid-update. */
static __always_inline __u64 widen(__u64 near, __u32 low)
{
	return near + (__s64)(__s32)(low - (__u32)near);
}

/* Stream offset of the next byte to be sent. */
static __always_inline __u64 egress_offset(const struct socket_info *info, const struct tcp_numbers *numbers)
{
	return widen(numbers->bytes_acked + (__u32)(numbers->write_seq - numbers->snd_una),
		     numbers->write_seq - info->local_first_sequence);
}

/* Stream offset behind the last byte that was read. A FIN takes a sequence number once it is read: not a byte. */
static __always_inline __u64 ingress_offset(const struct socket_info *info, struct sock *sk,
					    const struct tcp_numbers *numbers, bool *fin, const enum access access)
{
	__u64 end = widen(numbers->bytes_received - (__u32)(numbers->rcv_nxt - numbers->copied_seq),
			  numbers->copied_seq - info->remote_first_sequence);

	*fin = numbers->copied_seq == numbers->rcv_nxt &&
	       LOAD(access, sk, __sk_common.skc_flags) & SOCK_DONE_BIT;
	return end - *fin;
}

static __always_inline void map_ipv4(__u8 *address, __be32 ipv4)
{
	__u32 *words = (__u32 *)address;

	words[0] = 0;
	words[1] = 0;
	words[2] = ipv4 ? bpf_htonl(0xffff) : 0; /* 0.0.0.0 stays all zeros: not known */
	words[3] = ipv4;
}

static __always_inline void socket_tuple(struct socket_tuple *tuple, struct sock *sk, __u16 family,
					 const enum access access)
{
	struct net *net = LOAD(access, sk, __sk_common.skc_net.net);

	if (family == AF_UNIX) {
		__builtin_memset(tuple, 0, sizeof(*tuple));
		tuple->network_namespace = LOAD(access, net, ns.inum);
		return;
	}
	if (family == AF_INET) {
		__be32 local = LOAD(access, sk, __sk_common.skc_rcv_saddr);

		map_ipv4(tuple->local_address, local);
		map_ipv4(tuple->remote_address, LOAD(access, sk, __sk_common.skc_daddr));
	} else {
		__u32 *local = (__u32 *)tuple->local_address, *remote = (__u32 *)tuple->remote_address;

		local[0] = LOAD(access, sk, __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[0]);
		local[1] = LOAD(access, sk, __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[1]);
		local[2] = LOAD(access, sk, __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[2]);
		local[3] = LOAD(access, sk, __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[3]);
		remote[0] = LOAD(access, sk, __sk_common.skc_v6_daddr.in6_u.u6_addr32[0]);
		remote[1] = LOAD(access, sk, __sk_common.skc_v6_daddr.in6_u.u6_addr32[1]);
		remote[2] = LOAD(access, sk, __sk_common.skc_v6_daddr.in6_u.u6_addr32[2]);
		remote[3] = LOAD(access, sk, __sk_common.skc_v6_daddr.in6_u.u6_addr32[3]);
	}
	tuple->local_port = LOAD(access, sk, __sk_common.skc_num);
	tuple->remote_port = bpf_ntohs(LOAD(access, sk, __sk_common.skc_dport));
	tuple->network_namespace = LOAD(access, net, ns.inum);
}

static __always_inline struct socket_info *find_socket_info(__u64 id)
{
	return bpf_map_lookup_elem(&socket_info, &id);
}

/* What is known of a socket, if it has been seen. */
static __always_inline struct socket_info *known_socket(struct sock *sk)
{
	if (trace_conf.socket_storage)
		return bpf_sk_storage_get(&socket_storage, sk, NULL, 0);
	return find_socket_info(socket_id(sk, ACCESS_TRUSTED));
}

static const struct socket_info fresh_socket_info;

static __always_inline struct socket_info *add_socket_info(__u64 id)
{
	struct socket_info *info;

	bpf_map_update_elem(&socket_info, &id, &fresh_socket_info, BPF_NOEXIST);
	info = bpf_map_lookup_elem(&socket_info, &id);
	if (info)
		info->id = id;
	else
		count(LOSS_NO_SOCKET_INFO);
	return info;
}

#endif
