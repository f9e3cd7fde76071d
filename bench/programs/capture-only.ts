/** The hooks of set a and a ring that is emptied unread, until SIGTERM; then the number of events that found it full. */
import { HookSet } from "../../src/bpf/feature.ts";
import { KernelCapture } from "../../test/kernel/capture/support/kernel-capture.ts";

using capture = new KernelCapture({ sends: HookSet.a, receives: HookSet.a, keepsEvents: false });
const timer = setInterval(() => capture.drain(), 2);
process.stdout.write("capturing\n");
await new Promise((resolve) => process.once("SIGTERM", resolve));
clearInterval(timer);
process.stdout.write(`lost ${capture.lost("ring_full")}\n`);
