/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Go: the goroutine that makes a call, and for calls of net/http's client, which a goroutine of the connection writes,
 * whom it is for.
 */
#ifndef SOCKSPAN_GO_CALL_H
#define SOCKSPAN_GO_CALL_H

#include "unit/go_stream.bpf.h"

/*
 * The g that waits on the error channel of a writeRequest: a buffered channel of one error, in whose queue of receivers
 * the caller's sudog names the same channel. Anything else is no caller.
 */
static __always_inline __u64 go_waiting(struct go_call *call, __u64 channel, const struct go_layout *layout)
{
	__u32 queue = (layout->receive_queue >> 3) & 15, proof = (layout->sudog_channel >> 3) & 15;
	__u64 sudog;

	if (queue >= GO_OBJECT_WORDS || proof >= GO_OBJECT_WORDS)
		return 0;
	if (bpf_probe_read_user(call->words, sizeof(call->words), (void *)channel) || call->words[1] != 1 ||
	    (__u16)call->words[3] != 16)
		return 0;
	sudog = call->words[queue];
	if (!sudog || bpf_probe_read_user(call->words, sizeof(call->words), (void *)sudog) ||
	    call->words[proof] != channel)
		return 0;
	return call->words[0];
}

/* For whom the goroutine in call->g asks for a call that carries this context. @is_known: it is the one that asks */
static __always_inline int go_asks(struct go_call *call, struct go_layout *layout, __u64 context, bool is_known)
{
	if (!call || !layout)
		return 0;
	if (is_known) {
		call->unit_id = g_field(call, layout->goid);
		if (g_field(call, layout->start_pc) == layout->serve_start_pc) {
			/* It is the one that has read the request. */
			call->cause.request = go_current_request(call, layout);
			return 0;
		}
		if (go_stream(call, layout))
			return 0;
	}
	if (layout->context_key && go_context(call, context, layout->context_key))
		return 0;
	if (is_known)
		go_made(call, layout);
	return 0;
}

/*
 * net/http's client hands a request to writeLoop, a goroutine of the connection. Its writeRequest {req, ch, continueCh}
 * lies at a fixed distance below the top of its stack. The caller waits on ch (where it has come so far); the request's
 * context says for whom it is, whoever makes the call.
 */
static __always_inline void go_write_loop(struct go_call *call, struct go_layout *layout)
{
	__u64 request, channel, caller, context;

	if (bpf_probe_read_user(call->words, 16, (void *)(call->g[G_STACK_TOP / 8] - layout->write_request)))
		return;
	request = call->words[0];
	channel = call->words[1];
	context = read_u64(read_u64(request) + layout->request_context + 8);
	caller = go_waiting(call, channel, layout);
	go_asks(call, layout, context, caller && read_g(call, caller));
}

/* The goroutine in call->g, or who has made it for this call alone: so does net/http's client over HTTP/2. */
static __always_inline void go_calls_itself(struct go_call *call, struct go_layout *layout, __u64 start_pc)
{
	if (start_pc == layout->http2_call_start_pc || start_pc == layout->x_http2_call_start_pc)
		call->unit_id = g_field(call, layout->parent_goid);
	if (go_stream(call, layout))
		return;
	go_made(call, layout);
	/* Who has read a request says more by that than that it has made this goroutine. */
	if (call->unit_id && call->cause.kind == CAUSE_GO_CREATOR) {
		call->cause.kind = CAUSE_NONE;
		call->cause.request = 0;
	}
}

static __noinline void go_call(struct go_call *call, struct process_control *process, __u64 g)
{
	struct go_layout *layout = &process->go;
	__u64 start_pc;

	call->coroutine_id = 0;
	call->unit_id = 0;
	call->work = 0;
	call->cause.id = 0;
	call->cause.request = 0;
	call->cause.kind = CAUSE_NONE;
	if (!read_g(call, g))
		return;
	call->coroutine_id = g_field(call, layout->goid);
	start_pc = g_field(call, layout->start_pc);
	if (call->direction == DIRECTION_EGRESS) {
		if (start_pc == layout->serve_start_pc)
			call->cause.request = go_current_request(call, layout);
		else if (start_pc == layout->write_loop_start_pc)
			go_write_loop(call, layout);
		else
			go_calls_itself(call, layout, start_pc);
		return;
	}
	if (start_pc == layout->serve_start_pc)
		go_server_reads(call, layout);
	else
		go_frames_read(call, layout, start_pc);
	/* Of other servers than net/http's the goroutine that reads is mostly the one that serves. */
	if (layout->marks_since_ns &&
	    (call->cause.kind == CAUSE_GO_CONNECTION ||
	     (call->cause.kind == CAUSE_NONE && start_pc != layout->serve_start_pc && call->role == SOCKET_ROLE_SERVER)))
		go_mark(call, layout);
}

#endif
