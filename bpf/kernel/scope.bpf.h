/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Who is calling, and whether it is to be traced. The first thing that every program asks. */
#ifndef SOCKSPAN_SCOPE_H
#define SOCKSPAN_SCOPE_H

#include "kernel/process_maps.bpf.h"

struct caller {
	__u32 tgid; /* as the own pid namespace knows them */
	__u32 pid;
};

static __always_inline bool in_scope(struct caller *caller)
{
	if (trace_conf.scope == SCOPE_PID_NAMESPACE) {
		struct bpf_pidns_info ids;

		if (bpf_get_ns_current_pid_tgid(trace_conf.pid_namespace_device, trace_conf.pid_namespace_inode,
						(void *)&ids, sizeof(ids)))
			return false;
		caller->tgid = ids.tgid;
		caller->pid = ids.pid;
	} else {
		__u64 ids = bpf_get_current_pid_tgid();

		caller->tgid = ids >> 32;
		caller->pid = (__u32)ids;
	}
	if (trace_conf.cgroup_id &&
	    bpf_get_current_ancestor_cgroup_id(trace_conf.cgroup_level) != trace_conf.cgroup_id)
		return false;
	return true;
}

/* In scope and not excluded. `process`: what user space said of it, or NULL. */
static __always_inline bool is_traced(struct caller *caller, struct process_control **process)
{
	if (!in_scope(caller))
		return false;
	*process = bpf_map_lookup_elem(&processes, &caller->tgid);
	if (*process && (*process)->filter != PROCESS_FILTER_NONE) {
		count(CONSUMED_EXCLUDED);
		return false;
	}
	return true;
}

/* A task's ids as the own namespace knows them; false where it is not in there. */
static __always_inline bool task_in_scope(struct task_struct *task, struct caller *caller)
{
	struct pid *thread, *leader;
	struct upid upid;
	__u32 level;

	if (trace_conf.scope != SCOPE_PID_NAMESPACE) {
		caller->tgid = task->tgid;
		caller->pid = task->pid;
		return true;
	}
	thread = task->thread_pid;
	leader = task->group_leader->thread_pid;
	level = BPF_CORE_READ(thread, level) & 31; /* MAX_PID_NS_LEVEL is 32 */
	bpf_core_read(&upid, sizeof(upid), (void *)&thread->numbers[0] + level * bpf_core_type_size(struct upid));
	if (BPF_CORE_READ(upid.ns, ns.inum) != (__u32)trace_conf.pid_namespace_inode)
		return false;
	caller->pid = upid.nr;
	bpf_core_read(&upid, sizeof(upid), (void *)&leader->numbers[0] + level * bpf_core_type_size(struct upid));
	caller->tgid = upid.nr;
	return true;
}

/* Takes what an event costs from the process's bucket. Races between its threads lose a little precision only. */
static __always_inline bool within_rate(struct caller *caller, struct process_control *process, __u64 now,
					__u32 size)
{
	__u64 elapsed;
	__s64 tokens;

	if (!trace_conf.bytes_per_second)
		return true;
	if (!process) {
		static const struct process_control fresh;

		bpf_map_update_elem(&processes, &caller->tgid, &fresh, BPF_NOEXIST);
		process = bpf_map_lookup_elem(&processes, &caller->tgid);
		if (!process)
			return true;
	}
	elapsed = now - process->bucket_ns;
	tokens = process->bucket_bytes;
	if (elapsed > 1000000000ULL) {
		tokens = trace_conf.burst_bytes;
		process->bucket_ns = now;
	} else if (elapsed > 1000000ULL) {
		tokens += elapsed / 1000 * (trace_conf.bytes_per_second / 1000) / 1000;
		if (tokens > (__s64)trace_conf.burst_bytes)
			tokens = trace_conf.burst_bytes;
		process->bucket_ns = now;
	}
	if (tokens < (__s64)size) {
		process->bucket_bytes = tokens;
		return false;
	}
	process->bucket_bytes = tokens - size;
	return true;
}

#endif
