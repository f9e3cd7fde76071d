/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What crosses between perf_profiler.bpf.c and user space: samples, and the tables by which stacks are unwound. Same
 * rules as event.h.
 */
#ifndef SOCKSPAN_PROFILE_EVENT_H
#define SOCKSPAN_PROFILE_EVENT_H

#include "event.h"

#pragma clang diagnostic push
#pragma clang diagnostic error "-Wpadded"

#define MAX_KERNEL_FRAMES 96
#define MAX_USER_FRAMES 256
#define MAX_INTERPRETER_FRAMES 128
#define MAX_CONTEXT_WORDS 80 /* a thread context's attributes: its specification recommends 640 bytes at most in all */

enum profile_event_kind {
	EVENT_STACK_SAMPLE = 64, /* beside those of enum event_kind */
};

enum sample_kind {
	SAMPLE_ON_CPU = 1,
	SAMPLE_OFF_CPU = 2, /* value_ns: how long the thread did not run */
	SAMPLE_WAKER = 3,   /* who ends a wait, when it does; the wait itself follows. value_ns: when that began */
};

/* Why the user stack ends where it does. */
enum stack_end {
	STACK_END_BOTTOM = 0,         /* complete */
	STACK_END_NONE = 1,           /* a thread of the kernel */
	STACK_END_DEPTH = 2,          /* more than MAX_USER_FRAMES */
	STACK_END_UNREADABLE = 3,     /* memory of the stack is not resident */
	STACK_END_FRAME_POINTER = 4,  /* code without a table whose frame pointer leads nowhere */
	STACK_END_UNSUPPORTED = 5,    /* a rule of the table that is not followed */
};

enum sample_flags {
	SAMPLE_FLAG_NO_MAPPINGS = 1 << 0,     /* the process is not described: frame pointers alone */
	SAMPLE_FLAG_UNKNOWN_MAPPING = 1 << 1, /* an address is in none of its described mappings */
	SAMPLE_FLAG_KERNEL_CUT = 1 << 2,      /* the kernel's stack is deeper than MAX_KERNEL_FRAMES */
	SAMPLE_FLAG_INTERPRETER_CUT = 1 << 3, /* the interpreter's frames did not end */
	SAMPLE_FLAG_THREAD_CONTEXT = 1 << 4,  /* the program has said which span it works for, or that it is for none */
};

/* In the address of a user frame that is no leaf: a signal interrupted it there, so it is no return address. */
#define INTERRUPTED_FRAME (1ULL << 63)

/*
 * In a word behind the address of a user frame: what the frame is of. V8: the SharedFunctionInfo of a JavaScript function.
 * HotSpot: the Method of an interpreted frame, or the CodeBlob of what it has compiled or made otherwise.
 */
#define SCRIPT_FUNCTION (1ULL << 62)
#define JAVA_CODE_BLOB 1 /* bits 0 to 2 of the word: 0 is a Method */

/*
 * Behind it: kernel, then user frames (addresses, leaf first; script_frames of them have a second word), then interpreter frames (struct interpreter_frame), then
 * the attributes of the thread's context, as it has them.
 */
struct stack_sample_event {
	struct event_header header;
	__u64 coroutine_id;
	__u64 unit_id;
	__u64 turn_id; /* as in struct socket_data_event */
	__u64 value_ns;
	__u64 end_address; /* the code at which the user stack ends */
	__u8 trace_id[16]; /* of the thread's context; zeroes: it says no span */
	__u8 span_id[8];
	__u32 cpu;
	__u32 flags; /* enum sample_flags */
	__u32 peer_tgid; /* off CPU: who ended the wait, 0 not known; of a waker: who waits */
	__u32 peer_pid;
	__u16 kernel_frames;
	__u16 user_frames;
	__u16 interpreter_frames;
	__u8 sample_kind; /* enum sample_kind */
	__u8 unit_kind;   /* enum unit_kind */
	__u8 stack_end;   /* enum stack_end */
	__u8 padding[3];
	__u16 script_frames; /* words with SCRIPT_FUNCTION */
	__u16 context_bytes; /* of the context's attributes */
	__u8 comm[COMM_LENGTH];
};

/* One frame of CPython: its code object and where in it. */
struct interpreter_frame {
	__u64 code;
	__u64 instruction; /* address of the instruction; bit 0: entered from C, native frames lie below */
};

