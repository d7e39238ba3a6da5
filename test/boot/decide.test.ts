import { describe, expect, it } from 'vitest';
import { decideBoot, type DecisionFacts } from '../../src/boot/decide.ts';
import type { BootClient } from '../../src/model/boot-decision.ts';
import type { BootProfile } from '../../src/model/boot-profile.ts';
import { builtInWaitingProfile } from '../../src/boot/waiting.ts';
import { dom0, ipxe, later, mac, oneShot, post01, rom, strangeMac, subnet } from './rig.ts';

const newest = { image: 'dom0', version: 3 };
const uuid = '00112233-4455-6677-8899-aabbccddeeff';

function facts(change: Partial<DecisionFacts> & { profiles?: readonly BootProfile[] } = {}): DecisionFacts {
  const { profiles = [dom0], ...rest } = change;
  return {
    subnet,
    httpUrl: 'http://192.168.0.5:8080',
    machine: post01,
    waitingProfile: builtInWaitingProfile,
    profile: (name) => profiles.find((profile) => profile.name === name),
    resolveImage: (name) => (name === 'dom0' ? newest : undefined),
    ...rest,
  };
}

function unknownTo(kind: 'ignore' | 'lease' | 'pending' | 'profile'): DecisionFacts {
  const { machine: _, ...rest } = facts({ subnet: { ...subnet, unknown: kind === 'profile' ? { kind, profile: 'dom0' } : { kind } } });
  return rest;
}

const { profile: _, ...unassigned } = post01;
const withLoaders = (loaders: BootProfile['loaders'], menus = dom0.menus): DecisionFacts =>
  facts({ profiles: [{ ...dom0, loaders, menus }] });

describe('which boot file each face of a machine is told', () => {
  const rows: readonly { name: string; client: BootClient; facts?: DecisionFacts; file: string | undefined }[] = [
    { name: 'a BIOS ROM gets the BIOS loader', client: rom, file: 'pxegrub' },
    { name: 'a ROM without option 93 counts as BIOS', client: { mac, face: 'firmware-pxe' }, file: 'pxegrub' },
    { name: 'UEFI gets its own loader', client: { ...rom, arch: 'uefi-x64' }, file: '/grub.efi' },
    {
      name: 'UEFI HTTP boot gets a URL (rule 9)',
      client: { mac, arch: 'http-x64', face: 'firmware-http' },
      file: 'http://192.168.0.5:8080/grub.efi',
    },
    { name: "an iPXE ROM gets what the profile says: QEMU's ROM is iPXE (rule 12)", client: ipxe, file: 'pxegrub' },
    { name: 'GRUB and the kernel are told no boot file', client: later, file: undefined },
    {
      name: 'iPXE that came from undionly.kpxe is not sent it again but its script (rule 12)',
      client: ipxe,
      facts: withLoaders({ bios: 'undionly.kpxe' }),
      file: 'http://192.168.0.5:8080/boot.ipxe',
    },
    {
      name: 'iPXE is not sent iPXE even where the profile says so (rule 12)',
      client: ipxe,
      facts: withLoaders({ bios: 'undionly.kpxe', ipxe: 'undionly.kpxe' }),
      file: 'http://192.168.0.5:8080/boot.ipxe',
    },
    {
      name: 'iPXE without a script gets the loader of its architecture',
      client: ipxe,
      facts: withLoaders({ bios: 'pxegrub' }, []),
      file: 'pxegrub',
    },
    { name: 'a loader path may hold the name', client: rom, facts: withLoaders({ bios: '/{name}/pxegrub' }), file: '/post01/pxegrub' },
  ];
  it.each(rows)('$name', ({ client, facts: given = facts(), file }) => {
    const decision = decideBoot(client, given);
    expect(decision).toMatchObject({ kind: 'boot', nextServer: '192.168.0.5', image: newest });
    expect(decision.kind === 'boot' ? decision.bootFile : 'no boot').toBe(file);
  });
});

