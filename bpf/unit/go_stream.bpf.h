/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Go, HTTP/2: net/http (also as golang.org/x/net/http2) and grpc-go start a goroutine for each request, of whose stream the
 * arguments of the goroutine's first function tell. What does not prove itself is no such goroutine.
 */
#ifndef SOCKSPAN_GO_STREAM_H
#define SOCKSPAN_GO_STREAM_H

#include "kernel/scope.bpf.h"
#include "unit/go.bpf.h"

/*
 * Below the stack's top: what (*serverConn).runHandler defers holds the response's writer and the request (h2_bundle.go).
 * Equal in 1.20 to 1.26.
 */
#define HTTP2_WRITER 144

/* A responseWriter points to its state, which begins with stream, req, conn; stream with sc, id. */
static __always_inline __u32 http2_stream_of(struct go_call *call, __u64 writer, __u64 request)
{
	__u64 stream;
	__u32 id = 0;

	if (bpf_probe_read_user(call->words, 24, (void *)read_u64(writer)) || !request || call->words[1] != request)
		return 0;
	stream = call->words[0];
	if (read_u64(stream) != call->words[2] || bpf_probe_read_user(&id, 4, (void *)(stream + 8)))
		return 0;
	return id;
}

static __always_inline __u32 http2_stream(struct go_call *call)
{
	if (bpf_probe_read_user(call->words, 16, (void *)(call->g[G_STACK_TOP / 8] - HTTP2_WRITER)))
		return 0;
	return http2_stream_of(call, call->words[0], call->words[1]);
}

#define GRPC_FUNCTION 512 /* bytes: no longer is the function that these goroutines begin with */

static __always_inline __u32 grpc_stream_id(__u64 stream, __u64 transport, __u32 transport_at, __u32 id_at)
{
	__u32 id = 0;

	if (read_u64(stream + transport_at) == transport)
		bpf_probe_read_user(&id, 4, (void *)(stream + id_at));
	return id;
}

static __always_inline __u32 grpc_stream_of(__u64 stream, __u64 transport)
{
	__u32 id;

	id = grpc_stream_id(stream, transport, 16, 0); /* until 1.77 */
	if (!id)
		id = grpc_stream_id(stream, transport, 336, 108); /* until 1.83 */
	if (!id)
		id = grpc_stream_id(stream, transport, 368, 108);
	return id;
}

/*
 * (*Server).serveStreams' innermost function calls handleStream: above the address that it returns to lie the arguments,
 * the server, the transport (two words) and the stream, which names its transport (internal/transport).
 */
static __always_inline __u32 grpc_stream(struct go_call *call, __u64 start_pc)
{
	__u64 transport, stream;
	__u32 id;

	if (bpf_probe_read_user(call->stack, sizeof(call->stack),
				(void *)(call->g[G_STACK_TOP / 8] - sizeof(call->stack))))
		return 0;
	for (int i = 0; i < GO_STACK_WORDS - 4; i++) {
		if (call->stack[i] - start_pc >= GRPC_FUNCTION)
			continue;
		transport = call->stack[i + 3];
		stream = call->stack[i + 4];
		if (!transport || !stream)
			continue;
		id = grpc_stream_of(stream, transport);
		if (id)
			return id;
	}
	return 0;
}

static __always_inline bool is_http2(__u64 start_pc, const struct go_layout *layout)
{
	return start_pc - layout->http2_start < layout->http2_length ||
	       start_pc - layout->x_http2_start < layout->x_http2_length;
}

/* The goroutine in call->g serves a stream, of the connection whose goroutine has created it. */
static __noinline bool go_stream(struct go_call *call, const struct go_layout *layout)
{
	__u64 start_pc, connection;
	__u32 id = 0;

	if (!call || !layout)
		return false;
	start_pc = g_field(call, layout->start_pc);
	connection = g_field(call, layout->parent_goid);
	if (!connection)
		return false;
	if (is_http2(start_pc, layout))
		id = http2_stream(call);
	else if (layout->grpc_start_pc && start_pc == layout->grpc_start_pc)
		id = grpc_stream(call, start_pc);
	if (!id)
		return false;
	call->cause.kind = CAUSE_GO_STREAM;
	call->cause.id = connection;
	call->cause.request = id;
	return true;
}

/* net/http's reader of frames reads for the goroutine that has created it. */
static __always_inline void go_frames_read(struct go_call *call, struct go_layout *layout, __u64 start_pc)
{
	if (!is_http2(start_pc, layout))
		return;
	layout->has_streams = 1;
	call->cause.id = g_field(call, layout->parent_goid);
	call->cause.kind = call->cause.id ? CAUSE_GO_READER : CAUSE_NONE;
}

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct unit_key);
	__type(value, struct go_maker);
} go_makers SEC(".maps");

