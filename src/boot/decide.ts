import type { BootClient, BootDecision } from '../model/boot-decision.ts';
import type { BootProfile } from '../model/boot-profile.ts';
import { formatImageRef, type ImageRef } from '../model/image-manifest.ts';
import { dashedMac, type Mac } from '../model/mac.ts';
import type { Machine } from '../model/machine.ts';
import type { Subnet } from '../model/subnet.ts';
import { chooseLoader, expandPath } from './loader-choice.ts';
import { sameUuid } from './system-uuid.ts';

/** What is true at the moment of a decision. An attempt that goes on brings what it pinned in place of today's state. */
export interface DecisionFacts {
  readonly subnet: Subnet;
  /** Our boot HTTP server as this subnet reaches it. */
  readonly httpUrl: string;
  /** The machine that has the client's MAC. */
  readonly machine?: Machine;
  /** By name: the machine's, or the one that the subnet gives to unknown clients. */
  profile(name: string): BootProfile | undefined;
  /** The newest version of an image, or of `dom0@3` that very one; `undefined` where nothing is published. */
  resolveImage(name: string): ImageRef | undefined;
  /** What the running attempt decided first (one power-on, one answer). */
  readonly pinned?: { readonly machine: Machine; readonly mac: Mac; readonly profile: BootProfile; readonly image?: ImageRef };
}

/** A machine made up for a client that is none of ours, where its subnet boots such clients: named by its MAC. */
function unknownMachine(mac: Mac, profile: string): Machine {
  return { name: dashedMac(mac).slice(3), nics: [{ mac }], profile, labels: {}, parameters: {} };
}

/**
 * What a machine gets now: the one decision that every protocol asks for. Pure: the same client and facts give the same
 * decision, and each result says why.
 */
export function decideBoot(client: BootClient, facts: DecisionFacts): BootDecision {
  const { subnet, pinned } = facts;
  if (pinned !== undefined) return bootOf(client, facts, pinned, 'as this attempt began');

  const found = machineFor(client, facts);
  if (found.kind !== 'machine') return found;
  const { machine, reason } = found;
  if (machine.profile === undefined) return { kind: 'ignore', reason: `${machine.name} has no profile` };
  const profile = facts.profile(machine.profile);
  if (profile === undefined) return { kind: 'ignore', reason: `${machine.name} has profile ${machine.profile}, which is not defined` };
  if (profile.boot === 'local')
    return { kind: 'local', machine, reason: `${reason}; profile ${profile.name} boots from the machine's own disk` };
  if (profile.image === undefined) return bootOf(client, facts, { machine, mac: client.mac, profile }, reason);
  const image = facts.resolveImage(profile.image);
  // An old image must not come back by accident, and a disk of unknown content must not start: say nothing, and why.
  if (image === undefined && client.face !== 'other')
    return {
      kind: 'ignore',
      reason: `profile ${profile.name} on subnet ${subnet.name} needs image ${profile.image}, which is not published: see virtdom image build`,
    };
  return bootOf(client, facts, { machine, mac: client.mac, profile, ...(image !== undefined && { image }) }, reason);
}

type Found =
  | { readonly kind: 'machine'; readonly machine: Machine; readonly reason: string }
  | Extract<BootDecision, { kind: 'lease' | 'ignore' }>;

function machineFor(client: BootClient, { machine, subnet }: DecisionFacts): Found {
  if (machine !== undefined) {
    const uuidDiffers = machine.uuid !== undefined && client.uuid !== undefined && !sameUuid(machine.uuid, client.uuid);
    const doubt = uuidDiffers ? ` (its UUID is ${client.uuid}, not ${machine.uuid}: moved NIC or lying firmware)` : '';
    return { kind: 'machine', machine, reason: `${client.mac} is ${machine.name}${doubt}` };
  }
  const { unknown } = subnet;
  switch (unknown.kind) {
    case 'ignore':
      return { kind: 'ignore', reason: `${client.mac} is no machine of ours, and subnet ${subnet.name} ignores such clients` };
    case 'pending':
    case 'lease':
      return { kind: 'lease', reason: `${client.mac} is no machine of ours; subnet ${subnet.name} gives such clients an address` };
    case 'profile':
      return {
        kind: 'machine',
        machine: unknownMachine(client.mac, unknown.profile),
        reason: `${client.mac} is no machine of ours; subnet ${subnet.name} boots such clients by profile ${unknown.profile}`,
      };
  }
}

function bootOf(
  client: BootClient,
  { subnet, httpUrl }: DecisionFacts,
  { machine, mac, profile, image }: NonNullable<DecisionFacts['pinned']>,
  because: string,
): BootDecision {
  if (profile.boot === 'local')
    return { kind: 'local', machine, reason: `${because}; profile ${profile.name} boots from the machine's own disk` };
  const names = { name: machine.name, mac };
  const loader = chooseLoader(client, profile, names, httpUrl);
  if (loader.kind === 'none' && client.face !== 'other') return { kind: 'ignore', reason: `${machine.name}: ${loader.reason}` };
  const [menu] = profile.menus;
  return {
    kind: 'boot',
    machine,
    profile,
    subnet,
    nextServer: subnet.nextServer ?? subnet.serverAddress,
    ...(loader.kind === 'file' && { bootFile: loader.file }),
    ...(profile.menuByOption150 && menu !== undefined && { menuPath: expandPath(menu.path, names) }),
    ...(image !== undefined && { image }),
    reason: `${because}; profile ${profile.name}${image === undefined ? '' : ` with ${formatImageRef(image)}`}, ${client.face}`,
  };
}
