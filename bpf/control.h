/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What user space tells the programs: read-only configuration before load, and the values of the maps that it
 * writes. Same rules as event.h.
 */
#ifndef SOCKSPAN_CONTROL_H
#define SOCKSPAN_CONTROL_H

#pragma clang diagnostic push
#pragma clang diagnostic error "-Wpadded"

enum scope_kind {
	SCOPE_HOST = 0,          /* every process; tgid and pid are the initial namespace's */
	SCOPE_PID_NAMESPACE = 1, /* processes whose own pid namespace is the configured one */
};

/* The read-only variable trace_conf. */
struct trace_conf {
	__u64 pid_namespace_device; /* of /proc/self/ns/pid */
	__u64 pid_namespace_inode;
	__u64 cgroup_id;          /* 0: any; else only processes below this cgroup (v2) */
	__u64 bytes_per_second;   /* of ring buffer for each tgid; 0: no limit */
	__u64 burst_bytes;        /* the bucket's size */
	__u32 scope;              /* enum scope_kind */
	__u32 cgroup_level;       /* depth of cgroup_id in the hierarchy */
	__u32 default_limit;      /* bytes of each call while a socket has no verdict, at most MAX_CAPTURE */
	__u32 udp_send_by_length; /* 1: sock_send_length tells UDP sends (no fentry at udp_sendmsg) */
	__u32 recvmsg_arguments;  /* of tcp_recvmsg: 6 before 5.19, else 5; only for fexit */
	__u32 page_moves;         /* 1: sys_exit tells sendfile and splice (sends take hook set c) */
	__u32 socket_storage;     /* 1: neither direction takes hook set c, which can't use it */
	__u32 trace_requests;     /* 1: trace_map is kept */
	__u64 unix_salt;          /* of this boot of this host: makes numbers of its sockets unlike those of others */
	__u32 unix_sockets;       /* enum unix_sockets: 0, none */
	__u32 padding;
};

enum unix_sockets {
	UNIX_SOCKETS_OFF = 0,
	UNIX_SOCKETS_ON = 1,
	UNIX_SOCKETS_ALONE = 2, /* sock_recv_length tells of them alone: receives take another hook set */
};

enum io_mode {
	IO_MODE_OFF = 0,
	IO_MODE_REQUEST = 1, /* calls of processes that serve a request */
	IO_MODE_ALL = 2,
};

/* The one value of trace_conf_map. */
struct trace_settings {
	__u64 io_threshold_ns; /* shorter reads and writes are not told */
	__u32 io_mode;         /* enum io_mode */
	__u32 io_events_per_request;
};

enum verdict_action {
	VERDICT_PREFIX = 0, /* the first `limit` bytes of each call */
	VERDICT_ALL = 1,    /* as much of each call as an event holds */
	VERDICT_DROP = 2,   /* nothing, for `drop_calls` calls */
	VERDICT_LENGTHS = 3, /* events without bytes */
	VERDICT_FRAMES = 4,  /* of each frame what `framing` says; all of it while the walk has no frame to start from */
};

enum verdict_flags {
	VERDICT_FLAG_UNTIL_TURN = 1 << 0, /* a drop also ends when the direction of the traffic changes */
	VERDICT_FLAG_LOCAL_CLIENT = 1 << 1, /* frames: the local end sends what the protocol's client sends */
	VERDICT_FLAG_RESTART = 1 << 2,    /* frames: a walk that goes on is given up for the places named here */
};

/* Value of socket_verdicts, key: socket id. After writing one, bump verdict_generations[id % VERDICT_GENERATIONS]. */
struct socket_verdict {
	/*
	 * Stream offsets. Earlier bytes make no event (HTTP/1 bodies). With frames: where a frame starts, now or later;
	 * all ones: not known.
	 */
	__u64 skip_until_ingress;
	__u64 skip_until_egress;
	__u64 drop_idle_ns; /* a drop ends after this much silence; 0: not by time */
	__u32 drop_calls;
	__u32 action; /* enum verdict_action */
	__u32 limit; /* bytes of each call; 0: trace_conf.default_limit, or with VERDICT_ALL what one event holds */
	__u32 flags; /* enum verdict_flags */
	__u32 serial; /* another number starts a drop anew that has not ended */
	__u32 framing; /* index into framings */
};

#define VERDICT_GENERATIONS 1024

/* A frame of at most `whole` bytes is copied, of a longer one the first `first`. Both 0: it is left out, and counted. */
struct frame_rule {
	__u16 whole;
	__u16 first;
};

