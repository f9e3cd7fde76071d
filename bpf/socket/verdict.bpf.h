/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* How much of a call user space wants. */
#ifndef SOCKSPAN_VERDICT_H
#define SOCKSPAN_VERDICT_H

#include "socket/payload.bpf.h"

static __always_inline void refresh_verdict(struct socket_info *info, __u64 id)
{
	__u32 slot = id & (VERDICT_GENERATIONS - 1);
	__u32 *generation = bpf_map_lookup_elem(&verdict_generations, &slot);
	struct socket_verdict *verdict;

	if (!generation || *generation == info->verdict_generation)
		return;
	info->verdict_generation = *generation;
	verdict = bpf_map_lookup_elem(&socket_verdicts, &id);
	if (!verdict)
		return;
	/* The generation may have moved for another socket: a drop that runs goes on. */
	if (info->verdict.action != VERDICT_DROP || verdict->serial != info->verdict.serial)
		info->drop_calls = verdict->drop_calls;
	info->verdict = *verdict;
}

static __always_inline bool is_dropped(struct socket_info *info, __u64 id, __u8 direction, __u64 now)
{
	bool over;

	if (info->verdict.action != VERDICT_DROP)
		return false;
	over = !info->drop_calls;
	if (info->verdict.drop_idle_ns && info->last_ns && now - info->last_ns > info->verdict.drop_idle_ns)
		over = true;
	if (info->verdict.flags & VERDICT_FLAG_UNTIL_TURN && info->last_direction &&
	    info->last_direction != direction)
		over = true;
	info->last_ns = now;
	info->last_direction = direction;
	if (over) {
		info->verdict.action = VERDICT_PREFIX;
		info->verdict.limit = 0;
		bpf_map_delete_elem(&socket_verdicts, &id);
		return false;
	}
	info->drop_calls--;
	return true;
}

static __always_inline __u32 capture_limit(const struct socket_info *info)
{
	switch (info->verdict.action) {
	case VERDICT_ALL:
		return info->verdict.limit ? info->verdict.limit : MAX_CAPTURE;
	case VERDICT_FRAMES:
		return MAX_CAPTURE;
	case VERDICT_LENGTHS:
		return 0;
	default:
		return info->verdict.limit ? info->verdict.limit : trace_conf.default_limit;
	}
}

#endif