describe('what is decided', () => {
  const local = { ...dom0, boot: 'local' as const };
  const other = { ...dom0, name: 'other', image: 'other' };
  const rows: readonly { name: string; client?: BootClient; facts: DecisionFacts; kind: string; reason: RegExp }[] = [
    { name: 'a machine of ours boots its profile', facts: facts(), kind: 'boot', reason: /is post01; profile dom0 with dom0@3/ },
    { name: 'a profile for the own disk gives an address only', facts: facts({ profiles: [local] }), kind: 'local', reason: /own disk/ },
    {
      name: 'a profile that is not defined is said',
      facts: facts({ profiles: [] }),
      kind: 'ignore',
      reason: /post01 has profile dom0, which is not defined/,
    },
    {
      name: 'firmware gets nothing while the image is not published: an unknown disk must not start instead',
      facts: facts({ resolveImage: () => undefined }),
      kind: 'ignore',
      reason: /image dom0, which is not published/,
    },
    {
      name: 'a running system keeps its address although the image is gone',
      client: later,
      facts: facts({ resolveImage: () => undefined }),
      kind: 'boot',
      reason: /post01/,
    },
    {
      name: 'a stranger is ignored where the subnet says so',
      client: { ...rom, mac: strangeMac },
      facts: unknownTo('ignore'),
      kind: 'ignore',
      reason: /no machine of ours/,
    },
    {
      name: 'a stranger gets an address where the subnet says so',
      client: { ...rom, mac: strangeMac },
      facts: unknownTo('lease'),
      kind: 'lease',
      reason: /an address/,
    },
    {
      name: 'a stranger boots where the subnet says so',
      client: { ...rom, mac: strangeMac },
      facts: unknownTo('profile'),
      kind: 'boot',
      reason: /by profile dom0/,
    },
    {
      name: 'a stranger waits where the subnet is pending',
      client: { ...rom, mac: strangeMac },
      facts: unknownTo('pending'),
      kind: 'boot',
      reason: /no machine of ours; on subnet lab it waits for an assignment; profile pending/,
    },
    {
      name: 'a machine without profile is treated as a stranger: ignored',
      facts: facts({ machine: unassigned }),
      kind: 'ignore',
      reason: /52:54:00:00:00:01 is post01, which has no profile, and subnet lab ignores such clients/,
    },
    {
      name: 'a machine without profile is treated as a stranger: an address',
      facts: facts({ machine: unassigned, subnet: { ...subnet, unknown: { kind: 'lease' } } }),
      kind: 'lease',
      reason: /which has no profile; subnet lab gives such clients an address/,
    },
    {
      name: 'a machine without profile is treated as a stranger: the profile of the subnet',
      facts: facts({ machine: unassigned, subnet: { ...subnet, unknown: { kind: 'profile', profile: 'dom0' } } }),
      kind: 'boot',
      reason: /post01, which has no profile; subnet lab boots such clients by profile dom0/,
    },
    {
      name: 'the profile of a subnet that is not defined is said',
      facts: facts({ machine: unassigned, subnet: { ...subnet, unknown: { kind: 'profile', profile: 'gone' } } }),
      kind: 'ignore',
      reason: /profile gone of subnet lab is not defined/,
    },
    {
      name: 'an ignored machine gets nothing, whatever it was to boot once',
      facts: facts({ machine: { ...post01, ignored: true }, oneShot: { ...oneShot, profile: 'dom0' } }),
      kind: 'ignore',
      reason: /post01 is ignored: an operator said so/,
    },
    {
      name: 'what is to be booted once takes the place of the profile, and is not forgotten where it is not defined',
      facts: facts({ oneShot }),
      kind: 'ignore',
      reason: /post01 has profile installer, which is not defined/,
    },
    {
      name: 'a UUID in the other byte order is the same machine (rule 2)',
      client: { ...rom, uuid: '33221100-5544-7766-8899-aabbccddeeff' },
      facts: facts({ machine: { ...post01, uuid } }),
      kind: 'boot',
      reason: /^(?!.*UUID)/,
    },
    {
      name: 'another UUID boots, since UUIDs lie, and is said (rule 2)',
      client: { ...rom, uuid: '99999999-5544-7766-8899-aabbccddeeff' },
      facts: facts({ machine: { ...post01, uuid } }),
      kind: 'boot',
      reason: /its UUID is 99999999/,
    },
    {
      name: 'iPXE for which there is only iPXE is left alone, and why',
      client: ipxe,
      facts: withLoaders({ bios: 'undionly.kpxe' }, []),
      kind: 'ignore',
      reason: /nothing for iPXE but iPXE itself/,
    },
    {
      name: 'firmware without a loader is left alone, and why',
      client: { ...rom, arch: 'uefi-arm64' },
      facts: facts(),
      kind: 'ignore',
      reason: /no loader for uefi-arm64/,
    },
    {
      name: 'an attempt that goes on keeps its image and profile (rule 5)',
      client: later,
      facts: facts({ profiles: [other], pinned: { machine: post01, mac, profile: dom0, image: { image: 'dom0', version: 2 } } }),
      kind: 'boot',
      reason: /as this attempt began; profile dom0 with dom0@2/,
    },
  ];
  it.each(rows)('$name', ({ client = rom, facts: given, kind, reason }) => {
    const decision = decideBoot(client, given);
    expect(decision.kind).toBe(kind);
    expect(decision.reason).toMatch(reason);
  });

  it('names the first menu where the profile wants option 150 (rule 11)', () => {
    expect(decideBoot(later, facts())).toMatchObject({ menuPath: '/grub/post01.conf' });
    expect(decideBoot(later, facts({ profiles: [{ ...dom0, menuByOption150: false }] }))).not.toHaveProperty('menuPath');
  });

  it.each(['ignore', 'pending', 'profile'] as const)('gives a VM an address where strangers get %s', (kind) => {
    const decision = decideBoot({ ...rom, mac: strangeMac }, { ...unknownTo(kind), guest: 'VM worker-7 of environment worker' });
    expect(decision).toEqual({
      kind: 'lease',
      reason: '02:00:00:00:00:99 is VM worker-7 of environment worker: it gets an address, its host starts it',
    });
  });

  it('boots a machine whose MAC a VM has as well: what people wrote counts', () => {
    expect(decideBoot(rom, facts({ guest: 'VM x' })).kind).toBe('boot');
  });

  it('names a stranger by its MAC', () => {
    expect(decideBoot({ ...rom, mac: strangeMac }, unknownTo('profile'))).toMatchObject({ machine: { name: '02-00-00-00-00-99' } });
  });

  it('gives the next server of the subnet where another machine has the files', () => {
    expect(decideBoot(rom, facts({ subnet: { ...subnet, nextServer: '192.168.0.6' } }))).toMatchObject({ nextServer: '192.168.0.6' });
  });
});
