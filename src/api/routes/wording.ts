/** A moment as every resource tells it: RFC 3339, UTC. */
export function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}

/** Reasons hold what agents and their scripts said: as long as a resource takes. */
export function sentence(text: string): string {
  return text.slice(0, 4096);
}
