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
#define GO_READS 16 /* a power of two */

/* Ids that a processor holds ready: they have not been given. Their lower halves: what is near is told apart by these. */
struct go_ids {
	__u32 next;
	__u32 end;
};

#define GO_MARK_WHOLE 1     /* the ids of all processors are known */
#define GO_MARK_REFILLING 2 /* a processor without ids may just be taking some */

/* What goids had not been given when a goroutine read: what is given later is one of these. */
struct go_mark {
	__u64 read_ns; /* 0: it is being written */
	__u64 counter; /* none above this one; 0: unknown */
	__u64 counter_before; /* what was taken from the counter by then was a processor's when its ids were read */
	struct go_ids ids[GO_PROCESSORS];
	__u64 flags;
};

/* The last reads of a goroutine. */
struct go_reads {
	__u64 since_ns; /* marks_since_ns: after a time without marks an old one says nothing */
	__u64 count;
	struct go_mark marks[GO_READS];
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
	__u64 processor; /* that it runs on */
	__u64 g[GO_WORDS];
	__u64 words[GO_OBJECT_WORDS]; /* of a channel, a sudog, a context */
	__u64 stack[GO_STACK_WORDS];  /* its top */
	struct unit_key key;
	struct go_reads reads; /* of one that has none yet */
	struct go_maker maker;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct unit_key);
	__type(value, struct go_reads);
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

#define GOIDS_AT_ONCE 16 /* runtime.schedt.goidgen is raised by so many (runtime/proc.go) */
#define GO_SLICE_WORDS 2
#define GO_PROCESSOR_RUNS 1 /* p.status, behind p.id: _Prunning */

/* @returns whether all processors are known: else those that nobody has read on yet are not. */
static __noinline int find_processors(struct go_call *call, struct go_layout *layout)
{
	__u64 *all;

	if (!call || !layout)
		return 0;
	all = call->words + GO_SLICE_WORDS;
	call->processor = read_u64(call->g[G_M / 8] + layout->processor);
	if (layout->all_processors && !bpf_probe_read_user(call->words, 16, (void *)layout->all_processors) &&
	    call->words[1] <= GO_PROCESSORS &&
	    !bpf_probe_read_user(all, GO_PROCESSORS * 8, (void *)call->words[0])) {
		for (int i = 0; i < GO_PROCESSORS; i++)
			layout->processors[i] = i < call->words[1] ? all[i] : 0;
		return 1;
	}
	if (call->processor && !bpf_probe_read_user(call->words, 8, (void *)call->processor)) /* p.id */
		layout->processors[call->words[0] & (GO_PROCESSORS - 1)] = call->processor;
	return 0;
}

/* The reads of the goroutine in call. */
static __noinline struct go_reads *reads_of(struct go_call *call, const struct go_layout *layout)
{
	struct go_reads *reads;

	if (!call || !layout)
		return NULL;
	call->key.id = call->coroutine_id;
	call->key.tgid = call->tgid;
	reads = bpf_map_lookup_elem(&go_marks, &call->key);
	if (!reads) {
		call->reads.count = 0;
		bpf_map_update_elem(&go_marks, &call->key, &call->reads, BPF_ANY);
		reads = bpf_map_lookup_elem(&go_marks, &call->key);
		if (!reads)
			return NULL;
	}
	if (reads->since_ns != layout->marks_since_ns) {
		reads->count = 0;
		reads->since_ns = layout->marks_since_ns;
	}
	return reads;
}

/* The ids that the processors hold ready. @returns flags of struct go_mark */
static __noinline __u64 read_ids(struct go_call *call, struct go_mark *mark, const struct go_layout *layout)
{
	__u64 *ids, flags = GO_MARK_WHOLE;

	if (!call || !mark || !layout)
		return 0;
	ids = call->words;
#pragma clang loop unroll(disable)
	for (int i = 0; i < GO_PROCESSORS; i++) {
		__u64 processor = layout->processors[i];

		ids[0] = ids[1] = 0;
		if (processor && bpf_probe_read_user(ids, 16, (void *)(processor + layout->goid_cache)))
			flags = 0;
		mark->ids[i].next = ids[0];
		mark->ids[i].end = ids[1];
		if (ids[1] - ids[0] > GOIDS_AT_ONCE)
			flags &= ~GO_MARK_WHOLE;
		if (ids[0] != ids[1] || !processor || processor == call->processor)
			continue;
		ids[0] = 0;
		bpf_probe_read_user(ids, 8, (void *)processor);
		if (ids[0] >> 32 == GO_PROCESSOR_RUNS)
			flags |= GO_MARK_REFILLING;
	}
	return flags;
}

