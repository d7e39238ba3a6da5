import type { NewEvent } from '../src/events/event-store.ts';
import type { ObjectChange } from '../src/machines/object-store.ts';
import { silentLog } from '../src/log.ts';
import { openStore } from '../src/store/store.ts';

export const machineCount = 10_000;
/** The network of the benches: machines below, clients of perfdhcp above. */
export const bigSubnet = {
  kind: 'Subnet',
  name: 'lab',
  cidr: '10.77.0.0/16',
  interface: 'br0',
  serverAddress: '10.77.0.5',
  mode: 'authoritative',
  pool: '10.77.128.0-10.77.191.255',
  leaseSeconds: 600,
  unknown: 'lease',
} as const;

const roles = ['worker', 'gateway', 'storage', 'spare'] as const;
const kinds = ['boot.opened', 'boot.stage', 'boot.stage', 'boot.stage', 'boot.file', 'boot.file', 'boot.up', 'boot.stuck'] as const;

export function machineName(number: number): string {
  return `node${String(number).padStart(5, '0')}`;
}

/** Fills an empty database with a lab of 10,000 machines and a history of so many events, as the service would have. */
export async function fillBigLab(database: string, events: number, told: (line: string) => void): Promise<void> {
  const store = await openStore({ database, serverId: 'bench', log: silentLog });
  try {
    const put: ObjectChange[] = [{ kind: 'Subnet', name: 'lab', revision: 0, document: { ...bigSubnet } }];
    const menus = [{ path: '/grub/{name}.conf', template: 'menu.lst' }];
    const profile = { kind: 'Profile', name: 'dom0', loaders: { bios: 'pxegrub' }, menuByOption150: true, menus } as const;
    put.push({ kind: 'Profile', name: 'dom0', revision: 0, document: profile });
    for (let number = 0; number < machineCount; number++) {
      const name = machineName(number);
      const [high, low] = [Math.floor(number / 250), (number % 250) + 1];
      const mac = `52:54:01:00:${hex(number >> 8)}:${hex(number & 255)}`;
      const document = {
        kind: 'Machine',
        name,
        nics: [{ mac, address: `10.77.${high + 1}.${low}` }],
        profile: 'dom0',
        role: roles[number % roles.length],
        labels: { rack: `r${high}` },
      } as const;
      put.push({ kind: 'Machine', name, revision: 0, document });
    }
    const outcome = await store.objects.commit(put, 'bench', Date.now());
    if (outcome.kind !== 'done') throw new Error(`the lab was not taken: ${JSON.stringify(outcome.conflicts[0])}`);
    told(`${machineCount} machines`);
    const startMs = Date.now() - events * 100;
    for (let done = 0; done < events; done += 2_000) {
      const batch = Array.from({ length: Math.min(2_000, events - done) }, (_, index) => eventOf(done + index, startMs));
      await store.events.append(batch);
      if (done % 200_000 === 0) told(`${done} of ${events} events`);
    }
  } finally {
    await store.close();
  }
}

function eventOf(number: number, startMs: number): NewEvent {
  const kind = kinds[number % kinds.length] ?? 'boot.up';
  const machine = machineName(Math.floor(number / kinds.length) % machineCount);
  const isStuck = kind === 'boot.stuck' && number % 64 === 63;
  return {
    atMs: startMs + number * 100,
    kind: isStuck || kind !== 'boot.stuck' ? kind : 'boot.stage',
    severity: isStuck ? 'warning' : kind === 'boot.file' ? 'debug' : 'info',
    machine,
    attempt: `${machine}-${Math.floor(number / (kinds.length * machineCount))}`,
    detail: { elapsedMs: number % 90_000, stage: 'kernel', protocol: 'tftp', file: '/images/dom0@3/vmlinuz', bytes: 12_171_200 },
  };
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}
