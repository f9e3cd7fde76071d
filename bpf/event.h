/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The wire contract between the BPF programs and user space: every struct that crosses the ring buffer.
 *
 * Only fixed-width integers, arrays and nested structs; explicit padding (-Wpadded -Werror). The TypeScript
 * decoder src/bpf/layout.gen.ts is generated from the BTF of the built object, and the loader compares sizes
 * and offsets before it attaches.
 */
#ifndef SOCKSPAN_EVENT_H
#define SOCKSPAN_EVENT_H

#pragma clang diagnostic push
#pragma clang diagnostic error "-Wpadded"

#define COMM_LENGTH 16

enum event_kind {
	EVENT_SOCKET_DATA = 1,
	EVENT_SOCKET_STATE = 2,
	EVENT_PROCESS = 3,
	EVENT_WAKE = 4,
	EVENT_IO = 5,
	EVENT_UNIT_EDGE = 7,
	EVENT_HANDOVER = 8,
	EVENT_STREAM_CALL = 9,
};

enum direction {
	DIRECTION_INGRESS = 1, /* the traced process received the bytes */
	DIRECTION_EGRESS = 2,  /* the traced process sent the bytes */
};

enum socket_role {
	SOCKET_ROLE_UNKNOWN = 0,
	SOCKET_ROLE_CLIENT = 1, /* connect(2) */
	SOCKET_ROLE_SERVER = 2, /* accept(2) */
};

enum data_source {
	DATA_SOURCE_SYSCALL = 1,
	DATA_SOURCE_TLS_LIBRARY = 2, /* plaintext; stream_offset counts plaintext bytes */
};

enum unit_kind {
	UNIT_NONE = 0,
	UNIT_GOROUTINE = 1,
	UNIT_PYTHON_CONTEXT = 2,
	UNIT_GREENLET = 3,
	UNIT_TOKIO_TASK = 4,
	UNIT_JVM_VIRTUAL_THREAD = 5,
	UNIT_NGINX_REQUEST = 6,
	UNIT_NODE_ASYNC = 7,
	UNIT_RUBY_FIBER = 8,
	UNIT_HAPROXY_TASK = 9,
	UNIT_PYTHON_JOB = 12, /* of a pool's thread */
};

/*
 * The low two bits of a turn_id that counts the reads of a thread (all but CPython's): what the loop was doing, where
 * the runtime shows it. Reads are counted by the kernel (task->ioac.syscr), those of eventfd, timerfd and pipes too.
 */
enum turn_phase {
	TURN_PHASE_UNKNOWN = 0,
	TURN_PHASE_POLL = 1,  /* in the callback of a descriptor that was polled */
	TURN_PHASE_OTHER = 2, /* timers, immediates, closing */
};

/* What the runtime itself says a call is for: an exact pointer, not a rule. */
enum cause_kind {
	CAUSE_NONE = 0,
	CAUSE_GO_CONNECTION = 1, /* on reads of net/http's server: id names the connection's context */
	CAUSE_GO_CONTEXT = 2,    /* id: the connection whose request's context, not yet cancelled, the call carries */
	CAUSE_GO_CREATOR = 3,    /* id: goid that created the caller; cause_request: when that one had read last, by then; 0: the last time of all */
	CAUSE_WAKER = 4,         /* id: the only unit that has woken this one since it last sent something */
	CAUSE_NEW_WAKER = 5,     /* the same, beside the one that it has served */
	CAUSE_CREATION = 6,      /* id: of the unit's creation, which was told before (unit_edge_event.to_id) */
	CAUSE_GO_ENDED_CONTEXT = 7, /* as CAUSE_GO_CONTEXT, but the request's handler has returned */
	CAUSE_GO_READER = 8, /* on reads of net/http's server over HTTP/2: id: goid that serves the connection */
	CAUSE_GO_STREAM = 9, /* id: goid that serves the connection; cause_request: the stream that the caller was made for */
	CAUSE_GO_STREAM_CHILD = 10, /* the same of the goroutine that has created the caller */
	CAUSE_NODE_MICROTASKS = 11, /* id: how many of Node's microtasks were over */
	CAUSE_JAVA_PLACE = 12,  /* id: where the thread's next object will lie; cause_request: words from there back to the start of its stretch of the heap << 26 | to its end */
	CAUSE_JAVA_JOB = 13,     /* id: the object that the thread runs, which names it; cause_request: pid of the thread that serves requests and has it in its stretch of the heap; 0: none by now */
	CAUSE_JAVA_REQUEST = 14, /* the same of the object that it sends for the JDK's HttpClient */
	CAUSE_JAVA_THREAD = 15,  /* the same of the virtual thread that calls, as an object */
};

