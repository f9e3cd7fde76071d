/* The variable of OTEP 4947, in the executable or in a library of its own, as an SDK's native part has it. */
#include <stddef.h>

__attribute__((visibility("default"), used)) __thread void *otel_thread_ctx_v1 = NULL;

__attribute__((noinline)) void attach_context(void *record)
{
	otel_thread_ctx_v1 = record;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}