/* What is written, or read, before this in the source is so in the program. */
#define in_order() asm volatile("" ::: "memory")

/*
 * Who reads may go on on another processor. One of which nothing is known is a mark, too: none before it is the last. Short
 * functions, one behind the other: 5.10 has room for 512 bytes of stack in all, and is close to it here.
 */
static __always_inline void go_mark(struct go_call *call, struct go_layout *layout)
{
	int is_whole = find_processors(call, layout);
	struct go_reads *reads = reads_of(call, layout);
	struct go_mark *mark;
	__u64 flags;

	if (!reads)
		return;
	mark = &reads->marks[reads->count & (GO_READS - 1)];
	mark->read_ns = 0;
	in_order();
	mark->counter_before = layout->goid_counter ? read_u64(layout->goid_counter) : 0;
	flags = read_ids(call, mark, layout);
	mark->flags = is_whole ? flags : flags & ~GO_MARK_WHOLE;
	mark->counter = layout->goid_counter ? read_u64(layout->goid_counter) : 0;
	in_order();
	mark->read_ns = bpf_ktime_get_ns();
	in_order();
	reads->count++;
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

/*
 * Of a processor that was just taking its next ids the two ends may be of different times: too far apart, or the wrong way round.
 * By signs, without a branch: a verifier would go all ways through the loop.
 */
static __always_inline bool go_was_ready(const struct go_mark *mark, __u32 goid)
{
	__u32 is_ready = 0;

	for (int i = 0; i < GO_PROCESSORS; i++) {
		__u32 count = mark->ids[i].end - mark->ids[i].next;
		__u32 at = goid - mark->ids[i].next;

		is_ready |= (at - count) & ~at & (count - GOIDS_AT_ONCE - 1);
	}
	return is_ready >> 31;
}

#define GO_GIVEN_BEFORE 0
#define GO_GIVEN_LATER 1
#define GO_GIVEN_UNKNOWN 2
/* Ids that were taken last: among them are those of a processor that was just storing them, some instructions later. */
#define GO_TAKEN_LAST (2 * GOIDS_AT_ONCE)

/* When the goroutine with this id was made, before that read or behind it. */
static __noinline int go_given(const struct go_mark *mark, __u64 goid)
{
	if (!mark)
		return GO_GIVEN_UNKNOWN;
	if (go_was_ready(mark, goid) || (mark->counter && goid > mark->counter))
		return GO_GIVEN_LATER;
	if (!(mark->flags & GO_MARK_WHOLE) || goid > mark->counter_before)
		return GO_GIVEN_UNKNOWN;
	if (mark->flags & GO_MARK_REFILLING && goid + GO_TAKEN_LAST > mark->counter_before)
		return GO_GIVEN_UNKNOWN;
	return GO_GIVEN_BEFORE;
}

/* Behind which of its reads a goroutine has made the one with this id; 0: not known, or too long ago. */
static __noinline __u64 go_made_behind(const struct go_reads *reads, __u64 goid)
{
	__u64 count;

	if (!reads)
		return 0;
	count = reads->count;
	for (__u32 back = 1; back <= GO_READS && back <= count; back++) {
		const struct go_mark *mark = &reads->marks[(count - back) & (GO_READS - 1)];
		__u64 read_ns = *(volatile __u64 *)&mark->read_ns;
		int given = go_given(mark, goid);

		/* Its place may be taken by a read of just now. */
		if (!read_ns || *(volatile __u64 *)&mark->read_ns != read_ns || given == GO_GIVEN_UNKNOWN)
			return 0;
		if (given == GO_GIVEN_LATER)
			return read_ns;
	}
	return 0;
}

/* For which of the requests of its creator the goroutine in call->g was created: by when that one had read last, before. */
static __always_inline void go_creator(struct go_call *call, struct go_layout *layout)
{
	__u64 goid = g_field(call, layout->goid), read_ns;
	struct go_reads *reads;

	call->key.id = g_field(call, layout->parent_goid);
	call->key.tgid = call->tgid;
	if (!call->key.id)
		return;
	if (!layout->marks_since_ns)
		layout->marks_since_ns = bpf_ktime_get_ns();
	reads = bpf_map_lookup_elem(&go_marks, &call->key);
	if (!reads || reads->since_ns != layout->marks_since_ns)
		return;
	read_ns = go_made_behind(reads, goid);
	if (!read_ns)
		return;
	call->cause.kind = CAUSE_GO_CREATOR;
	call->cause.id = call->key.id;
	call->cause.request = read_ns;
}

#endif