enum event_flags {
	EVENT_FLAG_FAULTED = 1 << 0,   /* user pages were not resident: captured_length is short */
	EVENT_FLAG_CONFLICT = 1 << 1,  /* another thread may have claimed the same stream position */
	EVENT_FLAG_TRUNCATED = 1 << 2, /* captured_length < call_length because of the verdict's limit */
	EVENT_FLAG_NO_BYTES = 1 << 3,  /* sendfile, splice: length only */
	EVENT_FLAG_FIN = 1 << 4,       /* the read also consumed the FIN */
	EVENT_FLAG_BLOCKING = 1 << 5,  /* the read would have slept until bytes came: its thread waits for this socket alone */
	EVENT_FLAG_FRAMES = 1 << 6,    /* frames were walked: frame_segments follow this struct, with what was copied of them */
	EVENT_FLAG_WATCHED = 1 << 7,   /* an epoll instance has the socket: who reads it waits for others beside it */
};

enum frame_segment_flags {
	FRAME_SEGMENT_STARTS_FRAME = 1 << 0, /* its first byte is a frame's */
};

enum process_action {
	PROCESS_FORK = 1,
	PROCESS_EXEC = 2,
	PROCESS_EXIT = 3,
};

enum io_operation {
	IO_READ = 1,
	IO_WRITE = 2,
};

/* inode->i_mode, its upper bits */
enum file_type {
	FILE_TYPE_FIFO = 1,
	FILE_TYPE_CHARACTER_DEVICE = 2,
	FILE_TYPE_BLOCK_DEVICE = 6,
	FILE_TYPE_REGULAR = 8,
};

/* First in every record. */
struct event_header {
	__u32 kind;         /* enum event_kind */
	__u32 length;       /* bytes of this record that are used, header included */
	__u64 timestamp_ns; /* CLOCK_MONOTONIC: sends at entry, receives when done */
	__u32 tgid;         /* as the own pid namespace knows it */
	__u32 pid;          /* thread */
};

/* Both ends as the traced process sees them. IPv4 is v4-mapped (::ffff:a.b.c.d). AF_UNIX: all zeros but the netns. */
struct socket_tuple {
	__u8 local_address[16];
	__u8 remote_address[16];
	__u16 local_port; /* host order */
	__u16 remote_port;
	__u32 network_namespace; /* inode of the netns */
};

struct socket_data_event {
	struct event_header header;
	__u64 entry_ns;      /* 0 where the hook set does not know it */
	__u64 coroutine_id;  /* Go: goid; else 0 */
	__u64 unit_id;       /* with unit_kind: the runtime's own unit of work */
	__u64 unit_parent;   /* the unit that made this one, where the runtime keeps it; Ruby: the thread that it is on; CPython, with CAUSE_CREATION: 1 for a context that was copied for no task of asyncio; Go: what it was made to run, with CAUSE_GO_CREATOR and _STREAM_CHILD */
	__u64 unit_count;    /* the runtime's counter of units: those made so far; 0 where it has none. With CAUSE_JAVA_*: collections of the heap so far. CPython: when what is sent was written (ns), where that may have been long before */
	__u64 turn_id;       /* equal = the same uninterrupted turn of an event loop; 0 unknown; see enum turn_phase */
	__u64 cause_id;      /* with cause_kind */
	__u64 cause_request; /* Go: the request of net/http's server that is answered or called for, by its context; 0 unknown; see CAUSE_GO_STREAM */
	__u64 socket_cookie;
	__u64 event_number;  /* per socket and direction, +1 for each event, also for those that could not be reserved */
	__u64 stream_offset; /* of the first byte, from the connection's first data byte; UDP: 0 */
	struct socket_tuple tuple;
	__u32 local_first_sequence;  /* first data sequence number that the local end sends */
	__u32 remote_first_sequence; /* the same of the remote end */
	__u32 call_length;           /* bytes that the call moved */
	__u32 captured_length;       /* bytes that follow this struct */
	__u32 flags;                 /* enum event_flags */
	__u8 address_family;         /* AF_INET, AF_INET6, AF_UNIX */
	__u8 protocol;               /* IPPROTO_TCP, also of AF_UNIX: a stream; IPPROTO_UDP */
	__u8 direction;              /* enum direction */
	__u8 role;                   /* enum socket_role */
	__u8 source;                 /* enum data_source */
	__u8 unit_kind;              /* enum unit_kind */
	__u8 cause_kind;             /* enum cause_kind */
	__u8 padding[5];
	__u8 comm[COMM_LENGTH];
};

