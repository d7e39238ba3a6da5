import type { BootClient, BootDecision } from '../model/boot-decision.ts';
import type { BootProfile } from '../model/boot-profile.ts';
import { formatImageRef, type ImageRef } from '../model/image-manifest.ts';
import type { Mac } from '../model/mac.ts';
import type { Machine } from '../model/machine.ts';
import type { OneShot } from '../model/one-shot.ts';
import { defaultPendingLeaseSeconds, type Subnet } from '../model/subnet.ts';
import { chooseLoader, expandPath } from './loader-choice.ts';
import { sameUuid } from './system-uuid.ts';
import { madeUpMachine } from './waiting.ts';

/** What an attempt that goes on decided first (one power-on, one answer). */
export interface Pinned {
  readonly machine: Machine;
  readonly mac: Mac;
  readonly profile: BootProfile;
  readonly image?: ImageRef;
  /** It has no assignment yet. */
  readonly waiting?: boolean;
}

/** What is true at the moment of a decision. An attempt that goes on brings what it pinned in place of today's state. */
export interface DecisionFacts {
  readonly subnet: Subnet;
  /** Our boot HTTP server as this subnet reaches it. */
  readonly httpUrl: string;
  /** The machine that has the client's MAC. */
  readonly machine?: Machine;
  /** The VM that has the client's MAC, in words. */
  readonly guest?: string;
  /** What the next boot of that machine is to be, once. */
  readonly oneShot?: OneShot;
  /** What waits for an assignment on subnets that are `pending`. */
  readonly waitingProfile: BootProfile;
  /** By name: the machine's, or the one that the subnet gives to unknown clients. */
  profile(name: string): BootProfile | undefined;
  /** The newest version of an image, or of `dom0@3` that very one; `undefined` where nothing is published. */
  resolveImage(name: string): ImageRef | undefined;
  readonly pinned?: Pinned;
}

/** What is to boot, and why. */
interface Assignment {
  readonly kind: 'assigned';
  readonly machine: Machine;
  readonly profile: BootProfile;
  readonly waiting?: true;
  readonly oneShot?: OneShot;
  readonly reason: string;
}

type Refusal = Extract<BootDecision, { kind: 'lease' | 'ignore' }>;

/**
 * What a machine gets now: the one decision that every protocol asks for. Pure: the same client and facts give the same
 * decision, and each result says why.
 */
export function decideBoot(client: BootClient, facts: DecisionFacts): BootDecision {
  const { subnet, pinned } = facts;
  if (pinned !== undefined) return bootOf(client, facts, pinned, 'as this attempt began');

  const assigned = assignmentFor(client, facts);
  if (assigned.kind !== 'assigned') return assigned;
  const { machine, profile, oneShot, waiting, reason } = assigned;
  const plan = { machine, mac: client.mac, profile, ...(oneShot !== undefined && { oneShot }), ...(waiting && { waiting }) };
  if (profile.boot === 'local' || profile.image === undefined) return bootOf(client, facts, plan, reason);
  const image = facts.resolveImage(profile.image);
  // An old image must not come back by accident, and a disk of unknown content must not start: say nothing, and why.
  if (image === undefined && client.face !== 'other')
    return {
      kind: 'ignore',
      reason: `profile ${profile.name} on subnet ${subnet.name} needs image ${profile.image}, which is not published: see virtdom image build`,
    };
  return bootOf(client, facts, { ...plan, ...(image !== undefined && { image }) }, reason);
}

