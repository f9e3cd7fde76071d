/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Where programs describe what they see: per-CPU arrays, of which each program has an element. */
#ifndef SOCKSPAN_SCRATCH_H
#define SOCKSPAN_SCRATCH_H

/* A program is not entered twice on a CPU (prog->active, or no preemption), so each has a place of its own. */
enum scratch {
	SCRATCH_ENTERED,
	SCRATCH_LEFT,
	SCRATCH_TCP_SEND,
	SCRATCH_UDP_SEND,
	SCRATCH_UDP6_SEND,
	SCRATCH_TCP_RECEIVE,
	SCRATCH_UDP_RECEIVE,
	SCRATCH_UDP6_RECEIVE,
	SCRATCH_CONNECT,
	SCRATCH_UNIX_SEND,
	SCRATCH_UNIX_RECEIVE,
	SCRATCHES, /* that describe calls */
	SCRATCH_GO_ASKED = SCRATCHES,
	SCRATCH_GO_HANDLER,
	GO_SCRATCHES,
};

#endif
