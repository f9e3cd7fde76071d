/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Frames of HotSpot's own code on x86-64, which has no tables and mostly no frame pointers: the code cache says of each
 * piece of code how large its frame is. Included by unwind.bpf.h.
 */
#ifndef SOCKSPAN_JAVA_H
#define SOCKSPAN_JAVA_H

/* Each takes 254 segments at most (memory/heap.cpp, mark_segmap_as_used), and freed neighbours may make more steps of it. */
#define SEGMENT_STEPS 24
#define SEGMENT_FREE 0xff

/* Words below rbp in an interpreted frame (cpu/x86/frame_x86.hpp: interpreter_frame_*_offset). */
#define INTERPRETED_SENDER_SP 8
#define INTERPRETED_METHOD 24
/* How far the arguments of a call may move the caller's stack. */
#define MAX_MOVED_BYTES 4096

#define MAX_PUSHED_WORDS 16
#define MAX_KEPT_WORDS 4
#define CALL_NEAR 0xe8

static __always_inline bool is_java_code(const struct sampling *s, __u64 address)
{
	return address - s->java.low < s->java.high - s->java.low;
}

static __always_inline bool is_interpreter(const struct sampling *s)
{
	return s->ip - s->java.interpreter_low < s->java.interpreter_high - s->java.interpreter_low;
}

/* @return 1: the frame is in code of HotSpot's, java_blob says of which */
__noinline int find_java_code(__u32 slot)
{
	struct sampling *s = sampling_of(slot);
	__u64 address, low, segments, segment;

	if (!s)
		return 0;
	s->java_blob = 0;
	if (is_interpreter(s))
		return 1;
	address = s->ip - s->is_return;
	if (address - s->java.heaps[0].low < s->java.heaps[0].high - s->java.heaps[0].low) {
		low = s->java.heaps[0].low;
		segments = s->java.heaps[0].segments;
	} else if (address - s->java.heaps[1].low < s->java.heaps[1].high - s->java.heaps[1].low) {
		low = s->java.heaps[1].low;
		segments = s->java.heaps[1].segments;
	} else if (address - s->java.heaps[2].low < s->java.heaps[2].high - s->java.heaps[2].low) {
		low = s->java.heaps[2].low;
		segments = s->java.heaps[2].segments;
	} else {
		return 0;
	}
	segment = (address - low) >> (s->java.segment_shift & 31);
	for (int step = 0; step < SEGMENT_STEPS; step++) {
		__u8 back;

		if (bpf_probe_read_user(&back, 1, (void *)(segments + segment)) || back == SEGMENT_FREE)
			return 0;
		if (!back) {
			s->java_blob = low + (segment << (s->java.segment_shift & 31)) + s->java.block_header;
			return 1;
		}
		segment -= back;
	}
	return 0;
}

static __always_inline void add_java_frame(struct sampling *s, __u64 word)
{
	add_frame(s, word | SCRIPT_FUNCTION);
	s->event.script_frames++;
}

/* The return address lies `above` bytes above rsp. */
static __always_inline int leave_frameless(struct sampling *s, __u32 above)
{
	if (!load(&s->ip, s->sp + above))
		return end_stack(s, STACK_END_UNREADABLE);
	s->sp += above + 8;
	s->is_return = 1;
	return s->ip ? true : end_stack(s, STACK_END_BOTTOM);
}

/* Of a stub that has pushed what it likes: a return address whose call leads into the stub, before where it is. */
static __always_inline int pushed_words(struct sampling *s)
{
	for (int words = 0; words < MAX_PUSHED_WORDS; words++) {
		__u64 address;
		struct {
			__u8 before[3];
			__u8 opcode;
			__s32 distance;
		} call;

		if (!load(&address, s->sp + 8 * words))
			return -1;
		if (!is_java_code(s, address) || bpf_probe_read_user(&call, sizeof(call), (void *)(address - sizeof(call))))
			continue;
		if (call.opcode == CALL_NEAR && address + call.distance > s->java_blob && address + call.distance <= s->ip)
			return words;
	}
	return -1;
}

static __always_inline int follow_interpreted(struct sampling *s, __u32 slot)
{
	__u64 method, sender, fp = s->fp;
	int more;

	if (load(&method, fp - INTERPRETED_METHOD) && method && !(method & 7))
		add_java_frame(s, method);
	if (!load(&sender, fp - INTERPRETED_SENDER_SP))
		sender = 0;
	more = follow_frame_pointer(slot);
	/* A compiled caller counts from where its stack ended before its arguments were moved. */
	if (more && sender - s->sp < MAX_MOVED_BYTES)
		s->sp = sender;
	return more;
}

