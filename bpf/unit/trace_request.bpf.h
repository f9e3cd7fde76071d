/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Keeps trace_map: a server's connection reads a request, and writes its answer. */
#ifndef SOCKSPAN_TRACE_REQUEST_H
#define SOCKSPAN_TRACE_REQUEST_H

#include "socket/emit.bpf.h"
#include "unit/trace_map.bpf.h"

enum request_state {
	REQUEST_NONE = 0,
	REQUEST_READ = 1,     /* bytes have come, none have gone */
	REQUEST_ANSWERED = 2, /* bytes have gone since: the next ones to come are another request's */
};

static __always_inline void request_read(struct socket_info *info, struct call *call)
{
	if (info->request_state != REQUEST_READ) {
		info->request_state = REQUEST_READ;
		info->request_offset = call->offset;
		info->reader.tgid = call->caller.tgid;
		open_request(call->caller.tgid);
	}
	trace_key(&info->reader, &call->caller, call->unit_kind, call->unit.unit_id, call->unit.coroutine_id);
	call->request.socket_cookie = call->id;
	call->request.stream_offset = info->request_offset;
	call->request.read_ns = call->now;
	call->request.answered_ns = 0;
	call->request.local_first_sequence = info->local_first_sequence;
	call->request.remote_first_sequence = info->remote_first_sequence;
	bpf_map_update_elem(&trace_map, &info->reader, &call->request, BPF_ANY);
}

static __always_inline void request_answered(struct socket_info *info, const struct call *call)
{
	struct trace_request *request, *process;

	if (info->request_state == REQUEST_NONE)
		return;
	process = process_requests(info->reader.tgid);
	if (process) {
		process->answered_ns = call->now;
		if (info->request_state == REQUEST_READ && process->open)
			__sync_fetch_and_add(&process->open, -1);
	}
	info->request_state = REQUEST_ANSWERED;
	request = bpf_map_lookup_elem(&trace_map, &info->reader);
	if (request && request->socket_cookie == call->id)
		request->answered_ns = call->now;
}

/* A call whose unit is known. */
static __always_inline void note_request(struct socket_info *info, struct call *call)
{
	if (!trace_conf.trace_requests || info->role != SOCKET_ROLE_SERVER || call->protocol != IPPROTO_TCP)
		return;
	if (call->direction == DIRECTION_INGRESS)
		request_read(info, call);
	else
		request_answered(info, call);
}

/* The connection is over: nobody waits for the answer any more. */
static __always_inline void note_request_end(struct socket_info *info)
{
	struct trace_request *process;

	if (!trace_conf.trace_requests || info->request_state != REQUEST_READ)
		return;
	info->request_state = REQUEST_NONE;
	process = process_requests(info->reader.tgid);
	if (process && process->open)
		__sync_fetch_and_add(&process->open, -1);
}

#endif
