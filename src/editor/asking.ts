/** How long an answer is wanted. */
export interface Asking {
  readonly signal: AbortSignal;
}
