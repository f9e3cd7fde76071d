/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Who waits for a socket by epoll waits for others beside it: what its thread does meanwhile is for whichever is ready,
 * while a thread that sleeps in a read, or polls for one socket, is at that one's request.
 */
#ifndef SOCKSPAN_WATCHED_H
#define SOCKSPAN_WATCHED_H

#include "kernel/access.bpf.h"
#include "kernel/kernel_types.bpf.h"

/* Before 5.11 (commit 319c15174757) the items of epoll were a list in the file itself. */
struct list_head___links {
	struct list_head___links *next;
} __attribute__((preserve_access_index));

struct file___links {
	struct list_head___links f_ep_links;
} __attribute__((preserve_access_index));

/* An epoll instance has it. */
static __always_inline bool is_watched(struct sock *sk, const enum access access)
{
	struct socket *socket = LOAD(access, sk, sk_socket);
	struct file *file;
	__u64 next = 0;

	if (!socket)
		return false;
	file = LOAD(access, socket, file);
	if (!file)
		return false;
	if (bpf_core_field_exists(struct file, f_ep))
		return LOAD(access, file, f_ep) != NULL;
	bpf_core_read(&next, sizeof(next), &((struct file___links *)file)->f_ep_links.next);
	return next && next != (__u64)file + bpf_core_field_offset(struct file___links, f_ep_links);
}

#endif
