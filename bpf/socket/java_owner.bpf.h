/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* JVM: which thread of those that serve requests has an object in its stretch of the heap. */
#ifndef SOCKSPAN_JAVA_OWNER_H
#define SOCKSPAN_JAVA_OWNER_H

#include "socket/java_scan.bpf.h"

/* Threads of a process that have read requests, by pid: who else has a stretch of the heap that jobs may lie in. */
#define JAVA_SERVERS 256
#define JAVA_SERVERS_AT_A_TIME 16
#define JAVA_SERVER_PLACES 8 /* of one pid: those that are taken are passed over */

struct java_servers {
	__u64 thread[JAVA_SERVERS];
	__u32 pid[JAVA_SERVERS];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, struct java_servers);
} java_servers SEC(".maps");

/* Never written: what one begins with. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct java_servers);
} java_no_servers SEC(".maps");

static __always_inline void java_serves(const struct caller *caller, const struct java_scan *scan)
{
	struct java_servers *servers = bpf_map_lookup_elem(&java_servers, &caller->tgid);
	__u32 index = 0;

	if (!servers) {
		servers = bpf_map_lookup_elem(&java_no_servers, &index);
		if (!servers)
			return;
		bpf_map_update_elem(&java_servers, &caller->tgid, servers, BPF_NOEXIST);
		servers = bpf_map_lookup_elem(&java_servers, &caller->tgid);
		if (!servers)
			return;
	}
	index = caller->pid & (JAVA_SERVERS - 1);
	for (__u32 i = 0; i < JAVA_SERVER_PLACES; i++) {
		__u32 place = (caller->pid + i) & (JAVA_SERVERS - 1);

		if (servers->pid[place] && servers->pid[place] != caller->pid)
			continue;
		index = place;
		break;
	}
	servers->thread[index] = scan->thread;
	servers->pid[index] = caller->pid;
}

/* Whether one of these threads has the object in its stretch of the heap by now. @return its pid */
__noinline int java_owner_step(__u32 slot, __u32 first)
{
	struct java_scan *scan = bpf_map_lookup_elem(&java_scans, &slot);
	const struct java_servers *servers;

	if (!scan)
		return 0;
	servers = bpf_map_lookup_elem(&java_servers, &scan->tgid);
	if (!servers)
		return 0;
	for (__u32 i = 0; i < JAVA_SERVERS_AT_A_TIME; i++) {
		__u32 index = (first + i) & (JAVA_SERVERS - 1);
		__u64 thread = servers->thread[index];

		if (!thread || scan->object < java_u64(scan, thread + scan->layout.buffer_start) ||
		    scan->object >= java_u64(scan, thread + scan->layout.buffer_top))
			continue;
		return servers->pid[index];
	}
	return 0;
}

static __always_inline __u32 java_owner(__u32 slot)
{
	__u32 pid = 0;

	for (__u32 first = 0; first < JAVA_SERVERS && !pid; first += JAVA_SERVERS_AT_A_TIME)
		pid = java_owner_step(slot, first);
	return pid;
}

#endif
