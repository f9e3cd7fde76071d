/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Reads and writes of files, pipes and devices that took long, told when they are done. Sockets are told elsewhere.
 * The programs are attached only where somebody asks for it: they run at every system call of the host.
 */
#ifndef SOCKSPAN_IO_EVENT_H
#define SOCKSPAN_IO_EVENT_H

#include "kernel/file_path.bpf.h"
#include "unit/unit.bpf.h"

/* One entry: what is asked for now. User space may change it while the programs run. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct trace_settings);
} trace_conf_map SEC(".maps");

/*
 * When a thread has begun the call that it is in; 0: in none that was noted. By thread of the initial namespace; written
 * in place, so that a call costs two look-ups. Of one entry where nothing is asked for: set before load.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768);
	__type(key, __u32);
	__type(value, __u64);
} io_calls SEC(".maps");

/* An event while it is gathered: too big for the stack. */
struct io_record {
	struct io_event event;
	struct file_path path;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct io_record);
} io_event_buffer SEC(".maps");

enum io_offset_source {
	OFFSET_FROM_FILE,
	OFFSET_FROM_ARGUMENT,
	OFFSET_FROM_EITHER, /* preadv2, pwritev2: -1 asks for the file's own */
};

struct io_call {
	__u32 operation; /* enum io_operation; 0: another call */
	__u32 offset_source;
};

static __always_inline struct io_call io_call_of(__u64 number)
{
	switch (number) {
	case CALL_READ:
	case CALL_READV:
		return (struct io_call){ IO_READ, OFFSET_FROM_FILE };
	case CALL_WRITE:
	case CALL_WRITEV:
		return (struct io_call){ IO_WRITE, OFFSET_FROM_FILE };
	case CALL_PREAD64:
	case CALL_PREADV:
		return (struct io_call){ IO_READ, OFFSET_FROM_ARGUMENT };
	case CALL_PWRITE64:
	case CALL_PWRITEV:
		return (struct io_call){ IO_WRITE, OFFSET_FROM_ARGUMENT };
	case CALL_PREADV2:
		return (struct io_call){ IO_READ, OFFSET_FROM_EITHER };
	case CALL_PWRITEV2:
		return (struct io_call){ IO_WRITE, OFFSET_FROM_EITHER };
	}
	return (struct io_call){};
}

static __always_inline struct trace_settings *trace_settings(void)
{
	__u32 first = 0;

	return bpf_map_lookup_elem(&trace_conf_map, &first);
}

static __always_inline void begin_io(__u64 now)
{
	__u32 thread = bpf_get_current_pid_tgid();
	__u64 *begun = bpf_map_lookup_elem(&io_calls, &thread);

	if (begun)
		*begun = now;
	else
		bpf_map_update_elem(&io_calls, &thread, &now, BPF_ANY);
}

/* When this thread's call began; 0: it was not noted. */
static __always_inline __u64 end_io(void)
{
	__u32 thread = bpf_get_current_pid_tgid();
	__u64 *noted = bpf_map_lookup_elem(&io_calls, &thread);
	__u64 begun = 0;

	if (noted) {
		begun = *noted;
		*noted = 0;
	}
	return begun;
}

/* A process that has nothing open and has answered nothing lately serves nobody. */
static __always_inline bool is_serving(__u32 tgid, __u64 now)
{
	struct trace_request *process = process_requests(tgid);

	return process && (process->open || now - process->answered_ns < TRACE_LINGER_NS);
}

static __always_inline int io_entered(const struct pt_regs *regs)
{
	struct process_control *process;
	struct trace_settings *settings;
	struct call_registers registers;
	struct caller caller;
	__u64 now;

	call_registers(&registers, regs);
	if (!io_call_of(registers.number).operation)
		return 0;
	settings = trace_settings();
	if (!settings || settings->io_mode == IO_MODE_OFF || !is_traced(&caller, &process))
		return 0;
	now = bpf_ktime_get_ns();
	if (settings->io_mode == IO_MODE_REQUEST && !is_serving(caller.tgid, now))
		return 0;
	begin_io(now);
	return 0;
}