/* In a walked event, before each stretch of copied bytes; the next one starts at a multiple of four bytes. */
struct frame_segment {
	__u32 offset;   /* of the first copied byte, from the event's stream_offset */
	__u16 length;
	__u16 flags;    /* enum frame_segment_flags */
	__u32 left_out; /* frames that were left out whole since the segment before, also by calls that made no event */
};

/*
 * To TCP_SYN_SENT it changes in connect(2) itself: only then tgid, pid, unit and turn are told, else they are 0.
 * AF_UNIX: to TCP_ESTABLISHED before the first data event; from there where the socket is older than the programs.
 * To TCP_CLOSE_WAIT: the other end writes no more; to TCP_CLOSE: it is closed. To TCP_LISTEN, in listen(2): tgid, pid and
 * the local end alone are told.
 */
struct socket_state_event {
	struct event_header header;
	__u64 coroutine_id;
	__u64 unit_id;
	__u64 unit_parent;
	__u64 unit_count;
	__u64 turn_id;
	__u64 socket_cookie;
	struct socket_tuple tuple;
	__u32 local_first_sequence;
	__u32 remote_first_sequence;
	__u8 address_family;
	__u8 protocol;
	__u8 role;
	__u8 old_state; /* TCP_* */
	__u8 new_state;
	__u8 unit_kind;
	__u8 name_length; /* AF_UNIX: bytes of the server's name that follow this struct; the first is 0: an abstract one */
	__u8 padding[1];
};

#define SOCKET_NAME_LENGTH 108

struct process_event {
	struct event_header header; /* tgid, pid: of the process that the action is about */
	__u32 action;               /* enum process_action */
	__u32 parent_tgid;
	__u64 start_time_ns; /* task->start_boottime: with tgid names a process for ever */
	__u64 cgroup_id;     /* version 2; exec and exit: of the process, fork: of the parent */
	__u8 comm[COMM_LENGTH];
	__u32 filename_length;  /* exec: bytes of the path that follow this struct, */
	__u32 arguments_length; /* and of argv after them, each argument with its NUL */
};

#define IO_NO_OFFSET 0xffffffffffffffffULL

/* A read or write of a file, pipe or device; header.timestamp_ns: when it was done. */
struct io_event {
	struct event_header header;
	__u64 entry_ns;
	__u64 coroutine_id; /* of the unit that made the call, as in struct socket_data_event */
	__u64 unit_id;
	__u64 unit_parent;
	__u64 unit_count;
	__u64 turn_id;
	__u64 file_offset; /* at which it began; IO_NO_OFFSET: the file has none */
	__u64 length;      /* bytes that were moved */
	__u64 inode;
	__u64 request_socket_cookie; /* trace_map: the request that the unit is on; 0: none */
	__u64 request_stream_offset;
	__u32 device;      /* of the file system, as the kernel packs it: major << 20 | minor */
	__u32 error;       /* errno; 0: none */
	__u32 path_length; /* bytes that follow: names from the file up to the reader's root, each with its NUL */
	__u8 operation;    /* enum io_operation */
	__u8 file_type;    /* enum file_type */
	__u8 unit_kind;    /* enum unit_kind */
	__u8 is_path_cut;  /* 1: the path lacks its beginning */
	__u8 comm[COMM_LENGTH];
};

