/**
 * What user space tells the kernel about a socket once it has looked at its first bytes.
 * The kernel may be late in obeying, or not obey at all: nothing here depends on it.
 */
export type Verdict =
  /** Nothing of it is wanted. Given only for connections seen from their first byte. */
  | { readonly mode: "drop" }
  /** The first bytes of each call. */
  | { readonly mode: "prefix"; readonly sizeBytes: number }
  /** Every byte. */
  | { readonly mode: "all" };