/* Sockets, eventfds, timers and the like are no files. */
static __always_inline bool is_wanted_file(struct io_event *event, struct file *file)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	__u16 type = BPF_CORE_READ(inode, i_mode) & S_IFMT;

	if (type != S_IFREG && type != S_IFIFO && type != S_IFCHR && type != S_IFBLK)
		return false;
	if (BPF_CORE_READ(inode, i_sb, s_magic) == ANON_INODE_FS_MAGIC) /* a regular file since 6.16 */
		return false;
	event->file_type = type >> 12;
	event->inode = BPF_CORE_READ(inode, i_ino);
	event->device = BPF_CORE_READ(inode, i_sb, s_dev);
	return true;
}

static __always_inline __u64 io_offset(const struct call_registers *registers, struct io_call call, struct file *file,
				       const struct io_event *event)
{
	if (event->file_type != S_IFREG >> 12 && event->file_type != S_IFBLK >> 12)
		return IO_NO_OFFSET;
	if (call.offset_source != OFFSET_FROM_FILE &&
	    (call.offset_source == OFFSET_FROM_ARGUMENT || registers->argument[3] != ~0ULL))
		return registers->argument[3];
	return BPF_CORE_READ(file, f_pos) - event->length; /* it has moved on, also where the file is appended to */
}

static __always_inline void read_io_unit(struct io_event *event, struct process_control *process,
					 const struct caller *caller, const struct pt_regs *regs)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct unit unit = {};

	event->unit_kind = UNIT_NONE;
	if (process && process->step_count) {
		event->unit_kind = process->unit_kind;
		walk_unit_steps(&unit, process, caller, 0, THREAD_POINTER(ACCESS_PROBE, task), GO_REGISTER(regs));
	}
	event->coroutine_id = unit.coroutine_id;
	event->unit_id = unit.unit_id;
	event->unit_parent = unit.parent;
	event->unit_count = unit.count;
	event->turn_id = unit.turn_id;
}

/*
 * The request that the unit is serving by trace_map. False where the event is not wanted: the process serves nothing, or
 * enough has been told of this request.
 */
static __always_inline bool find_io_request(struct io_event *event, const struct caller *caller,
					    const struct trace_settings *settings)
{
	struct trace_request *request;
	struct trace_key key;

	trace_key(&key, caller, event->unit_kind, event->unit_id, event->coroutine_id);
	request = served_request(&key, event->entry_ns);
	event->request_socket_cookie = request ? request->socket_cookie : 0;
	event->request_stream_offset = request ? request->stream_offset : 0;
	if (!request)
		return settings->io_mode == IO_MODE_ALL || is_serving(caller->tgid, event->entry_ns);
	if (request->io_events >= settings->io_events_per_request) {
		count(CONSUMED_IO_LIMIT);
		return false;
	}
	request->io_events++;
	return true;
}

static __always_inline int io_left(const struct pt_regs *regs, __s64 result)
{
	struct process_control *process;
	struct trace_settings *settings;
	struct call_registers registers;
	struct io_record *record;
	struct caller caller;
	struct io_event *event;
	struct io_call call;
	struct file *file;
	__u64 begun, now;
	__u32 first = 0;

	call_registers(&registers, regs);
	call = io_call_of(registers.number);
	if (!call.operation)
		return 0;
	begun = end_io();
	settings = trace_settings();
	if (!begun || !settings)
		return 0;
	now = bpf_ktime_get_ns();
	if (now - begun < settings->io_threshold_ns || (result < 0 && is_interruption(-result)))
		return 0;
	record = bpf_map_lookup_elem(&io_event_buffer, &first);
	file = file_of(registers.argument[0]);
	if (!record || !file || !is_traced(&caller, &process))
		return 0;
	event = &record->event;
	if (!is_wanted_file(event, file))
		return 0;
	event->header.kind = EVENT_IO;
	event->header.timestamp_ns = now;
	event->header.tgid = caller.tgid;
	event->header.pid = caller.pid;
	event->entry_ns = begun;
	event->operation = call.operation;
	event->length = result > 0 ? result : 0;
	event->error = result < 0 ? -result : 0;
	event->file_offset = io_offset(&registers, call, file, event);
	read_io_unit(event, process, &caller, regs);
	if (!find_io_request(event, &caller, settings))
		return 0;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	event->path_length = file_path(&record->path, file);
	event->is_path_cut = record->path.is_cut;
	event->header.length = sizeof(*event) + event->path_length;
	if (bpf_ringbuf_output(&socket_data, record, sizeof(*event) + (event->path_length & FILE_PATH_MASK),
			       BPF_RB_NO_WAKEUP))
		count(LOSS_RING_FULL);
	return 0;
}

#endif