#define FRAME_TYPES 256
#define NO_FRAME_TYPE 255

/* Value of framings: how a protocol's frames follow one another. User space writes them before it attaches. */
struct framing {
	__u8 signature[8];    /* the first bytes that its client sends, where nothing else begins so; 0: none */
	__u32 preface_length; /* bytes of the client before its first frame */
	__u32 maximum;        /* longer frames are none */
	__s32 length_bias;    /* a frame's bytes less the value of its length field */
	__u8 header_length;   /* length field, type, and what the parser reads of any frame: at most 12 */
	__u8 length_offset;
	__u8 length_shift;  /* 32 less the bits of the length field */
	__u8 little_endian;
	__u8 type_offset; /* of a byte; NO_FRAME_TYPE: all frames are of type 0 */
	__u8 padding[7];
	struct frame_rule client[FRAME_TYPES]; /* by type, of what the protocol's client sends */
	struct frame_rule server[FRAME_TYPES];
};

#define FRAMINGS 32
/* Only the first of them may have a signature. */
#define SIGNATURES 4

enum process_filter {
	PROCESS_FILTER_NONE = 0,
	PROCESS_FILTER_EXCLUDE = 1,      /* never traced */
	PROCESS_FILTER_EXCLUDE_TREE = 2, /* nor what it forks from now on */
};

enum unit_step_kind {
	UNIT_STEP_END = 0,
	UNIT_STEP_THREAD_POINTER = 1,   /* value = thread pointer + operand */
	UNIT_STEP_REGISTER_G = 2,       /* value = Go's g register + operand (r14; r28 on arm64) */
	UNIT_STEP_LOAD = 3,             /* value = *(u64 *)value + operand */
	UNIT_STEP_LOAD_32 = 4,          /* value = *(u32 *)value + operand */
	UNIT_STEP_ADD = 5,              /* value += operand */
	UNIT_STEP_TO_COROUTINE = 6,     /* coroutine_id = value */
	UNIT_STEP_TO_UNIT = 7,          /* unit_id = value */
	UNIT_STEP_TO_TURN = 8,          /* turn_id = value */
	UNIT_STEP_ABSOLUTE = 9,         /* value = operand */
	UNIT_STEP_FOLLOW = 10,          /* value = *(u64 *)value where that is not 0, at most four times; + operand */
	UNIT_STEP_GO = 11,              /* goid, the caller behind net/http's client, the cause of a call: by go_layout */
	UNIT_STEP_NGINX_CONNECTION = 12, /* value = the downstream ngx_connection_t that the socket is used for */
	UNIT_STEP_MAIN_THREAD = 13,     /* ends the walk on any other thread */
	UNIT_STEP_TO_PHASE = 14,        /* value = return address of the loop's callee: poll at operand, other near it */
	UNIT_STEP_NODE_IDS = 15,        /* unit, parent and count from the doubles {execution, trigger, counter} at operand */
	UNIT_STEP_INITIAL_STACK = 16,   /* value = where the kernel put argc when the program started + operand */
	UNIT_STEP_TO_PARENT = 17,       /* unit_parent = value */
	UNIT_STEP_POOL_JOB = 24,        /* unit = the job of a pool's thread, whose data stack begins at value, and the end of the walk */
	UNIT_STEP_GREENLET = 25,        /* unit = the greenlet that runs, by the library's state of the thread at value, but where a pool's job follows. Operand: the type greenlet.greenlet */
	UNIT_STEP_NODE_MICROTASKS = 26,  /* nothing to walk: where the queue of microtasks of Node lies, for its uprobes */
};

#define POOL_SITES 4
#define POOL_HOPS 10
#define POOL_NAME_WORDS 4
#define POOL_CODE_BY_NAME 1

/* A loop that does the jobs of a pool, as a frame near the bottom of the data stack of its threads. Offsets: of the stack. */
struct pool_site {
	__u64 code;  /* of the frame; 1: not loaded yet, its name tells; 0: no more */
	__u64 proof; /* what lies at proof_offset of the value at proof_hop; 0: nothing to prove */
	__u16 code_offset;
	__u16 job_offset; /* the local variable that names the job */
	__s16 proof_offset;
	__u8 proof_hop;
	__u8 hop_count;
	__s16 hops[POOL_HOPS]; /* from the job to the unit that waits for it: value = *(u64 *)(value + hop) */
	__u8 unit_kind;        /* of what the hops lead to */
	__u8 name_text;        /* of the characters in a name's object */
	__u8 padding[2];
	__u32 name[POOL_NAME_WORDS]; /* the qualified name begins so */
};

