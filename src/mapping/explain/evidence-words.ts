/** What each kind of evidence says, in a sentence for people. docs/joining.md has the whole story. */

const WORDS: ReadonlyMap<string, string> = new Map([
  ["exchange", "the client's end of these very bytes was seen on this host"],
  ["carried", "the request carries the ids of its parent"],
  ["passed_on", "it carries what this request alone came with, and lies within it"],
  ["unit", "the unit of work that makes it had read exactly this request, unanswered"],
  ["after_answer", "the unit of work that makes it had answered this request, and has read no other since"],
  ["context", "it carries the context of this request"],
  ["creator", "the unit of work that makes it was created for this request"],
  ["waker", "the task that serves this request has woken the connection's task to send it"],
  ["handover", "this request's goroutine handed the job to the one that makes it, and got the result back"],
  ["wake", "its answer woke the thread that then answered this request"],
  ["answer_unit", "the unit of work that made it wrote this request's answer"],
  ["thread", "the thread that made it read and answered this request, and had no other"],
  ["answer_thread", "the worker thread that made it answered this request"],
  ["turn", "it was sent in the turn of the loop that began with this request's read"],
  ["connect", "its connection was opened in the turn of the loop that began with this request's read"],
  ["reply_turn", "this request was answered in the callback that read the call's own answer"],
  ["same_run", "it was made by the same code as a call whose answer's callback answered this request"],
  ["single", "the process served this request only, from before the call until the answer"],
  ["untrusted", "the request says so, and comes from a network that is not trusted"],
]);

/** @returns the name itself for evidence that has no words here */
export function evidenceWords(evidence: string): string {
  return WORDS.get(evidence) ?? evidence;
}