/* The end of a method: pop rbp; cmp rsp, [r15 + offset of 1 or 4 bytes]; ja (the poll of a safepoint); ret. */
#define IS_POP(bytes) (((bytes) & 0xff) == 0x5d)
#define IS_POLL(bytes) (((bytes) & 0xffffff) == 0x673b49 || ((bytes) & 0xffffff) == 0xa73b49)
#define IS_BRANCH(bytes) (((bytes) & 0xffff) == 0x870f && ((bytes) >> 48 & 0xff) == 0xc3)
#define IS_RETURN(bytes) (((bytes) & 0xff) == 0xc3)

/*
 * The begin of one: push rbp; sub rsp, or sub rsp; mov [rsp + offset], rbp. Then a comparison with a word of the thread,
 * cmp dword [r15 + offset], which counts as part of it though the frame is there.
 */
#define HAS_PUSHED(before) ((before) >> 56 == 0x55)
#define IS_BARRIER(bytes) (((bytes) & 0xffffff) == 0x7f8141 || ((bytes) & 0xffffff) == 0xbf8141)
#define IS_SAVE(bytes) (((bytes) & 0xffffffff) == 0x246c8948)

#define FRAME_IS_THERE (-1)
#define FRAME_WITHOUT_RBP (-2) /* the caller's is still in the register */

/* Where a leaf stands: @return bytes from rsp to the return address, or one of these */
static __always_inline int frame_not_there(struct sampling *s)
{
	__u64 code = 0, bytes, before;
	__s32 complete = 0;

	if (s->is_return)
		return FRAME_IS_THERE;
	if (!load(&bytes, s->ip)) {
		bytes = 0;
	} else {
		if (IS_RETURN(bytes) || IS_POLL(bytes) || IS_BRANCH(bytes))
			return 0;
		if (IS_POP(bytes) && (IS_RETURN(bytes >> 8) || IS_POLL(bytes >> 8)))
			return 8;
	}
	if (s->java.is_code_offset) {
		if (bpf_probe_read_user(&code, 4, (void *)(s->java_blob + s->java.blob_code)))
			return FRAME_IS_THERE;
		code += s->java_blob;
	} else if (!load(&code, s->java_blob + s->java.blob_code)) {
		return FRAME_IS_THERE;
	}
	if (s->java.is_frame_complete_short) {
		__s16 value = 0;

		bpf_probe_read_user(&value, 2, (void *)(s->java_blob + s->java.blob_frame_complete));
		complete = value;
	} else {
		bpf_probe_read_user(&complete, 4, (void *)(s->java_blob + s->java.blob_frame_complete));
	}
	if (complete <= 0 || s->ip - code >= (__u32)complete)
		return FRAME_IS_THERE;
	if (IS_SAVE(bytes))
		return FRAME_WITHOUT_RBP;
	if (IS_BARRIER(bytes) || !load(&before, s->ip - 8) || IS_BARRIER(before))
		return FRAME_IS_THERE;
	return HAS_PUSHED(before) ? 8 : 0;
}

/* Some pieces of a method's code keep registers on the stack. Whoever has called a method is code of HotSpot's. */
static __always_inline __u32 moved_words(struct sampling *s, __u64 cfa)
{
	for (__u32 words = 0; words <= MAX_KEPT_WORDS; words++) {
		__u64 address;

		if (!load(&address, cfa - 8 + 8 * words))
			return 0;
		if (is_java_code(s, address))
			return words;
	}
	return 0;
}

/* @return 0 at the end of the stack */
__noinline int follow_java_frame(__u32 slot)
{
	struct sampling *s = sampling_of(slot);
	__s32 words = 0;
	__u64 cfa;
	int above;

	if (!s)
		return 0;
	if (!s->java_blob)
		return follow_interpreted(s, slot);
	add_java_frame(s, s->java_blob | JAVA_CODE_BLOB);
	if (bpf_probe_read_user(&words, sizeof(words), (void *)(s->java_blob + s->java.blob_frame_size)))
		return end_stack(s, STACK_END_UNREADABLE);
	if (words <= 0) {
		/* Stubs have a frame pointer, or none and no frame. */
		__u64 caller;
		int pushed;

		if (s->is_return)
			return follow_frame_pointer(slot);
		pushed = pushed_words(s);
		if (pushed >= 0)
			return leave_frameless(s, 8 * pushed);
		if (load(&caller, s->sp) && is_java_code(s, caller))
			return leave_frameless(s, 0);
		return follow_frame_pointer(slot);
	}
	above = frame_not_there(s);
	if (above >= 0)
		return leave_frameless(s, above);
	cfa = s->sp + 8 * (__u64)words;
	if (!s->is_return)
		cfa += 8 * moved_words(s, cfa);
	if ((above != FRAME_WITHOUT_RBP && !load(&s->fp, cfa - 16)) || !load(&s->ip, cfa - 8))
		return end_stack(s, STACK_END_UNREADABLE);
	s->sp = cfa;
	s->is_return = 1;
	return s->ip ? true : end_stack(s, STACK_END_BOTTOM);
}

#endif
