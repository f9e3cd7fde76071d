/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Types that cross to user space, and that the generator of its decoder reads in the object. */
#ifndef SOCKSPAN_KEPT_TYPES_H
#define SOCKSPAN_KEPT_TYPES_H

#include "control.h"
#include "event.h"

/* Types that cross are kept in the object's BTF, also where no program names them. */
struct kept_types {
	enum direction direction;
	enum data_source data_source;
	enum unit_kind unit_kind;
	enum turn_phase turn_phase;
	enum cause_kind cause_kind;
	enum handover_way handover_way;
	enum event_flags event_flags;
	enum frame_segment_flags frame_segment_flags;
	enum process_action process_action;
	enum socket_role socket_role;
	enum event_kind event_kind;
	enum scope_kind scope_kind;
	enum unix_sockets unix_sockets;
	enum verdict_action verdict_action;
	enum verdict_flags verdict_flags;
	enum process_filter process_filter;
	enum process_flags process_flags;
	enum unit_step_kind unit_step_kind;
	enum loss_reason loss_reason;
	enum io_operation io_operation;
	enum file_type file_type;
	enum io_mode io_mode;
	struct socket_data_event socket_data_event;
	struct socket_state_event socket_state_event;
	struct frame_segment frame_segment;
	struct framing framing;
	struct process_event process_event;
	struct wake_event wake_event;
	struct unit_edge_event unit_edge_event;
	struct handover_event handover_event;
	struct stream_call_event stream_call_event;
	enum unit_edge unit_edge;
	struct trace_conf trace_conf;
	struct process_control process_control;
	struct trace_key trace_key;
	struct io_event io_event;
	struct trace_settings trace_settings;
	struct trace_request trace_request;
};
const struct kept_types *kept_types __attribute__((unused)) SEC(".kept");

#endif
