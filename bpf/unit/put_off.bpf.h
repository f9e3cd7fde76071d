/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Loops that send later what is written (Twisted): the code that writes only asks epoll to tell when the socket has room,
 * and the loop sends when that is so, in nobody's context. So who has asked is remembered for the socket. Answers and calls of
 * different units leave in another order than they were written in: when it was asked goes along.
 */
#ifndef SOCKSPAN_PUT_OFF_H
#define SOCKSPAN_PUT_OFF_H

#include "unit/python.bpf.h"

/* Who waits for room in a socket. */
struct put_off {
	__u64 unit; /* 0: none that is known, or several */
	__u64 creation;
	__u64 asked_ns;
	__u32 kind; /* enum unit_kind */
	__u32 padding;
};

/* By the socket's id, until nobody waits for room in it any more. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct put_off);
} put_offs SEC(".maps");

#define EPOLL_DELETE 2 /* EPOLL_CTL_DEL */
#define EPOLL_HAS_ROOM 4 /* EPOLLOUT */

/* epoll_ctl(epoll, operation, descriptor of the socket, event) is called. */
static __always_inline int room_asked(__u64 socket, __u32 operation, __u64 event)
{
	struct process_control *process = NULL;
	struct python_making asking = {};
	struct caller caller = {};
	struct put_off *known, asked = {};
	__u32 events = 0;

	if (!socket || !watches_makers(&caller, &process) || !process->python.puts_off)
		return 0;
	if (operation != EPOLL_DELETE)
		bpf_probe_read_user(&events, sizeof(events), (void *)event);
	if (!(events & EPOLL_HAS_ROOM)) {
		bpf_map_delete_elem(&put_offs, &socket);
		return 0;
	}
	find_maker(&asking, &caller, process);
	if (asking.from_creation) {
		asked.unit = asking.from_id;
		asked.kind = asking.from_kind;
		asked.creation = asking.from_creation;
	}
	asked.asked_ns = asking.id;
	known = bpf_map_lookup_elem(&put_offs, &socket);
	if (!known)
		bpf_map_update_elem(&put_offs, &socket, &asked, BPF_ANY);
	else if (known->unit != asked.unit || known->creation != asked.creation)
		known->unit = 0;
	return 0;
}

/* For whom the process sends on `socket`, if it is not 0; else what runs, if its making was seen. */
static __always_inline void asked_unit(struct unit *unit, struct cause *cause, __u8 *unit_kind, __u64 socket)
{
	struct put_off *asked = socket ? bpf_map_lookup_elem(&put_offs, &socket) : NULL;

	if (asked) {
		unit->unit_id = asked->unit;
		unit->count = asked->asked_ns;
		cause->id = asked->unit ? asked->creation : 0;
		cause->kind = cause->id ? CAUSE_CREATION : CAUSE_NONE;
		if (asked->unit)
			*unit_kind = asked->kind;
	} else if (*unit_kind == UNIT_PYTHON_CONTEXT && !cause->id) {
		unit->unit_id = 0;
	}
}

#endif
