/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Loads from the kernel's memory, by what the kernel lets a program do. */
#ifndef SOCKSPAN_ACCESS_H
#define SOCKSPAN_ACCESS_H

/* How a program may look at an object of the kernel that it holds. A constant in each, so that only one way is compiled. */
enum access {
	ACCESS_TRUSTED, /* an argument of the hook: direct loads, helpers take it */
	ACCESS_CAST,    /* bpf_rdonly_cast (6.2): direct loads */
	ACCESS_PROBE,   /* bpf_probe_read_kernel */
};

#define LOAD(access, pointer, field)                                                        \
	({                                                                                  \
		typeof((pointer)->field) value_;                                            \
		if ((access) == ACCESS_PROBE)                                               \
			bpf_core_read(&value_, sizeof(value_), &(pointer)->field);          \
		else                                                                        \
			value_ = (pointer)->field;                                          \
		value_;                                                                     \
	})

extern void *bpf_rdonly_cast(void *object, __u32 btf_id) __ksym __weak;

#define CAST(access, pointer, type) \
	((access) == ACCESS_CAST ? bpf_rdonly_cast(pointer, bpf_core_type_id_kernel(type)) : (void *)(pointer))

#endif
