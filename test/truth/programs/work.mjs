// What a handler does before, between and after its calls: shared by the Node programs.
import { readFile } from "node:fs/promises";

export function parseShape(url) {
  const { pathname, searchParams } = new URL(url, "http://localhost");
  return {
    id: pathname.slice(3),
    query: url.slice(url.indexOf("?")),
    work: searchParams.get("w") ?? "none",
    calls: Number(searchParams.get("n") ?? 1),
    mode: searchParams.get("m") ?? "seq",
    afterMs: Number(searchParams.get("p") ?? 0),
    attempts: searchParams.has("r") ? 2 : 1,
    patienceMs: Number(searchParams.get("t") ?? 60_000),
  };
}

export async function doWork(kind) {
  if (kind === "cpu") for (const end = performance.now() + 1; performance.now() < end; );
  else if (kind === "sleep") await new Promise((resolve) => setTimeout(resolve, 1 + Math.random() * 8));
  else if (kind === "file") await readFile("/etc/services");
}

/** @param call (path, patienceMs) => status; it fails when nobody answers in time */
export async function serve(request, response, call) {
  const shape = parseShape(request.url);
  const one = async (index) => {
    if (shape.mode !== "together") await doWork(shape.work);
    for (let attempt = 0; attempt < shape.attempts; attempt++) {
      const status = await call(`/h/${shape.id}.${index}${shape.query}`, shape.patienceMs).catch(() => 504);
      if (status !== 503) return;
    }
  };
  const indexes = Array.from({ length: shape.calls }, (_, index) => index + 1);
  if (shape.mode === "after") response.end("ok\n");
  if (shape.mode === "together") await doWork(shape.work);
  if (shape.mode === "par" || shape.mode === "together") await Promise.all(indexes.map(one));
  else for (const index of indexes) await one(index);
  if (shape.afterMs > 0) await new Promise((resolve) => setTimeout(resolve, shape.afterMs));
  if (shape.mode !== "after") response.end("ok\n");
}