/* How the caller's frame is found at an address; the kinds of unwind_row. */
enum unwind_kind {
	UNWIND_FRAME_POINTER = 0, /* no table here: rbp leads to the caller's frame */
	UNWIND_SP = 1,            /* the canonical frame address (CFA) = rsp + 8 * cfa_offset */
	UNWIND_FP = 2,            /* CFA = rbp + 8 * cfa_offset */
	UNWIND_END = 3,           /* outermost frame */
	UNWIND_PLT = 4,           /* CFA = rsp + 8, and 8 more from byte cfa_offset of the 16-byte entry on */
	UNWIND_SIGNAL = 5,        /* the kernel's signal frame */
	UNWIND_FP_LOAD = 6,       /* CFA = *(rbp + 8 * cfa_offset), the caller's rbp = *rbp: a realigned stack */
	UNWIND_UNSUPPORTED = 7,
};

/* From `address` to the next row's. The return address lies at CFA - 8. */
struct unwind_row {
	__u32 address;       /* in the image */
	__s16 cfa_offset;
	__u8 kind;           /* enum unwind_kind */
	__s8 frame_pointer;  /* where the caller's rbp lies: CFA + 8 * this; 0: still in rbp */
};

/* An executable mapping of a process. */
struct unwind_mapping {
	__u64 start;
	__u64 end;
	__u64 bias;       /* address - bias = address in the image */
	__u32 first_row;  /* of unwind_rows; the two are written at once */
	__u32 row_count;  /* 0: frame pointers */
	__u32 generation; /* of the process's description: another one is stale */
	__u32 padding;
};

/* Value of process_mappings, key: tgid. */
struct process_mappings {
	__u32 first; /* of unwind_mappings, ordered by address */
	__u32 count;
	__u32 generation;
	__u32 padding;
};

/* Value of interpreters, key: tgid. Offsets in CPython's structs; 0xffff: there is none. */
struct interpreter {
	__u32 key;                 /* pthread key of the thread state */
	__u16 tstate_frame;        /* PyThreadState.cframe or .current_frame */
	__u16 cframe_frame;        /* _PyCFrame.current_frame */
	__u16 frame_code;          /* _PyInterpreterFrame */
	__u16 frame_previous;
	__u16 frame_instruction;
	__u16 frame_owner;         /* 3.11: is_entry */
	__u8 entry_owner;          /* value of owner that marks a frame entered from C */
	__u8 entry_is_frame;       /* 3.11: the entry frame is a frame of Python; later: a shim of its own */
	__u8 padding[2];
};

/* Value of script_engines, key: tgid. Where V8 keeps whose frame it is; all in bytes. */
struct script_engine {
	__u16 context;  /* below the frame pointer: a tagged pointer in frames of functions, a number in all others */
	__u16 function; /* below the frame pointer: the JSFunction */
	__u16 shared;   /* in it: its SharedFunctionInfo */
	__u16 padding;
};

#define JAVA_HEAPS 3

/* A heap of HotSpot's code cache (memory/heap.hpp): blocks of segments. */
struct java_heap {
	__u64 low;
	__u64 high;
	__u64 segments; /* of the map, a byte for each segment: how far back its block begins, 0xff: free */
};

/* Value of java_engines, key: tgid. Where HotSpot keeps what its own frames are of; offsets in bytes. */
struct java_engine {
	struct java_heap heaps[JAVA_HEAPS];
	__u64 low; /* of all heaps */
	__u64 high;
	__u64 interpreter_low;
	__u64 interpreter_high;
	__u16 segment_shift;       /* 0: there is no engine */
	__u16 block_header;        /* in front of a block's CodeBlob */
	__u16 blob_frame_size;     /* in it: an int, words from rsp to the caller's; 0 or less: not the same everywhere */
	__u16 blob_frame_complete; /* in it: how far into the code the frame is not made yet */
	__u16 blob_code;           /* in it: where the code begins */
	__u8 is_frame_complete_short; /* 2 bytes, else 4 */
	__u8 is_code_offset;          /* an int from the blob on, else an address */
	__u8 padding[4];
};

/* Value of thread_contexts, key: tgid. Where each thread has the pointer otel_thread_ctx_v1 (OTEP 4947). */
struct thread_context_place {
	__s64 offset;     /* from the thread pointer, or in the module's block */
	__u32 module;     /* in the thread's vector of blocks (dtv); 0: in none */
	__u32 entry_size; /* of the vector: 16 in glibc, 8 in musl */
};

/* The read-only variable profile_conf. */
struct profile_conf {
	__u64 off_cpu_threshold_ns; /* shorter waits make no sample */
	__u32 off_cpu_share;        /* of 2^32: which part of the waits is looked at; 0: none */
	__u32 has_kernel_stacks;
	__u32 has_waker_stacks;
	__u32 padding;
};

#pragma clang diagnostic pop

#endif
