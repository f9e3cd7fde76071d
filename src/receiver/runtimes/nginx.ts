/**
 * nginx: the unit is the downstream connection. The epoll item of a socket holds its ngx_connection_t, whose first
 * field is, while an upstream is spoken to, the ngx_http_request_t ("HTTP" in its first four bytes), and that names
 * the downstream connection (src/http/ngx_http_request.h). Sessions of stream ("STRM") do the same, and cosockets of
 * lua-nginx-module name their request. Kernel memory and a few user loads; no symbol is needed.
 */
import { UnitKind } from "../../bpf/layout.gen.ts";
import { sectionNamed } from "../elf/elf-file.ts";
import { findImage } from "./images.ts";
import type { ProcessView } from "./process-view.ts";
import type { UnitFinding, UnitPlan } from "./unit-plan.ts";

const RUNTIME = "nginx";
const NAME = /^(?:nginx|openresty|tengine|angie|freenginx)/;

const PLAN: UnitPlan = {
  runtime: RUNTIME,
  version: "",
  unitKind: UnitKind.nginxRequest,
  steps: [{ step: "nginx_connection", operand: 0 }, { step: "to_unit" }],
  isFinal: true,
};

/** @returns undefined when the executable is none of nginx's family */
export async function findNginx(process: ProcessView): Promise<UnitFinding | undefined> {
  if (!NAME.test(process.executable.slice(process.executable.lastIndexOf("/") + 1))) return undefined;
  const image = await findImage(process, "executable");
  if (image === undefined || sectionNamed(image.elf, ".text") === undefined)
    return { runtime: RUNTIME, off: "the executable can't be read" };
  return PLAN;
}

/** What the path of an executable says by itself, before anything has been read: workers are forked a moment after exec. */
export function nginxPlanOf(executable: string): UnitPlan | undefined {
  return NAME.test(executable.slice(executable.lastIndexOf("/") + 1)) ? PLAN : undefined;
}
