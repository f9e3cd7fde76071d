/** The self-test's processes need no privilege. */

/** The kernel's overflow ids: nobody, on every distribution. */
const NOBODY = 65_534;

export function becomeNobody(): void {
  if (process.getuid?.() !== 0) return;
  process.setgroups?.([]);
  process.setgid?.(NOBODY);
  process.setuid?.(NOBODY);
}
