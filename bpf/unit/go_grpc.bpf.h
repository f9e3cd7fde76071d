/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Go: who asks for the calls of grpc-go's client. One goroutine of the connection, loopyWriter, writes for all, what the
 * callers have queued; of a caller nothing is left by then. Uprobes on three functions (internal/transport), equal since 1.50:
 *
 *     caller    NewStream(t, ctx, ...)               who it is, and for whom: by its goid
 *       |       executeAndPut(buffer, f, headers)    by the header fields, an array of this call alone
 *       v
 *     writer    writeHeader(l, stream, end, fields)  the call of this stream is that caller's
 */
#ifndef SOCKSPAN_GO_GRPC_H
#define SOCKSPAN_GO_GRPC_H

#include "unit/go_call.bpf.h"
#include "kernel/scope.bpf.h"

/* Who asks for a call, as long as it is not written. */
struct go_asked {
	__u64 unit_id;
	__u64 work;
	struct cause cause;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct unit_key); /* the caller */
	__type(value, struct go_asked);
} go_callers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct unit_key); /* address of the header fields */
	__type(value, struct go_asked);
} go_headers SEC(".maps");

static __always_inline int grpc_call_asked(__u64 context, __u64 g)
{
	struct process_control *process = NULL;
	struct go_asked asked = {};
	struct caller caller = {};
	struct go_call *call;
	__u32 slot = SCRATCH_GO_ASKED;

	call = bpf_map_lookup_elem(&go_calls, &slot);
	if (!call || !is_traced(&caller, &process) || !process || !process->go.start_pc || !read_g(call, g))
		return 0;
	call->slot = slot;
	call->tgid = caller.tgid;
	call->work = 0;
	call->cause.id = 0;
	call->cause.request = 0;
	call->cause.kind = CAUSE_NONE;
	go_asks(call, &process->go, context, true);
	asked.unit_id = call->unit_id;
	asked.work = call->work;
	asked.cause = call->cause;
	call->key.id = call->unit_id;
	call->key.tgid = caller.tgid;
	bpf_map_update_elem(&go_callers, &call->key, &asked, BPF_ANY);
	return 0;
}

#define HEADER_FIELDS 8 /* headerFrame.hf, behind the stream's number */

/* Items that are put without a condition are no headers of a call. */
static __always_inline int grpc_item_put(__u64 condition, __u64 item, __u64 g)
{
	struct process_control *process = NULL;
	struct caller caller = {};
	struct unit_key key = {};
	struct go_asked *asked;

	if (!condition || !item || !is_traced(&caller, &process) || !process || !process->go.start_pc)
		return 0;
	key.id = read_u64(g + process->go.goid);
	key.tgid = caller.tgid;
	asked = bpf_map_lookup_elem(&go_callers, &key);
	if (!asked)
		return 0;
	key.id = read_u64(item + HEADER_FIELDS);
	bpf_map_update_elem(&go_headers, &key, asked, BPF_ANY);
	return 0;
}

static __always_inline int grpc_header_written(__u32 stream, __u64 fields, __u64 g)
{
	struct process_control *process = NULL;
	struct stream_call_event *event;
	struct caller caller = {};
	struct unit_key key = {};
	struct go_asked *asked;

	if (!is_traced(&caller, &process) || !process || !process->go.start_pc)
		return 0;
	key.id = fields;
	key.tgid = caller.tgid;
	asked = bpf_map_lookup_elem(&go_headers, &key);
	if (!asked)
		return 0;
	event = bpf_ringbuf_reserve(&socket_data, sizeof(*event), 0);
	if (!event) {
		count(LOSS_RING_FULL);
		return 0;
	}
	event->header.kind = EVENT_STREAM_CALL;
	event->header.length = sizeof(*event);
	event->header.timestamp_ns = bpf_ktime_get_ns();
	event->header.tgid = caller.tgid;
	event->header.pid = caller.pid;
	event->writer_id = read_u64(g + process->go.goid);
	event->unit_id = asked->unit_id;
	event->unit_parent = asked->work;
	event->cause_id = asked->cause.id;
	event->cause_request = asked->cause.request;
	event->stream_id = stream;
	event->cause_kind = asked->cause.kind;
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
	bpf_map_delete_elem(&go_headers, &key);
	return 0;
}

#endif
