import type { HostBoot } from '../model/host.ts';

/** The boots that machines have proved by their hello, for those who want to know which boot of a machine runs. */
export interface ProvedBoots {
  newest(machine: string): HostBoot | undefined;
  /** The highest number of all that are known, 0 where there is none. */
  readonly latest: number;
  /** It is durable. Returns what its machine is to know, as JSON for it alone. */
  kept(boot: HostBoot, httpUrl: string): string;
}
