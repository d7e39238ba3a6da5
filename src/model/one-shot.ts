/** One boot by another profile, asked for by a person and used up exactly once: when the machine has fetched its kernel. */
export interface OneShot {
  readonly id: string;
  readonly machine: string;
  readonly profile: string;
  /** Wall-clock milliseconds. */
  readonly requestedMs: number;
  readonly requestedBy: string;
}