struct unit_step {
	__s64 operand;
	__u32 kind; /* enum unit_step_kind */
	__u32 padding;
};

#define UNIT_STEPS 16

enum process_flags {
	PROCESS_FLAG_WAKES = 1 << 0, /* tell which thread wakes which */
};

#define GO_PROCESSORS 8

/* Where things lie in a Go program: offsets by its version, addresses as the process has them. start_pc 0: not in it. */
struct go_layout {
	__u64 serve_start_pc;      /* g.startpc of net/http.(*conn).serve */
	__u64 write_loop_start_pc; /* of (*persistConn).writeLoop */
	__u64 read_loop_start_pc;  /* of (*persistConn).readLoop */
	__u64 all_goroutines;      /* runtime.allgs; 0 unknown */
	__u64 all_processors;      /* runtime.allp; 0 unknown */
	__u64 goid_counter;        /* runtime.sched.goidgen; 0 unknown */
	__u64 library_start;       /* net/http's code: goroutines that start there are its own, but for serve's */
	__u64 library_length;
	__u64 http2_start;         /* net/http's (*http2serverConn), whose methods begin goroutines; length 0: not in it */
	__u64 http2_length;
	__u64 x_http2_start;       /* the same of golang.org/x/net/http2 */
	__u64 x_http2_length;
	__u64 http2_call_start_pc; /* of net/http's calls over HTTP/2, each of which has a goroutine of its own */
	__u64 x_http2_call_start_pc;
	__u64 grpc_start_pc;       /* of grpc-go's handlers of streams */
	__u64 wait_group_add;      /* sync.(*WaitGroup).Add */
	__u64 wait_group_add_length;
	__u64 context_key;         /* the programs' own: net/http.LocalAddrContextKey */
	__u64 processors[GO_PROCESSORS]; /* the programs' own: of runtime.allp, those that were met */
	__u64 marks_since_ns;      /* the programs' own: goroutines of requests make calls, so their creation is watched; 0: it is not */
	__u16 goid; /* of struct g, below 320 */
	__u16 parent_goid;
	__u16 start_pc;
	__u16 processor;      /* m.p */
	__u16 goid_cache;     /* p.goidcache, goidcacheend */
	__u16 receive_queue;  /* hchan.recvq */
	__u16 sudog_channel;  /* sudog.c */
	__u16 write_request;  /* below the stack's top: writeLoop's writeRequest */
	__u16 connection;     /* below the stack's top: serve's receiver */
	__u16 request_context; /* http.Request.ctx */
	__u16 current_request; /* conn.curReq */
	__u16 has_streams;    /* the programs' own: net/http's server has read frames of HTTP/2 */
};

#define FUNCTION_HOPS 2
#define SITE_HOPS 5
#define CLIENT_SITES 3

/* Where things lie in a CPython program: addresses as the process has them, offsets by its version. */
struct python_layout {
	__u64 work_item_type; /* of the jobs of ThreadPoolExecutor; 0: not known yet */
	__u64 function_type;
	__u16 task_context;   /* of a task of asyncio; 0: who makes tasks and jobs is not watched */
	__u16 coroutine_name; /* its qualified name */
	__s16 function_hops[FUNCTION_HOPS]; /* from a job to what it calls; 0: no hop */
	__s16 site_hops[SITE_HOPS]; /* from a thread state to the code two callers above the one that runs; -1: no hop */
	__u16 puts_off; /* 1: it sends later, in no unit's context, and a context whose making was not seen is no unit */
	__u16 padding[2];
	/* Ways from the coroutine of a task that calls for whoever awaits a future. Offsets: of the coroutine */
	struct pool_site clients[CLIENT_SITES];
};

#define JAVA_HOPS 5
#define JAVA_TASKS 4

/*
 * Where things lie in a JVM, as it describes itself: addresses as the process has them, offsets in its own structures and
 * in objects. A class that is not known to be loaded is 0: the programs know it by its name, and fill it in.
 */
