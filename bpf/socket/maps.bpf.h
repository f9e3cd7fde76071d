/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Maps of socket capture. docs/kernel.md says who writes and what evicts. */
#ifndef SOCKSPAN_MAPS_H
#define SOCKSPAN_MAPS_H

#include "event.h"
#include "kernel/process_maps.bpf.h"
#include "unit/trace_map.bpf.h"

/* Events to user space. Its size may be set before load. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16 << 20);
} socket_data SEC(".maps");

/* Not 0: user space has more than it can read, and calls make no events. It writes this as memory. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} capture_pause SEC(".maps");

/* What is known of a socket: identity, counters, the verdict in force. The programs alone write it. */
struct socket_info {
	__u64 id; /* 0: new */
	__u64 event_number[2]; /* egress, ingress */
	__u64 send_start;      /* claim of the last send: stream offsets */
	__u64 send_end;
	__u64 receive_end;
	__u64 last_ns; /* of the last call, while a drop is in force */
	struct socket_verdict verdict;
	__u64 request_offset;    /* trace_map: where the request that is read or answered begins */
	struct trace_key reader; /* who has read it */
	__u32 verdict_generation;
	__u32 send_pid; /* who made that claim */
	__u32 local_first_sequence;
	__u32 remote_first_sequence;
	__u32 drop_calls; /* left */
	__u8 role;
	__u8 last_direction;
	__u8 fault_pending; /* the last send's bytes were not resident */
	__u8 request_state;      /* enum request_state */
	__u32 unix_flags;        /* enum unix_flags */
	__u32 padding;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct socket_info);
} socket_info SEC(".maps");

/* The same, kept by the socket itself and gone with it: half the cost, but not for sockets found by descriptor. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct socket_info);
} socket_storage SEC(".maps");

/* User space's verdicts by socket id; read only when the socket's generation has moved. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct socket_verdict);
} socket_verdicts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, VERDICT_GENERATIONS);
	__type(key, __u32);
	__type(value, __u32);
} verdict_generations SEC(".maps");

/*
 * Inodes of the AF_UNIX connections that were there before the programs: nobody knows how many bytes went over them.
 * Key 0: the list is complete. Its size may be set before load.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, __u32);
} unix_earlier SEC(".maps");

/* Where a thread is in its sendmmsg or recvmmsg. */
struct vector_call {
	__u64 vector;
	__u32 index; /* of the next message */
	__u32 padding;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, struct vector_call);
} vector_calls SEC(".maps");

#endif