/* One thread wakes another of its process, a short time after it has read from a socket or was woken so itself. */
struct wake_event {
	struct event_header header; /* tgid, pid: of the waker */
	__u32 woken;                /* pid */
	__u32 hops; /* from the thread that has read: 1 or more; 0: woken for another reason, and serves a connection */
	__u64 waker_ran_ns; /* when each got the processor last, by the scheduler's clock; 0: not known */
	__u64 woken_ran_ns;
};

enum unit_edge {
	UNIT_EDGE_CREATES = 1, /* from has created to, which has not run yet */
	UNIT_EDGE_ANSWERS = 2, /* from has read from a connection to a server, and to is the first that it wakes since */
	UNIT_EDGE_CREATES_THREAD = 3, /* to: its pid; from: the unit that header.pid is on, 0: the thread itself */
	UNIT_EDGE_THREAD_ENDS = 4,    /* to: its pid; not told when its whole process ends */
	UNIT_EDGE_RESUMES = 5, /* in the callback to (turn_id), what was begun in the callback from goes on; 0: not known in which */
	UNIT_EDGE_RESUMES_DETACHED = 6, /* the same, and it was started by what was begun in that callback, which does not await it itself */
	UNIT_EDGE_RESUMES_OFTEN = 7, /* the process has more async functions that wait and go on than watching them may cost */
	UNIT_EDGE_MAKES_OBJECTS = 8, /* JVM: all that lies in its heap from from_creation up to to_id was made by from, since its event before; from 0: to_id pauses have told nothing of that */
};

/* One unit of a process did something to another. */
struct unit_edge_event {
	struct event_header header;
	__u64 from_id;
	__u64 to_id; /* of a creation: an id that is never used again, as tokio's of the task */
	__u64 from_creation; /* that of the maker; 0: was not seen. What goes on: see bpf/unit/node.bpf.h */
	__u64 work;      /* equal: made to run the same function; 0: not known. What goes on: how many of Node's microtasks were over. MAKES_OBJECTS: collections of the heap so far */
	__u32 edge;      /* enum unit_edge */
	__u32 unit_kind; /* enum unit_kind, of from; UNIT_NONE: a thread; wakes: of both */
};

enum handover_way {
	HANDOVER_GIVES = 1,          /* a value, on a channel without a buffer */
	HANDOVER_GIVES_BUFFERED = 2, /* on one that may hold other values at other times */
	HANDOVER_RELEASES = 3,       /* closes the channel that to waits on, gives a value of no size, or is the last that its WaitGroup waits for */
	HANDOVER_ANSWERS = 4,        /* net/http's client: what from has read from the server */
};

/* Go: one goroutine hands something over to another one that waits for it, or waits until that one comes for it. */
struct handover_event {
	struct event_header header;
	__u64 from_id;       /* goid */
	__u64 from_creator;  /* goid that made it; 0: unknown */
	__u64 from_read_ns;  /* when that one had read last, by then */
	__u64 from_start_pc; /* of the function that it began with: equal for all workers of a pool */
	__u64 to_id;
	__u64 to_creator;
	__u64 to_read_ns;
	__u64 to_start_pc;
	__u64 value_type;    /* of what is given: equal for values of one type; 0: releases, answers */
	__u32 way;  /* enum handover_way */
	__u32 lost; /* of this process, so far: when it grows, some before this one could not be told */
};

/*
 * Go: who has asked for a call of grpc-go's client, which one goroutine of the connection writes for all. Told before that
 * is written.
 */
struct stream_call_event {
	struct event_header header;
	__u64 writer_id;     /* goid, of the goroutine that writes */
	__u64 unit_id;       /* goid, of the caller; the rest as in struct socket_data_event */
	__u64 unit_parent;
	__u64 cause_id;
	__u64 cause_request;
	__u32 stream_id;     /* on the writer's connection */
	__u32 cause_kind;    /* enum cause_kind */
};

#pragma clang diagnostic pop

#endif
