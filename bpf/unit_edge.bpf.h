/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What one unit of a process did to another. */
#ifndef SOCKSPAN_UNIT_EDGE_H
#define SOCKSPAN_UNIT_EDGE_H

#include "event.h"
#include "scope.bpf.h"

static __always_inline int tell_edge(const struct caller *caller, __u64 from, __u64 to, __u32 unit_kind,
				     enum unit_edge edge)
{
	struct unit_edge_event *event = bpf_ringbuf_reserve(&socket_data, sizeof(*event), 0);

	if (!event) {
		count(LOSS_RING_FULL);
		return 0;
	}
	event->header.kind = EVENT_UNIT_EDGE;
	event->header.length = sizeof(*event);
	event->header.timestamp_ns = bpf_ktime_get_ns();
	event->header.tgid = caller->tgid;
	event->header.pid = caller->pid;
	event->from_id = from;
	event->to_id = to;
	event->unit_kind = unit_kind;
	event->edge = edge;
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
	return 0;
}

#endif
