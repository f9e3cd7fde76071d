/**
 * What costs the host or the process more than system calls do, so that it is told of a process only while its calls need
 * it: what goroutines hand over, and which thread wakes which.
 */
export type Watched = "handovers" | "wakes";

export type Watch = (tgid: number, what: Watched, isOn: boolean) => void;
