/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Go: which goroutine hands something over to which other one that waits: by a channel, or as the last that a WaitGroup
 * waits for. Uprobes on functions of package runtime, at their entry: Go moves stacks, so nothing may be put on them.
 * Attached only to processes whose calls come from goroutines of which nothing else is known.
 *
 * runtime.send and runtime.recv are called when the other end waits already. The wake-ups of timers, of the network
 * poller and of locks come another way, and are not told.
 */
#ifndef SOCKSPAN_GO_HANDOVER_H
#define SOCKSPAN_GO_HANDOVER_H

#include "unit/go.bpf.h"
#include "kernel/scope.bpf.h"

#define CHANNEL_CAPACITY 8 /* hchan.dataqsiz (runtime/chan.go) */
#define CHANNEL_SIZE 24    /* hchan.elemsize, 16 bits */
#define CHANNEL_TYPE 24    /* hchan.elemtype: so far before recvq */
#define SUDOG_NEXT 8       /* sudog.g is the first field (runtime/runtime2.go) */
#define CLOSE_WAKES 4

/* While a program describes a hand-over: too big for the stack. */
struct go_handover {
	struct go_call call;
	struct caller caller;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct go_handover);
} go_handovers SEC(".maps");

struct goroutine {
	__u64 id;
	__u64 creator; /* that made it; 0: unknown */
	__u64 read_ns; /* when that one had read last, by then */
	__u64 start_pc;
};

static __always_inline struct go_handover *handover_scratch(struct process_control **process)
{
	__u32 slot = 0;
	struct go_handover *handover = bpf_map_lookup_elem(&go_handovers, &slot);

	if (!handover || !is_traced(&handover->caller, process) || !*process || !(*process)->go.start_pc)
		return NULL;
	handover->call.tgid = handover->caller.tgid;
	return handover;
}

/* False: it can't be read. */
static __noinline bool read_goroutine(struct goroutine *goroutine, struct go_call *call, struct go_layout *layout,
				      __u64 g)
{
	if (!goroutine || !call || !layout || !read_g(call, g))
		return false;
	goroutine->id = g_field(call, layout->goid);
	goroutine->start_pc = g_field(call, layout->start_pc);
	call->cause.id = 0;
	call->cause.request = 0;
	if (goroutine->start_pc != layout->serve_start_pc)
		go_creator(call, layout);
	goroutine->creator = call->cause.id;
	goroutine->read_ns = call->cause.request;
	return true;
}

static __always_inline bool is_library(const struct goroutine *goroutine, const struct go_layout *layout)
{
	return goroutine->start_pc != layout->serve_start_pc &&
	       goroutine->start_pc - layout->library_start < layout->library_length;
}

/* @channel: of what is given; 0: nothing is */
static __noinline int tell_handover(struct go_handover *handover, struct process_control *process, __u64 from_g,
				    __u64 to_g, __u64 channel)
{
	__u64 way = HANDOVER_RELEASES, type = 0;
	struct goroutine from = {}, to = {};
	struct handover_event *event;
	__u64 now;

	if (!handover || !process)
		return 0;
	if (!read_goroutine(&from, &handover->call, &process->go, from_g) ||
	    !read_goroutine(&to, &handover->call, &process->go, to_g)) {
		process->handovers_lost++;
		return 0;
	}
	/* g0: a timer's */
	if (!from.id || !to.id || from.id == to.id)
		return 0;
	if (from.start_pc == process->go.read_loop_start_pc && !is_library(&to, &process->go))
		way = HANDOVER_ANSWERS;
	else if (is_library(&from, &process->go) || is_library(&to, &process->go))
		return 0;
	/* What has no size is a token, or a sign that something is done. */
	if (way != HANDOVER_ANSWERS && channel && (__u16)read_u64(channel + CHANNEL_SIZE)) {
		way = read_u64(channel + CHANNEL_CAPACITY) ? HANDOVER_GIVES_BUFFERED : HANDOVER_GIVES;
		type = read_u64(channel + process->go.receive_queue - CHANNEL_TYPE);
	}
	now = bpf_ktime_get_ns();
	if (!within_rate(&handover->caller, process, now, sizeof(*event))) {
		process->handovers_lost++;
		count(LOSS_RATE_LIMITED);
		return 0;
	}
	event = bpf_ringbuf_reserve(&socket_data, sizeof(*event), 0);
	if (!event) {
		process->handovers_lost++;
		count(LOSS_RING_FULL);
		return 0;
	}
	event->header.kind = EVENT_HANDOVER;
	event->header.length = sizeof(*event);
	event->header.timestamp_ns = now;
	event->header.tgid = handover->caller.tgid;
	event->header.pid = handover->caller.pid;
	event->from_id = from.id;
	event->from_creator = from.creator;
	event->from_read_ns = from.read_ns;
	event->from_start_pc = from.start_pc;
	event->to_id = to.id;
	event->to_creator = to.creator;
	event->to_read_ns = to.read_ns;
	event->to_start_pc = to.start_pc;
	event->value_type = type;
	event->way = way;
	event->lost = process->handovers_lost;
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
	return 0;
}

/* send(c *hchan, sg *sudog, ...): the current goroutine's value goes to the one that waits. */
static __always_inline int go_sends(__u64 channel, __u64 sudog, __u64 g)
{
	struct process_control *process = NULL;
	struct go_handover *handover = handover_scratch(&process);

	if (!handover)
		return 0;
	return tell_handover(handover, process, g, read_u64(sudog), channel);
}

/*
 * recv(c *hchan, sg *sudog, ...): the current goroutine gets the value of the one that waits; from a channel with a
 * buffer it gets an earlier one, of whom nobody knows.
 */
static __always_inline int go_receives(__u64 channel, __u64 sudog, __u64 g)
{
	struct process_control *process = NULL;
	struct go_handover *handover;

	if (read_u64(channel + CHANNEL_CAPACITY))
		return 0;
	handover = handover_scratch(&process);
	return handover ? tell_handover(handover, process, read_u64(sudog), g, channel) : 0;
}

/* closechan(c *hchan): all that wait to receive go on. */
static __always_inline int go_closes(__u64 channel, __u64 g)
{
	struct process_control *process = NULL;
	struct go_handover *handover = handover_scratch(&process);
	__u64 sudog;

	if (!handover)
		return 0;
	sudog = read_u64(channel + process->go.receive_queue);
	for (int i = 0; i < CLOSE_WAKES && sudog; i++) {
		tell_handover(handover, process, g, read_u64(sudog), 0);
		sudog = read_u64(sudog + SUDOG_NEXT);
	}
	return 0;
}

/*
 * readyWithTime(s *sudog, ...), for semrelease1 for sync.runtime_Semrelease for whom the frame pointers tell: locks wake
 * so too, and say nothing; (*WaitGroup).Add wakes who waits until all is done.
 */
static __always_inline int go_releases(__u64 sudog, __u64 g, __u64 frame)
{
	struct process_control *process = NULL;
	struct go_handover *handover = handover_scratch(&process);

	if (!handover ||
	    read_u64(read_u64(frame) + 8) - process->go.wait_group_add >= process->go.wait_group_add_length)
		return 0;
	return tell_handover(handover, process, g, read_u64(sudog), 0);
}

#endif
