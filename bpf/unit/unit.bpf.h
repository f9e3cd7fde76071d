/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The unit of work that the thread is on, read from the runtime's own state by the steps that user space found. */
#ifndef SOCKSPAN_UNIT_H
#define SOCKSPAN_UNIT_H

#include "unit/pool_job.bpf.h"
#include "kernel/registers.bpf.h"

struct unit {
	__u64 coroutine_id;
	__u64 unit_id;
	__u64 parent;
	__u64 count;
	__u64 turn_id;
	__u64 microtasks; /* of Node, that are over */
	__u32 kind; /* enum unit_kind */
	__u32 padding;
};

/* A unit of a process as a key of maps. */
struct unit_key {
	__u64 id;
	__u64 tgid;
};

/* What the runtime itself says a call is for. */
struct cause {
	__u64 id;
	__u64 request;
	__u32 kind; /* enum cause_kind */
	__u32 padding;
};

static __always_inline __u64 read_u64(__u64 address)
{
	__u64 value = 0;

	bpf_probe_read_user(&value, sizeof(value), (void *)address);
	return value;
}

/*
 * How often the thread has read by read(2) and its like, of whatever it was: a loop that waits for descriptors begins
 * most of its callbacks with one. `ahead`: the read that is just being told and not yet counted.
 */
static __always_inline __u64 turn_of(struct task_struct *task, bool ahead, const enum access access)
{
	if (!bpf_core_field_exists(struct task_io_accounting, syscr))
		return 0;
	return (LOAD(access, task, ioac.syscr) + ahead + 1) << 2;
}

#define TEXT_NEAR 8192 /* bytes: no loop's function is longer */

static __always_inline __u64 phase_at(__u64 return_address, __u64 poll)
{
	if (return_address == poll)
		return TURN_PHASE_POLL;
	return return_address - (poll - TEXT_NEAR) < 2 * TEXT_NEAR ? TURN_PHASE_OTHER : TURN_PHASE_UNKNOWN;
}

/*
 * A double that is a whole number from 0 to below 2^53; anything else is 0. By signs, without a branch: a verifier would go
 * all ways through what follows.
 */
static __always_inline __u64 whole_number(__u64 bits)
{
	__s64 shift = 1075 - (bits >> 52); /* a negative one has the sign above the exponent: out of range too */
	__s64 is_in_range = (~shift & (shift - 53)) >> 63;

	return (((bits & ((1ULL << 52) - 1)) | 1ULL << 52) >> (shift & 63)) & is_in_range;
}

/* Of v8::internal::MicrotaskQueue (src/execution/microtask-queue.h); user space has checked that it is of this form. */
#define MICROTASKS_QUEUED 0x08
#define MICROTASKS_FINISHED 0x28
#define MICROTASKS_RUN 0x4c

/* Node's async_id_fields (src/env.h, AsyncHooks::UidFields). */
static __noinline int node_ids(struct unit *unit, __u64 address)
{
	__u64 fields[3];

	if (!unit || bpf_probe_read_user(fields, sizeof(fields), (void *)address))
		return 0;
	unit->unit_id = whole_number(fields[0]);
	unit->parent = whole_number(fields[1]);
	unit->count = whole_number(fields[2]);
	return 0;
}

#define NGINX_HTTP_SIGNATURE 0x50545448 /* "HTTP", ngx_http_request.h */
#define NGINX_STREAM_SIGNATURE 0x4d525453 /* "STRM", of a session, which names its connection in the same place */

static __always_inline bool is_nginx_request(__u64 address)
{
	__u32 signature = 0;

	return address && !bpf_probe_read_user(&signature, 4, (void *)address) &&
	       (signature == NGINX_HTTP_SIGNATURE || signature == NGINX_STREAM_SIGNATURE);
}

/*
 * What an upstream connection names first: its request, or the cosocket of a Lua program, which names its request behind
 * seven pointers, or eight (struct ngx_http_lua_socket_tcp_upstream_s of lua-nginx-module).
 */
static __always_inline __u64 nginx_request(__u64 data)
{
	__u64 requests[2] = {};

	if (is_nginx_request(data))
		return data;
	if (!data || bpf_probe_read_user(requests, sizeof(requests), (void *)(data + 7 * 8)))
		return 0;
	for (int i = 0; i < 2; i++) {
		if (is_nginx_request(requests[i]))
			return requests[i];
	}
	return 0;
}

/*
 * The epoll item of a socket of nginx holds its ngx_connection_t (bit 0: instance). Its first field is, on an upstream
 * connection, the request, which starts with its signature and then names the downstream connection. Global functions are
 * verified once, and not again in each turn of their caller's loop.
 */
__noinline __u64 nginx_connection(__u64 sock)
{
	const struct sock *sk = (void *)sock;
	struct socket *socket = NULL;
	struct file *file = NULL;
	struct hlist_head *items = NULL;
	void *node = NULL;
	struct epitem *item;
	__u64 connection = 0, data = 0, request;

	if (!bpf_core_field_exists(struct file, f_ep))
		return 0;
	bpf_core_read(&socket, sizeof(socket), &sk->sk_socket);
	bpf_core_read(&file, sizeof(file), &socket->file);
	bpf_core_read(&items, sizeof(items), &file->f_ep);
	bpf_core_read(&node, sizeof(node), &items->first);
	if (!node)
		return 0;
	item = node - bpf_core_field_offset(struct epitem, fllink);
	bpf_core_read(&connection, sizeof(connection), &item->event.data);
	connection &= ~1ULL;
	if (bpf_probe_read_user(&data, 8, (void *)connection))
		return 0;
	request = nginx_request(data);
	if (request && bpf_probe_read_user(&connection, 8, (void *)(request + 8)))
		return 0;
	return connection;
}

