/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What one unit of a process did to another. */
#ifndef SOCKSPAN_UNIT_EDGE_H
#define SOCKSPAN_UNIT_EDGE_H

#include "event.h"
#include "kernel/scope.bpf.h"

struct edge {
	__u64 from;
	__u64 to;
	__u64 from_creation;
	__u64 work;
	__u64 timestamp_ns; /* 0: now */
	__u32 unit_kind;
	__u32 kind; /* enum unit_edge */
};

static __always_inline int tell_edge(const struct caller *caller, const struct edge *edge)
{
	struct unit_edge_event *event = bpf_ringbuf_reserve(&socket_data, sizeof(*event), 0);

	if (!event) {
		count(LOSS_RING_FULL);
		return 0;
	}
	event->header.kind = EVENT_UNIT_EDGE;
	event->header.length = sizeof(*event);
	event->header.timestamp_ns = edge->timestamp_ns ? edge->timestamp_ns : bpf_ktime_get_ns();
	event->header.tgid = caller->tgid;
	event->header.pid = caller->pid;
	event->from_id = edge->from;
	event->to_id = edge->to;
	event->from_creation = edge->from_creation;
	event->work = edge->work;
	event->edge = edge->kind;
	event->unit_kind = edge->unit_kind;
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
	return 0;
}

#endif
