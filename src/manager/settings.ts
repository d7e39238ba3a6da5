/** How long the manager waits for what. Milliseconds, but for what ends in `Seconds`. */
export interface ManagerSettings {
  /** How people see the bus: `embedded`, or the URL of a broker without its password. */
  readonly busKind: string;
  readonly tickMs: number;
  readonly beatMs: number;
  /** Without an answer to a beat a host is SUSPECT. */
  readonly silentMs: number;
  /** After the manager's own start, or its own return to the bus, hosts have so much longer: they reconnect spread over time. */
  readonly returnGraceMs: number;
  /** Beyond SUSPECT, until an at-least-one VM is given up in favour of a new one. */
  readonly giveUpGraceMs: number;
  /** The manager stood still for longer: nobody else is to blame for the silence. */
  readonly stallMs: number;
  /** Of hosts that were online; more of them silent together are a storm. */
  readonly stormShare: number;
  /** A VM that spreads waits so long for a host that comes up, rather than joining one of its own environment. */
  readonly comingUpMs: number;
  readonly fencePauseMs: number;
  readonly fencePauseMostMs: number;
  readonly leaderMs: number;
  /** Until another manager takes over, after the leader's time ran out. */
  readonly takeoverMs: number;
  /** Running for so long without failing, its failures are forgotten. */
  readonly failureQuietMs: number;
  /** From the last publication until an unanswered command is sent again. */
  readonly resendMs: number;
  readonly shutdownSeconds: number;
  /** For all but the memory of the VM, which takes as long as there is of it. */
  readonly migrateSeconds: number;
  /** Ended commands are kept for so long. */
  readonly historyMs: number;
}

export const defaultSettings: ManagerSettings = {
  busKind: 'embedded',
  tickMs: 1000,
  beatMs: 5000,
  silentMs: 15_000,
  returnGraceMs: 30_000,
  giveUpGraceMs: 0,
  stallMs: 5000,
  stormShare: 0.3,
  comingUpMs: 60_000,
  fencePauseMs: 10_000,
  fencePauseMostMs: 300_000,
  leaderMs: 30_000,
  takeoverMs: 30_000,
  failureQuietMs: 600_000,
  resendMs: 10_000,
  shutdownSeconds: 60,
  migrateSeconds: 300,
  historyMs: 7 * 24 * 3_600_000,
};