/* Not the thread's own stack: that of the process's first one. */
static __always_inline __u64 initial_stack(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	return BPF_CORE_READ(task, mm, start_stack);
}

#define OBJECT_TYPE 8 /* Include/object.h */

/*
 * The state that greenlet (2.0 and later) keeps of each thread begins with the thread's main greenlet and the one that runs
 * (src/greenlet/TThreadState.hpp). The main one's type proves it: where a thread has no state yet, anything may lie there.
 */
static __always_inline __u64 running_greenlet(__u64 state, __u64 type)
{
	__u64 main_greenlet = read_u64(state);

	return main_greenlet && read_u64(main_greenlet + OBJECT_TYPE) == type ? read_u64(state + 8) : 0;
}

/*
 * Nothing, of which a verifier does not know that it is that: else it would go through all that follows once for each way on
 * which something has been found.
 */
struct unit no_unit;
struct pool_job no_job;

/* Read again rather than kept on the stack, which is full. */
static __always_inline __u64 nothing(void)
{
	return *(volatile __u64 *)&no_unit.unit_id;
}

/*
 * A read that fails ends the walk: what is not read stays 0, never a guess. What the steps before it have led to holds:
 * a greenlet that does no job of a pool is the unit itself.
 */
static __always_inline void walk_unit_steps(struct unit *unit, const struct process_control *process,
					    const struct caller *caller, __u64 socket, __u64 thread_pointer,
					    __u64 go_register)
{
	__u64 value = nothing(), pool_stack = nothing(), greenlet_state = nothing(), greenlet_type = nothing();
	__u64 node_fields = nothing();
	struct pool_job job = no_job;

	for (__u32 i = 0; i < UNIT_STEPS; i++) {
		const struct unit_step *step = &process->steps[i];
		__u32 kind = step->kind;

		if (kind == UNIT_STEP_LOAD) {
			__u64 loaded;

			if (bpf_probe_read_user(&loaded, sizeof(loaded), (void *)value))
				break;
			value = loaded;
		} else if (kind == UNIT_STEP_LOAD_32) {
			__u32 loaded;

			if (bpf_probe_read_user(&loaded, sizeof(loaded), (void *)value))
				break;
			value = loaded;
		} else if (kind == UNIT_STEP_FOLLOW) {
			for (int hop = 0; hop < 4; hop++) {
				__u64 next;

				if (bpf_probe_read_user(&next, sizeof(next), (void *)value))
					goto walked;
				if (!next)
					break;
				value = next;
			}
		} else if (kind == UNIT_STEP_GO) {
			unit->coroutine_id = read_u64(go_register + process->go.goid);
			break;
		} else if (kind == UNIT_STEP_NGINX_CONNECTION) {
			value = nginx_connection(socket);
		} else if (kind == UNIT_STEP_THREAD_POINTER) {
			value = thread_pointer;
		} else if (kind == UNIT_STEP_REGISTER_G) {
			value = go_register;
		} else if (kind == UNIT_STEP_ABSOLUTE) {
			value = nothing();
		} else if (kind == UNIT_STEP_INITIAL_STACK) {
			value = initial_stack();
		} else if (kind == UNIT_STEP_TO_COROUTINE) {
			unit->coroutine_id = value;
		} else if (kind == UNIT_STEP_TO_UNIT) {
			unit->unit_id = value;
		} else if (kind == UNIT_STEP_TO_PARENT) {
			unit->parent = value;
		} else if (kind == UNIT_STEP_TO_TURN) {
			unit->turn_id = value;
		} else if (kind == UNIT_STEP_TO_PHASE) {
			unit->turn_id |= phase_at(value, step->operand) + nothing();
			continue;
		} else if (kind == UNIT_STEP_NODE_IDS) {
			node_fields = step->operand;
			continue;
		} else if (kind == UNIT_STEP_NODE_MICROTASKS) {
			unit->microtasks = read_u64(step->operand + MICROTASKS_FINISHED);
			continue;
		} else if (kind == UNIT_STEP_POOL_JOB) {
			pool_stack = value;
			break;
		} else if (kind == UNIT_STEP_GREENLET) {
			greenlet_state = value;
			greenlet_type = step->operand;
			continue;
		} else if (kind == UNIT_STEP_MAIN_THREAD) {
			if (caller->tgid != caller->pid)
				break;
		} else if (kind != UNIT_STEP_ADD) {
			break;
		}
		value += step->operand;
	}
walked:
	if (node_fields)
		node_ids(unit, node_fields);
	/* Behind the loop, not in it: a verifier would go through it once for each step. */
	if (pool_stack && find_pool_job(&job, process, pool_stack)) {
		unit->unit_id = job.id;
		unit->kind = job.kind;
		unit->turn_id = 0;
	} else if (greenlet_type) {
		unit->unit_id = running_greenlet(greenlet_state, greenlet_type);
	}
}

#endif
