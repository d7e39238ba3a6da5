import { HeldClock } from '../../src/clock.ts';
import { CapturedLog } from '../../src/log.ts';
import { ObjectBook } from '../../src/machines/object-book.ts';
import type { ObjectDocument } from '../../src/machines/object-store.ts';
import { MemoryObjectStore } from './memory-object-store.ts';

export const lab: ObjectDocument = { kind: 'Subnet', name: 'lab', cidr: '192.168.0.0/16', interface: 'eth1', unknown: 'pending' };
export const dom0: ObjectDocument = { kind: 'Profile', name: 'dom0', loaders: { bios: 'pxegrub' } };
export const installer: ObjectDocument = { kind: 'Profile', name: 'installer', loaders: { bios: 'pxegrub' } };

/** `post01` with MAC ..:01 and address .1.1; numbers to 65,000. */
export function machineDocument(number: number, fields: Readonly<Record<string, unknown>> = {}): ObjectDocument {
  const name = `post${String(number).padStart(2, '0')}`;
  return { kind: 'Machine', name, nics: [{ mac: macOf(number), address: addressOf(number) }], ...fields };
}

export function macOf(number: number): string {
  return `52:54:00:00:${hex(number >> 8)}:${hex(number & 255)}`;
}

export function addressOf(number: number): string {
  return `192.168.${Math.floor(number / 250) + 1}.${(number % 250) + 1}`;
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}

/** A book over a store in memory, with these objects in it. */
export async function bookOf(...documents: readonly ObjectDocument[]) {
  const store = new MemoryObjectStore();
  const clock = new HeldClock();
  const log = new CapturedLog();
  store.fromElsewhere(
    documents.map((document) => ({ kind: document.kind, name: document.name, revision: 0, document })),
    'before',
    clock.now(),
  );
  let ids = 0;
  const newId = (): string => `id-${++ids}`;
  const book = await ObjectBook.open({ store, clock, log, newId });
  return { book, store, clock, log };
}

/** What this thread has worked so far, in milliseconds: other programs do not count. */
export function workedMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
