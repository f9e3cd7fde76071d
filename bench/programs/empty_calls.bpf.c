/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The least that hooks on every system call cost: two programs that do nothing. */
char LICENSE[] __attribute__((section("license"), used)) = "Dual BSD/GPL";

__attribute__((section("tp_btf/sys_enter"), used)) int empty_sys_enter(void *context)
{
	return 0;
}

__attribute__((section("tp_btf/sys_exit"), used)) int empty_sys_exit(void *context)
{
	return 0;
}
