/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Go: for which request a goroutine works. Everything is read from the program's memory by struct go_layout; what does
 * not prove itself is left out.
 */
#ifndef SOCKSPAN_GO_H
#define SOCKSPAN_GO_H

#include "kernel/scratch.bpf.h"
#include "unit/unit.bpf.h"

#define GO_WORDS 40 /* struct g, as far as it is read */
#define GO_OBJECT_WORDS 12
#define GO_STACK_WORDS 32

/* Ids that a processor holds ready: they have not been given. */
struct go_ids {
	__u64 next;
	__u64 end;
};

/* What goids had not been given when a goroutine read its last request: what is given later is one of these. */
struct go_mark {
	__u64 since_ns; /* marks_since_ns: after a time without marks an old one says nothing */
	__u64 counter;  /* none above this one; 0: unknown */
	struct go_ids ids[GO_PROCESSORS];
};

/* Of goroutines that have made others, by their id, which never comes back: the stream that each serves. */
struct go_maker {
	__u64 connection;
	__u64 stream; /* 0: none */
};

/* What a call needs to know, and room that the stack of 512 bytes has not. */
struct go_call {
	__u64 coroutine_id;
	__u64 unit_id;
	__u64 work; /* the function that the caller was made to run, with a cause that its creation gives */
	struct cause cause;
	__u32 tgid;
	__u16 direction;
	__u16 role; /* enum socket_role, of the local end */
	__u32 slot; /* its place in go_calls */
	__u32 padding;
	__u64 g[GO_WORDS];
	__u64 words[GO_OBJECT_WORDS]; /* of a channel, a sudog, a context */
	__u64 stack[GO_STACK_WORDS];  /* its top */
	struct unit_key key;
	struct go_mark mark;
	struct go_maker maker;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct unit_key);
	__type(value, struct go_mark);
} go_marks SEC(".maps");

/* By slot: global functions, which are verified once, find it by that. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, GO_SCRATCHES);
	__type(key, __u32);
	__type(value, struct go_call);
} go_calls SEC(".maps");

/* The offsets come from user space: the mask keeps them inside. */
static __always_inline __u64 g_field(const struct go_call *call, __u16 offset)
{
	__u32 word = (offset >> 3) & 63;

	return word < GO_WORDS ? call->g[word] : 0;
}

#define G_STACK_TOP 8
#define G_M 48

static __always_inline bool read_g(struct go_call *call, __u64 g)
{
	return !bpf_probe_read_user(call->g, sizeof(call->g), (void *)g);
}

/* net/http.contextKey{"local-addr"}, whose address is the key of the value that every server connection's context has. */
static __always_inline __u64 go_local_address_key(struct go_call *call, __u64 connection_context)
{
	__u64 key = read_u64(read_u64(connection_context + 8) + 24);

	if (bpf_probe_read_user(call->words, 16, (void *)key) || call->words[1] != 10 ||
	    read_u64(call->words[0]) != 0x64612d6c61636f6cULL)
		return 0;
	return key;
}

/* Who reads may go on on another processor. Those that nobody has read on yet are not known. */
static __noinline int go_mark(struct go_call *call, struct go_layout *layout)
{
	__u32 number = 0;
	__u64 own;

	if (!call || !layout)
		return 0;
	own = read_u64(call->g[G_M / 8] + layout->processor);
	if (!own || bpf_probe_read_user(&number, sizeof(number), (void *)own)) /* p.id */
		return 0;
	layout->processors[number & (GO_PROCESSORS - 1)] = own;
	for (int i = 0; i < GO_PROCESSORS; i++) {
		call->mark.ids[i].end = 0;
		if (layout->processors[i])
			bpf_probe_read_user(&call->mark.ids[i], sizeof(call->mark.ids[i]),
					    (void *)(layout->processors[i] + layout->goid_cache));
	}
	call->mark.since_ns = layout->marks_since_ns;
	call->mark.counter = layout->goid_counter ? read_u64(layout->goid_counter) : 0;
	call->key.id = call->coroutine_id;
	call->key.tgid = call->tgid;
	bpf_map_update_elem(&go_marks, &call->key, &call->mark, BPF_ANY);
	return 0;
}

/*
 * (*conn).serve reads: its receiver lies in its caller's frame, whose cancelCtx is a function of the connection's
 * context (net/http/server.go).
 */