struct java_layout {
	__u64 heap;        /* as it is reserved */
	__u64 heap_length; /* 0: nothing to read */
	__u64 oop_base;    /* of compressed references */
	__u64 klass_base;
	__u64 collections; /* the heap's count of collections */
	__u64 collects; /* whether there is one just now: a byte */
	__u64 tls_block;      /* of libjvm.so in the thread's table of them */
	__u64 current_thread; /* in there */
	__u64 future_tasks[JAVA_TASKS]; /* FutureTask, then classes that are derived from it, the programs' own */
	__u64 async_supply;
	__u64 async_run;
	__u64 completable_future;
	__u64 exchange_classes[JAVA_HOPS]; /* from what writes for HttpClient to the request: checked, then followed */
	__u64 learn_ns; /* the programs' own: when the next call may look for the names of classes that are not known yet */
	__u16 exchange_fields[JAVA_HOPS];
	__u16 klass;        /* of any object */
	__u16 runner;       /* of a FutureTask */
	__u16 async_future; /* of AsyncSupply and AsyncRun */
	__u16 async_function;
	__u16 result; /* of a CompletableFuture */
	__u16 future_size;
	__u16 thread_object; /* of a JavaThread */
	__u16 mounted_object; /* 0: it has no virtual threads */
	__u16 buffer_start;
	__u16 buffer_top;
	__u16 buffer_end;
	__u16 last_sp;
	__u16 stack_base;
	__u16 class_name;  /* of a class: its symbol */
	__u16 symbol_body; /* of a symbol, its length right before it; 0: classes are not known by name */
	__u16 base_class;  /* of a class: the one below Object that it is derived from */
	__u16 fruitless;   /* the programs' own: calls in a row that have looked, and found no new one */
	__u8 oop_shift;
	__u8 klass_shift;
	__u16 continuation_entry; /* of a JavaThread: what is mounted on it */
	__u16 continuation; /* of that: its object */
	__u16 padding;
	__u32 mounts; /* not 0: uprobes tell which virtual threads are mounted; another number for each time that they were attached */
};

/* Value of processes, key: tgid. User space writes filter and steps; the bucket is the programs' own. */
struct process_control {
	__u64 bucket_ns;
	__s64 bucket_bytes;
	__u32 filter;     /* enum process_filter */
	__u32 unit_kind;  /* enum unit_kind, of what the steps read */
	__u32 step_count; /* 0: nothing to read */
	__u32 flags;      /* enum process_flags */
	__u64 lock_address; /* futexes there order the runtime's own threads, and are no hand-over */
	__u64 lock_length;
	struct unit_step steps[UNIT_STEPS];
	struct pool_site pools[POOL_SITES];
	struct go_layout go;
	struct python_layout python;
	struct java_layout java;
	__u32 handovers_lost; /* the programs' own */
	__u32 padding;
};

/* Key of trace_map: a kind of enum unit_kind with that unit's id, UNIT_NONE with a thread's, or a process with 0. */
#define TRACE_PROCESS 0xff

struct trace_key {
	__u64 id;
	__u32 tgid;
	__u32 kind;
};

/* Value of trace_map, the programs' own. */
struct trace_request {
	__u64 socket_cookie; /* the server's connection, as events name it */
	__u64 stream_offset; /* at which the request begins; with pipelining: or an earlier one */
	__u64 read_ns;
	__u64 answered_ns; /* of the answer's last bytes so far; 0: none yet */
	__u32 local_first_sequence;
	__u32 remote_first_sequence;
	__u32 open;      /* TRACE_PROCESS: requests that are read and not answered */
	__u32 io_events; /* told for this request */
};

/* Index into loss_counters (per CPU): why bytes or calls made no event, or one without bytes. */
enum loss_reason {
	LOSS_RING_FULL = 0,       /* no room: event_number shows the gap */
	LOSS_RATE_LIMITED = 1,    /* the process's bucket was empty: event_number shows the gap */
	LOSS_USER_FAULT = 2,      /* user pages not resident */
	LOSS_CONFLICT = 3,        /* events flagged CONFLICT */
	LOSS_COMPAT_CALL = 4,     /* 32-bit system calls: length only */
	LOSS_IO_URING = 5,        /* io_uring's receives: length only */
	LOSS_VECTOR_CALL = 6,     /* recvmmsg with a timeout: length only; hook set c: messages after the fourth */
	LOSS_NO_SOCKET_INFO = 7,  /* socket_info had no room */
	LOSS_SEGMENTS = 8,        /* more iovecs than are followed: captured short */
	CONSUMED_DROP = 9,        /* by verdict */
	CONSUMED_SKIP = 10,       /* by verdict: before skip_until */
	CONSUMED_EXCLUDED = 11,   /* calls of excluded processes */
	CONSUMED_IO_LIMIT = 12,   /* reads and writes of files: enough of them were told for this request */
	LOSS_OVERLOAD = 13,       /* user space was too far behind and had capture paused: event_number shows the gap */
	LOSS_REASONS = 14,
};

#pragma clang diagnostic pop

#endif
