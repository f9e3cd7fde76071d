/**
 * What costs the host or the process more than system calls do, so that it is told of a process only while its calls need
 * it: jobs that goroutines hand over, who asks for calls that one goroutine writes for all, which goroutine serves which stream,
 * which async functions of Node go on, and which thread wakes which.
 */
export type Watched = "handlers" | "handovers" | "jobs" | "streams" | "wakes";

export type Watch = (tgid: number, what: Watched, isOn: boolean) => void;