static __always_inline void go_server_reads(struct go_call *call, struct go_layout *layout)
{
	__u64 connection = read_u64(call->g[G_STACK_TOP / 8] - layout->connection);
	__u64 context = read_u64(read_u64(connection + 8) + 8);

	if (!context)
		return;
	if (!layout->context_key)
		layout->context_key = go_local_address_key(call, context);
	if (!layout->context_key)
		return;
	call->cause.kind = CAUSE_GO_CONNECTION;
	call->cause.id = context;
	if (layout->marks_since_ns)
		go_mark(call, layout);
}

#define RESPONSE_CANCEL 32 /* response.cancelCtx; response.conn is the first field (net/http/server.go) */

/*
 * The context of the request that the goroutine in call->g, a (*conn).serve, is at. Each request has its own, which its
 * response can cancel; http.Request.ctx is anybody's to change.
 */
static __always_inline __u64 go_current_request(struct go_call *call, const struct go_layout *layout)
{
	__u64 connection = read_u64(call->g[G_STACK_TOP / 8] - layout->connection);
	__u64 response = read_u64(connection + layout->current_request);

	if (!response || read_u64(response) != connection)
		return 0;
	return read_u64(read_u64(response + RESPONSE_CANCEL) + 8);
}

#define GO_CONTEXTS 10
#define CANCEL_CONTEXT_ERROR 48 /* cancelCtx.err: set once it is cancelled */

/*
 * Every context of package context begins with its parent. A request's context is a child of its connection's, which is
 * a child of the one that holds the local address. The server cancels a request's context when the handler returns, so
 * one that is not cancelled belongs to the request that the connection is serving now. As long as the call goes on, the
 * address of its request's context is nobody else's.
 */
static __always_inline bool go_context(struct go_call *call, __u64 context, __u64 local_address_key)
{
	__u64 child = 0, grandchild = 0, child_key = 0, error = 0;

	for (int i = 0; i < GO_CONTEXTS; i++) {
		if (!context || bpf_probe_read_user(call->words, 32, (void *)context))
			return false;
		if (call->words[3] == local_address_key) {
			/* Over HTTP/2 the next one holds the server, by a key of the same type, and names no request. */
			if (!grandchild || child_key == call->words[2] || bpf_probe_read_user(&error, 8, (void *)(grandchild + CANCEL_CONTEXT_ERROR)))
				return false;
			call->cause.kind = error ? CAUSE_GO_ENDED_CONTEXT : CAUSE_GO_CONTEXT;
			call->cause.id = child;
			call->cause.request = grandchild;
			return true;
		}
		grandchild = child;
		child = context;
		child_key = call->words[2];
		context = call->words[1];
	}
	return false;
}

#define GOIDS_AT_ONCE 16 /* runtime.schedt.goidgen is raised by so many (runtime/proc.go) */

/*
 * Of a processor that was just taking its next ids the two ends may be of different times: too far apart, or the wrong way round.
 * By signs, without a branch: a verifier would go all ways through the loop.
 */
static __always_inline bool go_was_ready(const struct go_mark *mark, __u64 goid)
{
	__u64 is_ready = 0;

	for (int i = 0; i < GO_PROCESSORS; i++) {
		__u64 count = mark->ids[i].end - mark->ids[i].next;
		__u64 at = goid - mark->ids[i].next;

		is_ready |= (at - count) & ~at & (count - GOIDS_AT_ONCE - 1);
	}
	return is_ready >> 63;
}

/* Whether the goroutine in call->g was created after its creator had read its last request. */
static __always_inline void go_creator(struct go_call *call, struct go_layout *layout)
{
	__u64 goid = g_field(call, layout->goid);
	struct go_mark *mark;

	call->key.id = g_field(call, layout->parent_goid);
	call->key.tgid = call->tgid;
	if (!call->key.id)
		return;
	if (!layout->marks_since_ns)
		layout->marks_since_ns = bpf_ktime_get_ns();
	mark = bpf_map_lookup_elem(&go_marks, &call->key);
	if (!mark || mark->since_ns != layout->marks_since_ns)
		return;
	if (!go_was_ready(mark, goid) && (!mark->counter || goid <= mark->counter))
		return;
	call->cause.kind = CAUSE_GO_CREATOR;
	call->cause.id = call->key.id;
}

#endif
