/** What one unit of a process did to another, by its kind. */
import { UnitEdge, type UnitEdgeEvent } from "../../bpf/layout.gen.ts";
import { joinAnswered, noteCreation, noteThread } from "./evidence/exact.ts";
import type { ProcessWork } from "./process-work.ts";

export function noteEdge(work: ProcessWork, event: UnitEdgeEvent, order: number): void {
  const { edge, fromId, toId, header } = event;
  if (edge === UnitEdge.creates) noteCreation(work, event, order);
  else if (edge === UnitEdge.resumes || edge === UnitEdge.resumesDetached) work.resumed.goesOn(work, event);
  else if (edge === UnitEdge.makesObjects) work.javaMakers.made(work, event);
  else if (edge === UnitEdge.answers) joinAnswered(work, fromId, toId);
  else if (work.areThreadsInDoubt(header)) work.createdThreads.forget(toId);
  else if (edge === UnitEdge.createsThread) noteThread(work, event);
  else if (edge === UnitEdge.threadEnds) work.createdThreads.ended(toId, header.timestampNs);
}
