/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Stateless capture of socket calls. User space loads the programs of one hook set for sends and one for receives;
 * docs/kernel.md has the table.
 */
#include "kernel/kernel_types.bpf.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

#include "kernel/kept_types.bpf.h"
#include "socket/maps.bpf.h"
#include "unit/go_grpc.bpf.h"
#include "unit/go_handover.bpf.h"
#include "kernel/io_event.bpf.h"
#include "kernel/process.bpf.h"
#include "socket/raw_call.bpf.h"
#include "socket/state.bpf.h"
#include "unit/node.bpf.h"
#include "unit/thread.bpf.h"
#include "socket/unix.bpf.h"
#include "unit/wake.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Hook set a: tracepoints of the socket layer. */

SEC("tp_btf/tcp_sendmsg_locked")
int BPF_PROG(trace_tcp_sendmsg_locked, struct sock *sk, struct msghdr *msg)
{
	return tcp_send(sk, msg, call_scratch(SCRATCH_TCP_SEND));
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(trace_sock_send_length, struct sock *sk, int result)
{
	if (is_unix(sk))
		return unix_called(sk, result, 0, DIRECTION_EGRESS, call_scratch(SCRATCH_UNIX_SEND), ACCESS_CAST);
	return sent_length(sk, result, call_scratch(SCRATCH_UDP_SEND));
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(trace_sock_recv_length, struct sock *sk, int result, int flags)
{
	if (is_unix(sk))
		return unix_called(sk, result, flags, DIRECTION_INGRESS, call_scratch(SCRATCH_UNIX_RECEIVE),
				   ACCESS_CAST);
	if (trace_conf.unix_sockets == UNIX_SOCKETS_ALONE)
		return 0;
	return received(sk, NULL, result, flags, call_scratch(SCRATCH_TCP_RECEIVE));
}

/* Hook set b: function entry and exit at the same places. */

SEC("fentry/tcp_sendmsg_locked")
int BPF_PROG(enter_tcp_sendmsg_locked, struct sock *sk, struct msghdr *msg)
{
	return tcp_send(sk, msg, call_scratch(SCRATCH_TCP_SEND));
}

SEC("fentry/udp_sendmsg")
int BPF_PROG(enter_udp_sendmsg, struct sock *sk, struct msghdr *msg)
{
	return udp_send(sk, msg, call_scratch(SCRATCH_UDP_SEND));
}

SEC("fentry/udpv6_sendmsg")
int BPF_PROG(enter_udpv6_sendmsg, struct sock *sk, struct msghdr *msg)
{
	return udp_send(sk, msg, call_scratch(SCRATCH_UDP6_SEND));
}

SEC("fexit/tcp_recvmsg")
int exit_tcp_recvmsg(__u64 *context)
{
	return receive_returned(context, SCRATCH_TCP_RECEIVE);
}

SEC("fexit/udp_recvmsg")
int exit_udp_recvmsg(__u64 *context)
{
	return receive_returned(context, SCRATCH_UDP_RECEIVE);
}

SEC("fexit/udpv6_recvmsg")
int exit_udpv6_recvmsg(__u64 *context)
{
	return receive_returned(context, SCRATCH_UDP6_RECEIVE);
}

SEC("fexit/unix_stream_sendmsg")
int BPF_PROG(exit_unix_stream_sendmsg, struct socket *socket, struct msghdr *msg, __u64 length, int result)
{
	return unix_called(socket->sk, result, 0, DIRECTION_EGRESS, call_scratch(SCRATCH_UNIX_SEND), ACCESS_PROBE);
}

SEC("fexit/unix_stream_recvmsg")
int BPF_PROG(exit_unix_stream_recvmsg, struct socket *socket, struct msghdr *msg, __u64 size, int flags, int result)
{
	return unix_called(socket->sk, result, flags, DIRECTION_INGRESS, call_scratch(SCRATCH_UNIX_RECEIVE),
			   ACCESS_PROBE);
}

/* Hook set c: system calls, by direct loads or where there is no bpf_rdonly_cast by probe reads. */

SEC("tp_btf/sys_enter")
int BPF_PROG(trace_sys_enter, struct pt_regs *regs)
{
	return call_entered(regs, ACCESS_CAST);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(trace_sys_exit, struct pt_regs *regs, long result)
{
	return call_left(regs, result, ACCESS_CAST);
}

SEC("tp_btf/sys_enter")
int BPF_PROG(trace_sys_enter_probe, struct pt_regs *regs)
{
	return call_entered(regs, ACCESS_PROBE);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(trace_sys_exit_probe, struct pt_regs *regs, long result)
{
	return call_left(regs, result, ACCESS_PROBE);
}

/* Reads and writes of files, where asked for. */

SEC("tp_btf/sys_enter")
int BPF_PROG(io_sys_enter, struct pt_regs *regs)
{
	return io_entered(regs);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(io_sys_exit, struct pt_regs *regs, long result)
{
	return io_left(regs, result);
}

/* Life of connections and processes. */

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(trace_inet_sock_set_state, struct sock *sk, int old_state, int new_state)
{
	return state_changed(sk, old_state, new_state);
}

SEC("tp_btf/sched_waking")
int BPF_PROG(trace_sched_waking, struct task_struct *wakee)
{
	return thread_woken(wakee);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(trace_sched_process_fork, struct task_struct *parent, struct task_struct *child)
{
	return child->tgid == child->pid ? process_forked(parent, child) : thread_created(child);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(trace_sched_process_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	return process_executed(task, bprm);
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(trace_sched_process_exit, struct task_struct *task)
{
	if (task->signal->live.counter)
		thread_ended(task);
	else
		node_exited();
	return process_exited(task);
}

/* Uprobes, attached to the processes that have the functions: who makes tasks and jobs in CPython, */

SEC("uprobe")
int python_task(struct pt_regs *regs)
{
	return task_made(FIRST_ARGUMENT(regs), SECOND_ARGUMENT(regs));
}

SEC("uprobe")
int python_submit(struct pt_regs *regs)
{
	/* SimpleQueue.put(self, arguments, ...): an array. */
	return job_submitted(read_u64(SECOND_ARGUMENT(regs)));
}

SEC("uprobe")
int python_append(struct pt_regs *regs)
{
	/* deque.append(self, item) */
	return job_submitted(SECOND_ARGUMENT(regs));
}

SEC("uprobe")
int python_greenlet(struct pt_regs *regs)
{
	return greenlet_made(FIRST_ARGUMENT(regs), SECOND_ARGUMENT(regs));
}

SEC("uretprobe")
int python_context_copied(struct pt_regs *regs)
{
	return context_copied(RETURN_VALUE(regs));
}

SEC("uprobe")
int python_context_freed(struct pt_regs *regs)
{
	return context_freed(FIRST_ARGUMENT(regs));
}

/* who writes what its loop sends later, */

SEC("uprobe")
int python_room_asked(struct pt_regs *regs)
{
	struct sock *sk = (struct sock *)probe_socket(THIRD_ARGUMENT(regs));

	return room_asked(sk ? socket_id(sk, ACCESS_PROBE) : 0, SECOND_ARGUMENT(regs), FOURTH_ARGUMENT(regs));
}

/* who makes Ruby's threads, */

SEC("uprobe")
int ruby_thread_made(struct pt_regs *regs)
{
	return ruby_lock_made(regs);
}

SEC("uprobe")
int ruby_thread_ended(struct pt_regs *regs)
{
	return ruby_lock_destroyed(FIRST_ARGUMENT(regs));
}

/* for whom the async functions of Node go on, */

SEC("uprobe")
int node_await(struct pt_regs *regs)
{
	/* V8's builtins take their arguments in rax and rbx, and their context in rsi (interface-descriptors-x64). */
	return node_function_awaits(regs->ax, regs->bx);
}

SEC("uprobe")
int node_gen_await(struct pt_regs *regs)
{
	return node_generator_awaits(regs->ax, regs->bx);
}

SEC("uprobe")
int node_await_all(struct pt_regs *regs)
{
	return node_awaits_all(regs->sp);
}

SEC("uprobe")
int node_resume(struct pt_regs *regs)
{
	return node_resumes(regs->si);
}

SEC("uprobe")
int node_all_element(struct pt_regs *regs)
{
	return node_element(regs->si);
}

SEC("uprobe")
int node_drain(struct pt_regs *regs)
{
	return node_drains();
}

SEC("uprobe")
int node_collect(struct pt_regs *regs)
{
	return node_collected(SECOND_ARGUMENT(regs));
}

/* what HotSpot's virtual threads make, */

SEC("uprobe")
int java_thaw(struct pt_regs *regs)
{
	return java_thawed(FIRST_ARGUMENT(regs));
}

SEC("uprobe")
int java_freeze(struct pt_regs *regs)
{
	return java_froze(FIRST_ARGUMENT(regs));
}

/* hand-overs between goroutines, */

SEC("uprobe")
int go_send(struct pt_regs *regs)
{
	return go_sends(GO_FIRST_ARGUMENT(regs), GO_SECOND_ARGUMENT(regs), GO_REGISTER(regs));
}

SEC("uprobe")
int go_receive(struct pt_regs *regs)
{
	return go_receives(GO_FIRST_ARGUMENT(regs), GO_SECOND_ARGUMENT(regs), GO_REGISTER(regs));
}

SEC("uprobe")
int go_close(struct pt_regs *regs)
{
	return go_closes(GO_FIRST_ARGUMENT(regs), GO_REGISTER(regs));
}

SEC("uprobe")
int go_release(struct pt_regs *regs)
{
	return go_releases(GO_FIRST_ARGUMENT(regs), GO_REGISTER(regs), FRAME_POINTER(regs));
}

/* which goroutine begins with which stream, */

SEC("uprobe")
int go_http2_handler(struct pt_regs *regs)
{
	/* runHandler(sc, rw, req, ...) */
	return go_handler_begins(GO_SECOND_ARGUMENT(regs), GO_THIRD_ARGUMENT(regs), GO_REGISTER(regs));
}

SEC("uprobe")
int go_grpc_handler(struct pt_regs *regs)
{
	/* handleStream(s, t, stream): an interface is two words. */
	return go_handler_begins(GO_THIRD_ARGUMENT(regs), GO_FOURTH_ARGUMENT(regs), GO_REGISTER(regs));
}

/* who asks for the calls of grpc-go's client, */

SEC("uprobe")
int go_grpc_ask(struct pt_regs *regs)
{
	/* NewStream(t, ctx, ...): an interface is two words. */
	return grpc_call_asked(GO_THIRD_ARGUMENT(regs), GO_REGISTER(regs));
}

SEC("uprobe")
int go_grpc_put(struct pt_regs *regs)
{
	/* executeAndPut(c, f, item) */
	return grpc_item_put(GO_SECOND_ARGUMENT(regs), GO_FOURTH_ARGUMENT(regs), GO_REGISTER(regs));
}

SEC("uprobe")
int go_grpc_header(struct pt_regs *regs)
{
	/* writeHeader(l, streamID, endStream, fields, ...) */
	return grpc_header_written(GO_SECOND_ARGUMENT(regs), GO_FOURTH_ARGUMENT(regs), GO_REGISTER(regs));
}

/* tokio's wakers, and the list that takes new tasks in. */

SEC("uprobe")
int tokio_wake(struct pt_regs *regs)
{
	return task_woken(FIRST_ARGUMENT(regs));
}

SEC("uprobe")
int tokio_spawn(struct pt_regs *regs)
{
	return task_spawned(SECOND_ARGUMENT(regs));
}