function assignmentFor(client: BootClient, facts: DecisionFacts): Assignment | Refusal {
  const { machine, oneShot } = facts;
  if (machine === undefined && facts.guest !== undefined)
    return { kind: 'lease', reason: `${client.mac} is ${facts.guest}: it gets an address, its host starts it` };
  if (machine === undefined) return policyFor(client, facts, madeUpMachine(client.mac), `${client.mac} is no machine of ours`);
  if (machine.ignored === true) return { kind: 'ignore', reason: `${machine.name} is ignored: an operator said so` };
  const uuidDiffers = machine.uuid !== undefined && client.uuid !== undefined && !sameUuid(machine.uuid, client.uuid);
  const doubt = uuidDiffers ? ` (its UUID is ${client.uuid}, not ${machine.uuid}: moved NIC or lying firmware)` : '';
  const who = `${client.mac} is ${machine.name}${doubt}`;
  const wanted = oneShot?.profile ?? machine.profile;
  if (wanted === undefined) return policyFor(client, facts, machine, `${who}, which has no profile`);
  const profile = facts.profile(wanted);
  if (profile === undefined) return { kind: 'ignore', reason: `${machine.name} has profile ${wanted}, which is not defined` };
  if (oneShot === undefined) return { kind: 'assigned', machine, profile, reason: who };
  const asked = `one-shot boot of ${wanted}, asked for by ${oneShot.requestedBy} at ${new Date(oneShot.requestedMs).toISOString()}`;
  return { kind: 'assigned', machine, profile, oneShot, reason: `${who}; ${asked}` };
}

/** What the subnet gives to clients without an assignment. */
function policyFor(client: BootClient, facts: DecisionFacts, machine: Machine, who: string): Assignment | Refusal {
  const { name, unknown, pendingLeaseSeconds = defaultPendingLeaseSeconds } = facts.subnet;
  switch (unknown.kind) {
    case 'ignore':
      return { kind: 'ignore', reason: `${who}, and subnet ${name} ignores such clients` };
    case 'lease':
      return { kind: 'lease', reason: `${who}; subnet ${name} gives such clients an address` };
    case 'pending':
      if (client.face === 'other')
        return { kind: 'lease', leaseSeconds: pendingLeaseSeconds, reason: `${who}; subnet ${name} gives such clients a short lease` };
      return {
        kind: 'assigned',
        machine,
        profile: facts.waitingProfile,
        waiting: true,
        reason: `${who}; on subnet ${name} it waits for an assignment`,
      };
    case 'profile': {
      const profile = facts.profile(unknown.profile);
      if (profile === undefined)
        return { kind: 'ignore', reason: `${who}, and profile ${unknown.profile} of subnet ${name} is not defined` };
      return {
        kind: 'assigned',
        machine: { ...machine, profile: profile.name },
        profile,
        reason: `${who}; subnet ${name} boots such clients by profile ${profile.name}`,
      };
    }
  }
}

function bootOf(
  client: BootClient,
  { subnet, httpUrl }: DecisionFacts,
  { machine, mac, profile, image, waiting, oneShot }: Pinned & { readonly oneShot?: OneShot },
  because: string,
): BootDecision {
  const once = oneShot === undefined ? {} : { oneShot };
  if (profile.boot === 'local')
    return { kind: 'local', machine, profile, ...once, reason: `${because}; profile ${profile.name} boots from the machine's own disk` };
  const names = { name: machine.name, mac };
  const loader = chooseLoader(client, profile, names, httpUrl);
  if (loader.kind === 'none' && client.face !== 'other') return { kind: 'ignore', reason: `${machine.name}: ${loader.reason}` };
  const [menu] = profile.menus;
  // Who waits shows another face at each poll, and waits for the same.
  const face = waiting === true ? '' : `, ${client.face}`;
  return {
    kind: 'boot',
    machine,
    profile,
    subnet,
    nextServer: subnet.nextServer ?? subnet.serverAddress,
    ...(loader.kind === 'file' && { bootFile: loader.file }),
    ...(profile.menuByOption150 && menu !== undefined && { menuPath: expandPath(menu.path, names) }),
    ...(image !== undefined && { image }),
    ...(waiting && { waiting, leaseSeconds: subnet.pendingLeaseSeconds ?? defaultPendingLeaseSeconds }),
    ...once,
    reason: `${because}; profile ${profile.name}${image === undefined ? '' : ` with ${formatImageRef(image)}`}${face}`,
  };
}
