import type { AgentCommandName } from './protocol.ts';

interface CommandSpec {
  /** How long the agent may wait before it begins. */
  readonly withinMs: number;
  /** Without an answer for so long it has expired: then only a new session tells what became of it. */
  readonly answerMs: number;
  /** It may bring a domain to life: it carries a nonce, and until it is answered nothing proves that there is none. */
  readonly starts?: boolean;
  /** Forgotten so soon after its end, ahead of the rest. */
  readonly keptMs?: number;
}

/** Fetching an image over a slow network is in `answerMs`, and what a guest takes to shut down. */
export const commandSpecs: Readonly<Record<AgentCommandName, CommandSpec>> = {
  'vm.create': { withinMs: 60_000, answerMs: 900_000, starts: true },
  'vm.shutdown': { withinMs: 60_000, answerMs: 300_000 },
  'vm.destroy': { withinMs: 60_000, answerMs: 180_000 },
  'vm.reboot': { withinMs: 60_000, answerMs: 300_000, starts: true },
  'vm.pause': { withinMs: 30_000, answerMs: 90_000 },
  'vm.unpause': { withinMs: 30_000, answerMs: 90_000 },
  'vm.receive': { withinMs: 30_000, answerMs: 90_000 },
  'vm.migrate': { withinMs: 60_000, answerMs: 420_000, starts: true },
  // Its answer is long, and was handed on.
  'vm.console': { withinMs: 15_000, answerMs: 30_000, keptMs: 10_000 },
  // One for each image on each host.
  'image.fetch': { withinMs: 300_000, answerMs: 1_200_000, keptMs: 60_000 },
  'network.up': { withinMs: 60_000, answerMs: 180_000 },
  'network.down': { withinMs: 60_000, answerMs: 180_000 },
  'host.reboot': { withinMs: 60_000, answerMs: 180_000 },
};
