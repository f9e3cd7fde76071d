/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* User registers at a system call, by architecture. */
#ifndef SOCKSPAN_REGISTERS_H
#define SOCKSPAN_REGISTERS_H

#include "kernel/access.bpf.h"

#if defined(__TARGET_ARCH_x86)

enum system_call {
	CALL_READ = 0,
	CALL_WRITE = 1,
	CALL_PREAD64 = 17,
	CALL_PWRITE64 = 18,
	CALL_READV = 19,
	CALL_WRITEV = 20,
	CALL_SENDFILE = 40,
	CALL_SENDTO = 44,
	CALL_RECVFROM = 45,
	CALL_SENDMSG = 46,
	CALL_RECVMSG = 47,
	CALL_FUTEX = 202,
	CALL_SPLICE = 275,
	CALL_PREADV = 295,
	CALL_PWRITEV = 296,
	CALL_RECVMMSG = 299,
	CALL_SENDMMSG = 307,
	CALL_PREADV2 = 327,
	CALL_PWRITEV2 = 328,
	CALL_IO_URING_ENTER = 426,
};

struct call_registers {
	__u64 number;
	__u64 argument[6];
};

static __always_inline void call_registers(struct call_registers *call, const struct pt_regs *regs)
{
	call->number = regs->orig_ax;
	call->argument[0] = regs->di;
	call->argument[1] = regs->si;
	call->argument[2] = regs->dx;
	call->argument[3] = regs->r10;
	call->argument[4] = regs->r8;
	call->argument[5] = regs->r9;
}

#define GO_REGISTER(regs) ((regs)->r14)
/* Go's own calling convention, since 1.17 (abi-internal.md) */
#define GO_FIRST_ARGUMENT(regs) ((regs)->ax)
#define GO_SECOND_ARGUMENT(regs) ((regs)->bx)
#define GO_THIRD_ARGUMENT(regs) ((regs)->cx)
#define GO_FOURTH_ARGUMENT(regs) ((regs)->di)
#define FRAME_POINTER(regs) ((regs)->bp)
/* System V calling convention */
#define FIRST_ARGUMENT(regs) ((regs)->di)
#define SECOND_ARGUMENT(regs) ((regs)->si)
#define THIRD_ARGUMENT(regs) ((regs)->dx)
#define FOURTH_ARGUMENT(regs) ((regs)->cx)
#define RETURN_VALUE(regs) ((regs)->ax)
#define THREAD_POINTER(access, task) LOAD(access, task, thread.fsbase)

/* asm/thread_info.h: TS_COMPAT, set while a 32-bit system call runs */
static __always_inline bool is_compat_call(struct task_struct *task, const enum access access)
{
	return LOAD(access, task, thread_info.status) & 2;
}

#else
#error "registers of this architecture are not described"
#endif

#endif
