/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* JVM: what is kept while one call's stack and heap are looked at, and how its objects are read. */
#ifndef SOCKSPAN_JAVA_SCAN_H
#define SOCKSPAN_JAVA_SCAN_H

#include "socket/call.bpf.h"

/* Of the stack at a time; a verifier goes through a step once. */
#define JAVA_STEP_WORDS 64
#define JAVA_STEP_BYTES (JAVA_STEP_WORDS * 8)
/* The innermost frames, which write, and the outermost ones, which began the thread's work, above those of the VM. */
#define JAVA_INNER_STEPS 4
#define JAVA_OUTER_STEPS 12
#define JAVA_ENTRY_BYTES 4096

/* Such a place in cause_request: words from the stretch's start, and to its end, each below 2^26. */
#define JAVA_DISTANCE_BITS 26

/* Where a carrier of virtual threads was in the heap when one of them was seen on it. */
struct java_mark {
	__u64 unit; /* the virtual thread; 0: none that is known */
	__u64 continuation; /* its object */
	__u64 start; /* of the carrier's stretch of the heap */
	__u64 top;
	__u64 end;
	__u32 collections;
	__u32 mounts; /* of the layout: when the uprobes were attached, and stay so */
	__u32 silent; /* pauses of which nothing was told since */
	__u32 padding;
};

/* What is read goes here, not onto the stack: the search is called from deep within others. */
struct java_scan {
	struct java_layout layout;
	__u64 thread; /* the JavaThread */
	__u64 self;   /* the Thread object that runs */
	__u64 mounted_on; /* the thread's own one: another than self is virtual */
	__u64 object; /* found last */
	__u64 at;     /* the next words of the stack */
	__u64 end;
	__u64 value;  /* read last */
	__u64 class;
	__u64 named;  /* the class whose name is looked at */
	__u64 word;
	__u64 name;   /* of a class, and its length */
	__u64 length;
	__u32 found;  /* different ones */
	__u32 tgid;
	__u32 collections;
	__u32 is_inner;
	__u32 learns;
	__u32 padding;
	struct java_mark mark; /* of now */
	__u64 carrier; /* key of java_marks */
	__u64 words[JAVA_STEP_WORDS];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCRATCHES);
	__type(key, __u32);
	__type(value, struct java_scan);
} java_scans SEC(".maps");

static __always_inline __u64 java_u64(struct java_scan *scan, __u64 address)
{
	scan->value = 0;
	bpf_probe_read_user(&scan->value, 8, (void *)address);
	return scan->value;
}

/* Objects are being moved. */
static __always_inline bool java_collects(struct java_scan *scan)
{
	scan->value = 0;
	return scan->layout.collects &&
	       (bpf_probe_read_user(&scan->value, 1, (void *)scan->layout.collects) || scan->value);
}

static __always_inline __u64 java_u32(struct java_scan *scan, __u64 address)
{
	scan->value = 0;
	bpf_probe_read_user(&scan->value, 4, (void *)address);
	return scan->value;
}

/* Field of an object that names another one; 0: null, or not readable. */
static __always_inline __u64 java_reference(struct java_scan *scan, __u64 field)
{
	__u64 narrow = java_u32(scan, field);

	return narrow ? scan->layout.oop_base + (narrow << (scan->layout.oop_shift & 63)) : 0;
}

static __always_inline __u64 java_class(struct java_scan *scan, __u64 object)
{
	__u64 narrow = java_u32(scan, object + scan->layout.klass);

	return narrow ? scan->layout.klass_base + (narrow << (scan->layout.klass_shift & 63)) : 0;
}

#endif
