/** A timer that does not keep a Node process alive; elsewhere an ordinary one. Returns the function that stops it. */
export function quietTimer(work: () => void, ms: number): () => void {
  const timer: unknown = setTimeout(work, ms);
  (timer as { unref?: () => void }).unref?.();
  return () => clearTimeout(timer as number);
}
