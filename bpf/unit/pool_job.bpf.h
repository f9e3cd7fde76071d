/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The job that a thread of a pool is doing, as the loop at the bottom of its Python stack names it. */
#ifndef SOCKSPAN_POOL_JOB_H
#define SOCKSPAN_POOL_JOB_H

#include "kernel/process_maps.bpf.h"

struct pool_job {
	__u64 id;
	__u32 kind; /* enum unit_kind */
	__u32 padding;
};

#define CODE_QUALIFIED_NAME 128 /* Include/cpython/code.h, 3.11 to 3.13 */

/* A frame is known by its code, or by the name in it where that is loaded only when the first job is there. */
static __always_inline bool is_site(const struct pool_site *site, __u64 chunk)
{
	__u32 name[POOL_NAME_WORDS] = {};
	__u64 value = 0;

	if (bpf_probe_read_user(&value, sizeof(value), (void *)(chunk + site->code_offset)) || !value)
		return false;
	if (site->code != POOL_CODE_BY_NAME)
		return value == site->code;
	if (bpf_probe_read_user(&value, sizeof(value), (void *)(value + CODE_QUALIFIED_NAME)) || !value ||
	    bpf_probe_read_user(name, sizeof(name), (void *)(value + site->name_text)))
		return false;
	return name[0] == site->name[0] && name[1] == site->name[1] && name[2] == site->name[2] &&
	       name[3] == site->name[3];
}

/*
 * `chunk`: root of the thread's data stack. A frame there is known by its code. Where the way from the job to its task
 * breaks off, because the job is not one that a task waits for, the job itself is the unit.
 */
static __noinline int find_pool_job(struct pool_job *job, const struct process_control *process, __u64 chunk)
{
	if (!job || !process)
		return 0;
	for (int i = 0; i < POOL_SITES; i++) {
		const struct pool_site *site = &process->pools[i];
		__u64 value = 0;

		if (!site->code)
			return 0;
		if (!is_site(site, chunk))
			continue;
		if (bpf_probe_read_user(&value, sizeof(value), (void *)(chunk + site->job_offset)) || !value)
			return 0;
		job->id = value;
		job->kind = UNIT_PYTHON_JOB;
		for (int hop = 0; hop < POOL_HOPS; hop++) {
			__u64 proof;

			if (hop >= site->hop_count)
				break;
			/* A name alone is no loop's. */
			if (site->proof && hop == site->proof_hop &&
			    (bpf_probe_read_user(&proof, sizeof(proof), (void *)(value + site->proof_offset)) ||
			     proof != site->proof))
				return site->code != POOL_CODE_BY_NAME;
			if (bpf_probe_read_user(&value, sizeof(value), (void *)(value + site->hops[hop])) || !value)
				return 1;
		}
		if (site->hop_count) {
			job->id = value;
			job->kind = site->unit_kind;
		}
		return 1;
	}
	return 0;
}

#endif
