import { describe, expect, it } from 'vitest';
import { readObjectsText } from '../../src/machines/objects-file.ts';
import { documents, machine, problemsOf, profile, subnet } from './lab-texts.ts';

const second = 'kind: Machine\nname: post02\nprofile: dom0\n';

/** One fault a row: the object file, and the one problem that it has. */
const faults: readonly (readonly [rule: string, lab: string, problem: string])[] = [
  [
    'a kind that there is not',
    'kind: Machin\nname: x\n',
    'lab.yaml:1:7: Machin x: kind: expected Subnet, Profile, Machine, Environment, Role, Trigger, found Machin (did you mean Machine?)',
  ],
  ['no kind', 'name: x\n', 'lab.yaml:1:1: kind: expected Subnet, Profile, Machine, Environment, Role, Trigger'],
  [
    'a document that is a list',
    '- kind: Subnet\n',
    'lab.yaml:1:1: expected an object with kind: Subnet, Profile, Machine, Environment, Role, Trigger',
  ],
  [
    'an unknown key inside a list',
    documents(profile + 'menus: [{ path: /a, template: b, tempalte: c }]\n'),
    'lab.yaml:4:34: Profile dom0: menus[0].tempalte: unknown key (did you mean template?)',
  ],
  [
    'an unknown key unlike any',
    `${subnet}colour: red\n`,
    'lab.yaml:5:1: Subnet lab: colour: unknown key; known are kind, name, cidr, interface, serverAddress, mode, pool, router, dnsServers, domain, nextServer, leaseSeconds, unknown, pendingLeaseSeconds, parameters, option128, option129, option150',
  ],
  [
    'two subnets of one name',
    documents(subnet, subnet.replace('192.168.0.0', '192.168.1.0')),
    'lab.yaml:7:7: Subnet lab: name: expected a name of its own, lab is taken by the one at line 2',
  ],
  [
    'our own address outside the cidr',
    `${subnet}serverAddress: 10.0.0.1\n`,
    'lab.yaml:5:16: Subnet lab: serverAddress: expected an address of a host in 192.168.0.0/24, found 10.0.0.1',
  ],
  [
    'the broadcast address as router',
    `${subnet}router: 192.168.0.255\n`,
    'lab.yaml:5:9: Subnet lab: router: expected an address of a host in 192.168.0.0/24, found 192.168.0.255',
  ],
  [
    'a pool that is no range',
    `${subnet}pool: 192.168.0.100\n`,
    'lab.yaml:5:7: Subnet lab: pool: expected a range of addresses such as 192.168.0.100-192.168.0.199, found "192.168.0.100"',
  ],
  [
    'a pool of no addresses',
    `${subnet}pool: 192.168.0.300-192.168.0.400\n`,
    'lab.yaml:5:7: Subnet lab: pool: expected two IPv4 addresses with a dash between them',
  ],
  [
    'a pool upside down',
    `${subnet}pool: 192.168.0.9-192.168.0.8\n`,
    'lab.yaml:5:7: Subnet lab: pool: expected the lower address first, found 192.168.0.9 before 192.168.0.8',
  ],
  [
    'a pool that leaves the cidr',
    `${subnet}pool: 192.168.0.250-192.168.1.5\n`,
    'lab.yaml:5:7: Subnet lab: pool: expected addresses of hosts in 192.168.0.0/24, found 192.168.0.250-192.168.1.5',
  ],
  [
    'a pool with our own address in it',
    `${subnet}serverAddress: 192.168.0.9\npool: 192.168.0.9-192.168.0.20\n`,
    'lab.yaml:6:7: Subnet lab: pool: expected a range without our own address 192.168.0.9',
  ],
  [
    'a pool with the router in it',
    `${subnet}router: 192.168.0.20\npool: 192.168.0.9-192.168.0.20\n`,
    "lab.yaml:6:7: Subnet lab: pool: expected a range without the router's address 192.168.0.20",
  ],
  [
    'subnets that overlap on one interface',
    documents(subnet, 'kind: Subnet\nname: half\ncidr: 192.168.0.128/25\ninterface: br0\n'),
    'lab.yaml:8:7: Subnet half: cidr: expected a network of its own on br0, 192.168.0.128/25 overlaps 192.168.0.0/24 of Subnet lab',
  ],
  [
    'an unknown policy that there is not',
    `${subnet}unknown: boot\n`,
    'lab.yaml:5:10: Subnet lab: unknown: expected ignore, lease, pending or profile:NAME, found "boot"',
  ],
  [
    'an unknown policy with a profile that there is not',
    documents(`${subnet}unknown: profile:dom1\n`, profile),
    'lab.yaml:5:10: Subnet lab: unknown: expected the name of a Profile, there is no dom1 (did you mean dom0?)',
  ],
  [
    'a machine with a profile that there is not',
    documents(subnet, profile, machine.replace('profile: dom0', 'profile: domu')),
    'lab.yaml:13:10: Machine post01: profile: expected the name of a Profile, there is no domu (did you mean dom0?)',
  ],
  [
    'a MAC address that is none',
    documents(profile, second + 'nics: [{ mac: "52:54:00:00:01" }]\n'),
    'lab.yaml:8:15: Machine post02: nics[0].mac: expected a MAC address such as 52:54:00:00:00:01, found "52:54:00:00:01"',
  ],
  [
    'one MAC address, written in two ways, at two machines',
    documents(subnet, profile, machine, `${second}nics: [{ mac: 52-54-00-00-00-01 }]\n`),
    'lab.yaml:18:15: Machine post02: nics[0].mac: expected a MAC address of its own, 52:54:00:00:00:01 belongs to Machine post01',
  ],
  [
    'one address reserved twice',
    documents(subnet, profile, machine, `${second}nics: [{ mac: 52-54-00-00-00-02, address: 192.168.0.11 }]\n`),
    'lab.yaml:18:43: Machine post02: nics[0].address: expected an address of its own, 192.168.0.11 belongs to Machine post01',
  ],
  [
    'our own address reserved',
    documents(`${subnet}serverAddress: 192.168.0.11\n`, profile, machine),
    'lab.yaml:13:45: Machine post01: nics[0].address: expected an address of its own, 192.168.0.11 belongs to virtdom itself',
  ],
  [
    'an address outside all subnets',
    documents(profile, machine),
    'lab.yaml:7:45: Machine post01: nics[0].address: expected an address in one of the subnets, found 192.168.0.11',
  ],
  [
    'a network address reserved',
    documents(subnet, profile, machine.replace('192.168.0.11', '192.168.0.0')),
    'lab.yaml:12:45: Machine post01: nics[0].address: expected an address of a host in 192.168.0.0/24, found 192.168.0.0',
  ],
  [
    'a profile of the network without boot files',
    'kind: Profile\nname: bare\n',
    'lab.yaml:1:1: Profile bare: loaders: expected at least one boot file, such as bios: pxegrub, or boot: local',
  ],
  [
    'a loader outside the boot tree',
    'kind: Profile\nname: up\nloaders: { bios: ../pxegrub }\n',
    'lab.yaml:3:18: Profile up: loaders.bios: expected a path in the boot tree such as pxegrub or /ipxe/undionly.kpxe, or an http URL, found "../pxegrub"',
  ],
  [
    'option 150 without a menu',
    `${profile}menuByOption150: true\n`,
    'lab.yaml:4:18: Profile dom0: menuByOption150: expected at least one entry in menus, since option 150 names the first',
  ],
  [
    'a menu that stands twice',
    `${profile}menus: [{ path: "/{name}", template: a }, { path: "/{name}", template: b }]\n`,
    'lab.yaml:4:51: Profile dom0: menus[1].path: expected a path of its own, /{name} stands above already',
  ],
  [
    'a menu in our own folder',
    `${profile}menus: [{ path: /images/menu, template: a }]\n`,
    "lab.yaml:4:17: Profile dom0: menus[0].path: expected a path outside /images and /boot/v1, which are virtdom's own",
  ],
  [
    'a menu with a placeholder that there is not',
    `${profile}menus: [{ path: "/{uuid}", template: a }]\n`,
    'lab.yaml:4:17: Profile dom0: menus[0].path: expected an absolute path in the boot tree without .., in braces only {name}, {mac} or {mac-dashed}, found "/{uuid}"',
  ],
  [
    'an image that is none',
    `${profile}image: dom0@latest\n`,
    'lab.yaml:4:8: Profile dom0: image: expected an image such as dom0 or dom0@3, found "dom0@latest"',
  ],
  [
    'a stage that there is not',
    `${profile}stageSeconds: { kernal: 5 }\n`,
    'lab.yaml:4:17: Profile dom0: stageSeconds.kernal: unknown key (did you mean kernel?)',
  ],
  [
    'no time for a stage',
    `${profile}stageSeconds: { kernel: 0 }\n`,
    'lab.yaml:4:25: Profile dom0: stageSeconds.kernel: expected a whole number from 1 to 86400, found the number 0',
  ],
  [
    'a parameter that is a block',
    `${profile}parameters: { console: { port: 1 } }\n`,
    'lab.yaml:4:24: Profile dom0: parameters.console: expected text, a number, true or false, or a list of texts, found a block of keys',
  ],
  [
    'a name that YAML takes for a number',
    profile.replace('name: dom0', 'name: 7'),
    'lab.yaml:2:7: Profile: name: expected a name of lower-case letters, digits, dots and dashes, at most 63, found the number 7',
  ],
  [
    'a line break in a text that goes on the wire',
    `${subnet}domain: "lab\\nexample"\n`,
    'lab.yaml:5:9: Subnet lab: domain: expected a domain name, found "lab\\nexample"',
  ],
];