#define ALL_GOROUTINES_CHUNKS 32

/* The one of the g's in call->stack that has this id. */
__noinline __u64 goroutine_of(__u32 slot, __u32 goid_offset, __u64 id)
{
	const struct go_call *call = bpf_map_lookup_elem(&go_calls, &slot);

	if (!call)
		return 0;
	for (int i = 0; i < GO_STACK_WORDS; i++) {
		__u64 g = call->stack[i];

		if (read_u64(g + goid_offset) == id)
			return g;
	}
	return 0;
}

/*
 * The g with this id; 0: it has ended, or is not among the first ones of runtime.allgs. Behind the last one lies nothing
 * that has an id.
 */
static __always_inline __u64 find_goroutine(struct go_call *call, const struct go_layout *layout, __u64 id)
{
	__u64 g = 0;

	if (!layout->all_goroutines || bpf_probe_read_user(call->words, 16, (void *)layout->all_goroutines))
		return 0;
	for (int chunk = 0; chunk < ALL_GOROUTINES_CHUNKS && !g; chunk++) {
		if (bpf_probe_read_user(call->stack, sizeof(call->stack), (void *)call->words[0]))
			return 0;
		g = goroutine_of(call->slot, layout->goid, id);
		if (call->words[1] <= GO_STACK_WORDS)
			break;
		call->words[0] += sizeof(call->stack);
		call->words[1] -= GO_STACK_WORDS;
	}
	return g;
}

/* The goroutine in call->g was created by one that serves a stream: asked once for each of these. */
static __noinline int go_stream_child(struct go_call *call, const struct go_layout *layout)
{
	struct go_maker *known;
	__u64 g;

	if (!call || !layout || !(layout->has_streams || layout->grpc_start_pc))
		return 0;
	call->key.id = g_field(call, layout->parent_goid);
	call->key.tgid = call->tgid;
	if (!call->key.id)
		return 0;
	known = bpf_map_lookup_elem(&go_makers, &call->key);
	if (known) {
		call->maker = *known;
	} else {
		call->maker.stream = 0;
		g = find_goroutine(call, layout, call->key.id);
		if (g && read_g(call, g) && go_stream(call, layout)) {
			call->maker.connection = call->cause.id;
			call->maker.stream = call->cause.request;
		}
		bpf_map_update_elem(&go_makers, &call->key, &call->maker, BPF_ANY);
	}
	if (!call->maker.stream)
		return 0;
	call->cause.kind = CAUSE_GO_STREAM_CHILD;
	call->cause.id = call->maker.connection;
	call->cause.request = call->maker.stream;
	return 0;
}

/*
 * A goroutine begins with a stream, of which the arguments of its first function tell: so whoever it makes can be told of
 * when it has ended, or is one of many. A worker of grpc-go begins otherwise, and goes on with other streams.
 */
static __always_inline int go_handler_begins(__u64 writer_or_transport, __u64 request_or_stream, __u64 g)
{
	__u32 slot = SCRATCH_GO_HANDLER, id = 0;
	struct process_control *process = NULL;
	struct go_layout *layout;
	struct caller caller = {};
	struct go_call *call;
	__u64 start_pc;

	call = bpf_map_lookup_elem(&go_calls, &slot);
	if (!call || !is_traced(&caller, &process) || !process || !process->go.start_pc || !read_g(call, g))
		return 0;
	layout = &process->go;
	start_pc = g_field(call, layout->start_pc);
	if (is_http2(start_pc, layout))
		id = http2_stream_of(call, writer_or_transport, request_or_stream);
	else if (layout->grpc_start_pc && start_pc == layout->grpc_start_pc)
		id = grpc_stream_of(request_or_stream, writer_or_transport);
	call->maker.connection = g_field(call, layout->parent_goid);
	call->maker.stream = id;
	if (!id || !call->maker.connection)
		return 0;
	call->key.id = g_field(call, layout->goid);
	call->key.tgid = caller.tgid;
	bpf_map_update_elem(&go_makers, &call->key, &call->maker, BPF_ANY);
	return 0;
}

/* For whom the goroutine in call->g works, by who has created it. */
static __always_inline void go_made(struct go_call *call, struct go_layout *layout)
{
	__u64 work = g_field(call, layout->start_pc);

	go_creator(call, layout);
	if (call->cause.kind == CAUSE_NONE)
		go_stream_child(call, layout);
	if (call->cause.kind != CAUSE_NONE)
		call->work = work;
}

#endif
