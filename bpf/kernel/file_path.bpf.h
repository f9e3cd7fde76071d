/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A file by its descriptor, and its path, which bpf_d_path gives to other kinds of programs only. */
#ifndef SOCKSPAN_FILE_PATH_H
#define SOCKSPAN_FILE_PATH_H

#include "kernel/access.bpf.h"

#define FILE_NAME_ROOM 256 /* NAME_MAX and a NUL */
#define FILE_PATH_ROOM (2048 - FILE_NAME_ROOM)
#define FILE_PATH_MASK 2047
#define FILE_PATH_STEPS 32

/* Names from the file up to the root of the reader, each with its NUL: user space turns them round. */
struct file_path {
	char names[FILE_PATH_ROOM + FILE_NAME_ROOM];
	__u32 length; /* here, since a verifier forgets what it knew of it: its paths join */
	__u32 is_cut; /* the beginning is missing: too long or too deep */
};

/* linux/errno.h: the call was cut short and goes on or is repeated; nothing to tell. */
static __always_inline bool is_interruption(__u64 error)
{
	return error == 4 /* EINTR */ || error == 11 /* EAGAIN */ || error >= 512 /* ERESTARTSYS and its like */;
}

static __always_inline struct file *file_of(__u32 fd)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **slots = BPF_CORE_READ(table, fd);
	struct file *file = NULL;

	if (fd < BPF_CORE_READ(table, max_fds))
		bpf_probe_read_kernel(&file, sizeof(file), slots + fd);
	return file;
}

/* Returns how many bytes of path->names are used. A path that is too long or too deep lacks its beginning. */
static __always_inline __u32 file_path(struct file_path *path, struct file *file)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct dentry *root = BPF_CORE_READ(task, fs, root.dentry);
	struct vfsmount *root_mount = BPF_CORE_READ(task, fs, root.mnt);
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	struct vfsmount *mount = BPF_CORE_READ(file, f_path.mnt);

	path->length = 0;
	path->is_cut = 1;
	for (int step = 0; step < FILE_PATH_STEPS; step++) {
		struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
		__u32 at = path->length;
		long length;

		if (dentry == root && mount == root_mount) {
			path->is_cut = 0;
			break;
		}
		if (dentry == parent || dentry == BPF_CORE_READ(mount, mnt_root)) {
			struct mount *here = (void *)mount - bpf_core_field_offset(struct mount, mnt);
			struct mount *above = BPF_CORE_READ(here, mnt_parent);

			if (above == here) { /* the root of the namespace; or pipes, which are nowhere */
				path->is_cut = 0;
				break;
			}
			dentry = BPF_CORE_READ(here, mnt_mountpoint);
			mount = (void *)above + bpf_core_field_offset(struct mount, mnt);
			continue;
		}
		if (at >= FILE_PATH_ROOM)
			break;
		length = bpf_probe_read_kernel_str(path->names + at, FILE_NAME_ROOM, BPF_CORE_READ(dentry, d_name.name));
		if (length <= 0)
			break;
		path->length = at + length;
		dentry = parent;
	}
	return path->length;
}

#endif
