/** What came of one attempt to send a request; the queue decides what follows. */
export type SendOutcome =
  | { readonly kind: "sent"; readonly rejectedItems: number; readonly message: string }
  | { readonly kind: "retry"; readonly reason: string; readonly serverDelayMs: number | undefined }
  | { readonly kind: "permanent"; readonly reason: string }
  | { readonly kind: "too_large"; readonly reason: string };

/** Sends one request, once. It never rejects: every failure is an outcome. An abort may return any outcome. */
export interface Sender<Body> {
  /** What the destination takes at most, where that is known before. */
  readonly maxSizeBytes?: number;
  start(): Promise<void>;
  send(request: QueuedRequest<Body>, signal: AbortSignal): Promise<SendOutcome>;
  close(): Promise<void>;
}

/** One request of a sender's format, as the queue holds it. */
export interface QueuedRequest<Body> {
  readonly body: Body;
  readonly itemCount: number;
  readonly sizeBytes: number;
}
