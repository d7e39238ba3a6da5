import type { Instances } from './vm-environment.ts';

/**
 * `waiting` for a place; `starting` from the durable claim on; `lost`: its host is silent and nobody knows; `recovering`: its death
 * is proved and it gets a new place; `error`: starts failed, a person has to clear it; `stopped`: not wanted (any more).
 */
export type VmState = 'stopped' | 'waiting' | 'starting' | 'running' | 'stopping' | 'migrating' | 'lost' | 'recovering' | 'error';

/** The right of one host to run one VM. It is durable before a start is sent, and ends by the agent's word or a death proof. */
export interface Claim {
  readonly host: string;
  /** The boot of the host that it was given to. */
  readonly boot: number;
  /** The agent session in which the start was sent. */
  readonly session: number;
  /** Counts the claims of this VM: the higher is the newer. */
  readonly seq: number;
  readonly takenMs: number;
  /** Of the command that starts it; none yet where the claim is only just taken. */
  readonly command?: string;
}

export interface VmCard {
  readonly mac: string;
  readonly bridge: string;
  readonly vlan?: number;
  /** As the environment's network says it, with one address of a range chosen. */
  readonly address: string;
  readonly gateway?: string;
}

export interface Vm {
  /** The domain's name too: `gateway-1`, `worker-17`. */
  readonly name: string;
  readonly environment: string;
  readonly instances: Instances;
  readonly uuid: string;
  readonly state: VmState;
  /** Why it is in this state, in words. */
  readonly reason: string;
  readonly sinceMs: number;
  /** More than one only while it migrates: the source's first. */
  readonly claims: readonly Claim[];
  /** `worker@3`, of the last start. */
  readonly image?: string;
  readonly memoryMib: number;
  readonly vcpus: number;
  readonly cards: readonly VmCard[];
  /** Starts that failed since the last that went well, and where. */
  readonly failures: readonly { readonly host: string; readonly atMs: number; readonly reason: string }[];
  /** When its domain was first seen to run, and what it said when it was ready. */
  readonly runningMs?: number;
  readonly ready?: { readonly atMs: number; readonly address?: string };
}

/** Why a VM is surely dead. */
export type DeathProof =
  | { readonly kind: 'power'; /** What was read back. */ readonly detail: string }
  | { readonly kind: 'rebirth'; /** The newer boot that said hello with its boot token. */ readonly boot: number }
  | { readonly kind: 'agent'; /** The session in which the agent said that there is no such domain. */ readonly session: number }
  | { readonly kind: 'operator'; readonly author: string };
