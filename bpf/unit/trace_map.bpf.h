/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * trace_map: which request a unit of work is serving, as far as the kernel can tell: the one that it has read last.
 * A hint for programs that have to know at once whether a call or a sample is worth telling. User space joins by its
 * own evidence and takes from here only which connection, and where in its stream, the request was read.
 */
#ifndef SOCKSPAN_TRACE_MAP_H
#define SOCKSPAN_TRACE_MAP_H

#include "kernel/scope.bpf.h"

/* Of one entry if trace_conf.trace_requests is 0: set before load. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct trace_key);
	__type(value, struct trace_request);
} trace_map SEC(".maps");

/* Units that serve what they have read, wherever they run. Of the others the thread is the better name. */
static __always_inline bool serves_what_it_reads(__u8 unit_kind)
{
	return unit_kind == UNIT_GOROUTINE || unit_kind == UNIT_GREENLET || unit_kind == UNIT_TOKIO_TASK ||
	       unit_kind == UNIT_JVM_VIRTUAL_THREAD || unit_kind == UNIT_RUBY_FIBER;
}

static __always_inline void trace_key(struct trace_key *key, const struct caller *caller, __u8 unit_kind,
				      __u64 unit_id, __u64 coroutine_id)
{
	__u64 id = unit_id ? unit_id : coroutine_id;

	key->tgid = caller->tgid;
	if (id && serves_what_it_reads(unit_kind)) {
		key->id = id;
		key->kind = unit_kind;
	} else {
		key->id = caller->pid;
		key->kind = UNIT_NONE;
	}
}

/* A thread or a goroutine may answer long after; for so long what it does may still belong to the answer. */
#define TRACE_LINGER_NS 1000000000ULL

/* What the unit serves, or has just answered; NULL: nothing that was seen. */
static __always_inline struct trace_request *served_request(const struct trace_key *key, __u64 now)
{
	struct trace_request *request = bpf_map_lookup_elem(&trace_map, key);

	if (!request || (request->answered_ns && now - request->answered_ns > TRACE_LINGER_NS))
		return NULL;
	return request;
}

/* Of the process: how many are open, and when the last answer was written; NULL: it has served none. */
static __always_inline struct trace_request *process_requests(__u32 tgid)
{
	struct trace_key key = { .tgid = tgid, .kind = TRACE_PROCESS };

	return bpf_map_lookup_elem(&trace_map, &key);
}

static const struct trace_request fresh_trace_request;

static __always_inline void open_request(__u32 tgid)
{
	struct trace_request *process = process_requests(tgid);

	if (!process) {
		struct trace_key key = { .tgid = tgid, .kind = TRACE_PROCESS };

		bpf_map_update_elem(&trace_map, &key, &fresh_trace_request, BPF_NOEXIST);
		process = bpf_map_lookup_elem(&trace_map, &key);
	}
	if (process)
		__sync_fetch_and_add(&process->open, 1);
}

/* The thread is gone, and with the last one its process. */
static __always_inline void forget_thread(const struct caller *caller, bool is_last)
{
	struct trace_key key = { .id = caller->pid, .tgid = caller->tgid, .kind = UNIT_NONE };

	bpf_map_delete_elem(&trace_map, &key);
	if (!is_last)
		return;
	key.id = 0;
	key.kind = TRACE_PROCESS;
	bpf_map_delete_elem(&trace_map, &key);
}

#endif
