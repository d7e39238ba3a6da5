import type { BootClient, BootDecision } from '../model/boot-decision.ts';
import type { Ipv4 } from '../model/ipv4.ts';
import type { Mac } from '../model/mac.ts';
import type { Machine } from '../model/machine.ts';
import type { OneShot } from '../model/one-shot.ts';
import type { Subnet } from '../model/subnet.ts';
import type { Attempt } from './attempt.ts';

/** What would be decided if a machine were switched on now, with every fact that it rests on. */
export interface DecisionNow {
  readonly decision: BootDecision;
  /** Without it the client is one that nobody knows, as it was seen last. */
  readonly machine?: Machine;
  readonly mac: Mac;
  /** As its last boot showed itself, else an ordinary BIOS ROM. */
  readonly client: BootClient;
  readonly clientFrom: 'last boot' | 'assumed';
  readonly subnet: Subnet;
  readonly subnetFrom: 'last boot' | 'reservation' | 'first subnet';
  /** Where the profile comes from: absent where there is none. */
  readonly profileFrom?: 'one-shot' | 'machine' | 'subnet' | 'waiting';
  readonly oneShot?: OneShot;
  readonly reservedAddress?: Ipv4;
  /** The one that goes on: it keeps what it pinned, whatever is decided now. */
  readonly running?: { readonly id: string; readonly profile: string; readonly image?: string };
}

export type DecisionNowResult = ({ readonly kind: 'decided' } & DecisionNow) | { readonly kind: 'unknown'; readonly reason: string };

/** The firmware that a machine is assumed to have until it was seen. */
export function assumedClient(mac: Mac, last: Attempt | undefined): Pick<DecisionNow, 'client' | 'clientFrom'> {
  if (last?.client !== undefined) return { client: { ...last.client, mac }, clientFrom: 'last boot' };
  return { client: { mac, arch: 'bios', face: 'firmware-pxe' }, clientFrom: 'assumed' };
}

export function profileOrigin(decision: BootDecision, machine: Machine | undefined): DecisionNow['profileFrom'] {
  if (decision.kind !== 'boot' && decision.kind !== 'local') return undefined;
  if (decision.oneShot !== undefined) return 'one-shot';
  if (decision.kind === 'boot' && decision.waiting === true) return 'waiting';
  return machine?.profile === undefined ? 'subnet' : 'machine';
}
