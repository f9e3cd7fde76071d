/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The unit of work that the thread is on, read from the runtime's own state by the steps that user space found. */
#ifndef SOCKSPAN_UNIT_H
#define SOCKSPAN_UNIT_H

#include "registers.bpf.h"

struct unit {
	__u64 coroutine_id;
	__u64 unit_id;
	__u64 turn_id;
};

/* A read that fails ends the walk: what is not read stays 0, never a guess. */
static __always_inline void walk_unit_steps(struct unit *unit, const struct process_control *process,
					    __u64 thread_pointer, __u64 go_register)
{
	__u64 value = 0;

	for (__u32 i = 0; i < UNIT_STEPS; i++) {
		const struct unit_step *step = &process->steps[i];
		__u32 kind = step->kind;

		if (kind == UNIT_STEP_LOAD) {
			__u64 loaded;

			if (bpf_probe_read_user(&loaded, sizeof(loaded), (void *)value))
				return;
			value = loaded;
		} else if (kind == UNIT_STEP_LOAD_32) {
			__u32 loaded;

			if (bpf_probe_read_user(&loaded, sizeof(loaded), (void *)value))
				return;
			value = loaded;
		} else if (kind == UNIT_STEP_FOLLOW) {
			for (int hop = 0; hop < 4; hop++) {
				__u64 next;

				if (bpf_probe_read_user(&next, sizeof(next), (void *)value))
					return;
				if (!next)
					break;
				value = next;
			}
		} else if (kind == UNIT_STEP_THREAD_POINTER) {
			value = thread_pointer;
		} else if (kind == UNIT_STEP_REGISTER_G) {
			value = go_register;
		} else if (kind == UNIT_STEP_ABSOLUTE) {
			value = 0;
		} else if (kind == UNIT_STEP_TO_COROUTINE) {
			unit->coroutine_id = value;
		} else if (kind == UNIT_STEP_TO_UNIT) {
			unit->unit_id = value;
		} else if (kind == UNIT_STEP_TO_TURN) {
			unit->turn_id = value;
		} else if (kind != UNIT_STEP_ADD) {
			return;
		}
		value += step->operand;
	}
}

#endif