describe('objects', () => {
  it.each(faults)('are refused for %s, with the line and what was expected', (_, lab, problem) => {
    expect(problemsOf(lab)).toEqual([problem]);
  });

  it('are checked against each other in spite of a wrong key of theirs', () => {
    const lab = documents(subnet, `${profile}colour: red\n`, `${machine.replace('192.168.0.11', '10.0.0.1')}lables: {}\n`);
    expect(problemsOf(lab)).toEqual([
      expect.stringContaining('Profile dom0: colour: unknown key') as string,
      'lab.yaml:13:45: Machine post01: nics[0].address: expected an address in one of the subnets, found 10.0.0.1',
      'lab.yaml:15:1: Machine post01: lables: unknown key (did you mean labels?)',
    ]);
  });

  it('are not blamed for a profile or subnet that is there but wrong', () => {
    const lab = documents(subnet.replace('cidr: 192.168.0.0/24', 'cidr: 192.168.0.0'), profile.replace('pxegrub }', '5 }'), machine);
    expect(problemsOf(lab)).toHaveLength(2);
    expect(problemsOf(lab).join('\n')).not.toContain('Machine');
  });

  it('may share addresses and networks on different interfaces', () => {
    expect(problemsOf(documents(subnet, subnet.replace('lab', 'other').replace('br0', 'br1')))).toEqual([]);
  });

  it('may reserve an address inside the pool', () => {
    expect(problemsOf(documents(`${subnet}pool: 192.168.0.10-192.168.0.20\n`, profile, machine))).toEqual([]);
  });

  it('may do without a profile, and wait on a subnet that lets them', () => {
    const text = documents(`${subnet}unknown: pending\npendingLeaseSeconds: 60\n`, machine.replace('profile: dom0', 'ignored: true'));
    expect(problemsOf(text)).toEqual([]);
  });

  it('may lean on objects that are not in the file where it need not stand by itself', () => {
    const { documents: found, problems } = readObjectsText(machine, 'more.yaml', { whole: false });
    expect(problems).toEqual([]);
    expect(found).toMatchObject([{ kind: 'Machine', name: 'post01', profile: 'dom0' }]);
  });

  it('are found again by the pointers that a server answers with (RFC 6901)', () => {
    const { placeOf } = readObjectsText(documents(subnet, machine), 'lab.yaml');
    expect(placeOf('Machine', 'post01', '/nics/0/address')).toEqual({ file: 'lab.yaml', line: 8, column: 45 });
    expect(placeOf('Machine', 'post02', '')).toBeUndefined();
  });
});
