/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* JVM: classes are known by their names when a call comes upon one of their objects. */
#ifndef SOCKSPAN_JAVA_LEARN_H
#define SOCKSPAN_JAVA_LEARN_H

#include "socket/java_scan.bpf.h"

/*
 * Names cost several reads for each reference on the stack. Each of the first calls looks, and of those behind the last class that
 * was learnt, since what is on the stack changes as code is compiled; then one in so long, after many fruitless ones later.
 */
#define JAVA_LEARN_CALLS 1024
#define JAVA_LEARN_NS 1000000ull
#define JAVA_LEARN_DOUBLE_BITS 6
#define JAVA_LEARN_DOUBLINGS 3

#define TEXT(a, b, c, d, e, f, g, h)                                                                      \
	((__u64)(a) | (__u64)(b) << 8 | (__u64)(c) << 16 | (__u64)(d) << 24 | (__u64)(e) << 32 |          \
	 (__u64)(f) << 40 | (__u64)(g) << 48 | (__u64)(h) << 56)
#define IS_NAMED(size, ...) (scan->length == (size) && scan->value == TEXT(__VA_ARGS__))
#define LEARN(field)                                                                                      \
	do {                                                                                              \
		if (scan->layout.field != scan->named) {                                                      \
			scan->layout.field = scan->named;                                                     \
			process->java.field = scan->named;                                                    \
			process->java.fruitless = 0;                                                            \
		}                                                                                         \
	} while (0)

/*
 * User space needs a moment to find a class that has just been loaded. Names in java/ and jdk/ are the JDK's alone; their
 * length and their end tell them apart.
 */
static __always_inline void java_learn_name(struct java_scan *scan, struct process_control *process)
{
	bool is_util;

	scan->name = java_u64(scan, scan->named + scan->layout.class_name) + scan->layout.symbol_body;
	scan->length = java_u32(scan, scan->name - 2) & 0xffff;
	if (scan->length < 16)
		return;
	java_u64(scan, scan->name);
	is_util = scan->value == TEXT('j', 'a', 'v', 'a', '/', 'u', 't', 'i');
	if (!is_util && scan->value != TEXT('j', 'd', 'k', '/', 'i', 'n', 't', 'e'))
		return;
	java_u64(scan, scan->name + scan->length - 8);
	if (is_util) {
		if (IS_NAMED(31, 't', 'u', 'r', 'e', 'T', 'a', 's', 'k'))
			LEARN(future_tasks[0]);
		else if (IS_NAMED(38, 'l', 'e', 'F', 'u', 't', 'u', 'r', 'e'))
			LEARN(completable_future);
		else if (IS_NAMED(50, 'n', 'c', 'S', 'u', 'p', 'p', 'l', 'y'))
			LEARN(async_supply);
		else if (IS_NAMED(47, 'A', 's', 'y', 'n', 'c', 'R', 'u', 'n'))
			LEARN(async_run);
	} else {
		if (IS_NAMED(56, 'b', 's', 'c', 'r', 'i', 'b', 'e', 'r'))
			LEARN(exchange_classes[0]);
		else if (IS_NAMED(74, 'c', 'r', 'i', 'p', 't', 'i', 'o', 'n'))
			LEARN(exchange_classes[1]);
		else if (IS_NAMED(73, 'c', 'r', 'i', 'p', 't', 'i', 'o', 'n'))
			LEARN(exchange_classes[2]);
		else if (IS_NAMED(50, 'u', 'b', 'l', 'i', 's', 'h', 'e', 'r'))
			LEARN(exchange_classes[3]);
		else if (IS_NAMED(35, 'E', 'x', 'c', 'h', 'a', 'n', 'g', 'e'))
			LEARN(exchange_classes[4]);
	}
}

/* One more class that is derived from FutureTask. */
static __always_inline void java_learn_task(struct java_scan *scan, struct process_control *process)
{
	scan->named = scan->class;
	for (int i = 1; i < JAVA_TASKS; i++) {
		if (scan->layout.future_tasks[i] && scan->layout.future_tasks[i] != scan->class)
			continue;
		LEARN(future_tasks[i]);
		return;
	}
}

/* What `class` is, or what it is derived from. No function below this one: stacks of old kernels have no room for it. */
__noinline int java_learn(__u32 slot)
{
	struct java_scan *scan = bpf_map_lookup_elem(&java_scans, &slot);
	struct process_control *process;

	if (!scan)
		return 0;
	process = bpf_map_lookup_elem(&processes, &scan->tgid);
	if (!process)
		return 0;
	scan->named = scan->class;
	for (int i = 0; i < 2; i++) {
		java_learn_name(scan, process);
		if (i || !scan->layout.base_class)
			break;
		scan->named = java_u64(scan, scan->class + scan->layout.base_class);
		if (!scan->named || scan->named == scan->class)
			return 0;
	}
	if (scan->named != scan->class && scan->named == scan->layout.future_tasks[0])
		java_learn_task(scan, process);
	return 0;
}

static __always_inline bool java_may_learn(struct java_layout *java, __u64 now)
{
	__u32 doublings;

	if (!java->symbol_body)
		return false;
	if (java->fruitless < JAVA_LEARN_CALLS) {
		java->fruitless++;
		return true;
	}
	if (now < java->learn_ns)
		return false;
	doublings = (java->fruitless - JAVA_LEARN_CALLS) >> JAVA_LEARN_DOUBLE_BITS;
	if (doublings > JAVA_LEARN_DOUBLINGS)
		doublings = JAVA_LEARN_DOUBLINGS;
	else
		java->fruitless++;
	java->learn_ns = now + (JAVA_LEARN_NS << doublings);
	return true;
}

#endif
