import type { EventFilter, NewEvent } from '../../src/events/event-store.ts';

const firstMs = Date.UTC(2026, 10, 22);
const hour = (n: number): number => firstMs + n * 3_600_000;

function eventAt(more: Partial<NewEvent>, n: number): NewEvent {
  return { kind: 'x', severity: 'info', ...more, atMs: hour(n), detail: { n, ...more.detail } };
}

/** Events an hour apart, each told by its detail. Whatever keeps or tells events takes them through filters in the same way. */
export const filterEvents: readonly NewEvent[] = (
  [
    { kind: 'boot.opened', machine: 'post01', attempt: 'a1' },
    { kind: 'boot.file', severity: 'debug', machine: 'post01', attempt: 'a1' },
    { kind: 'boot.stuck', severity: 'warning', machine: 'post01', attempt: 'a1' },
    { kind: 'bootstrap.begun' },
    { kind: 'machine.assigned', machine: 'post02' },
    { kind: 'boot.opened', machine: 'post02', attempt: 'a2' },
    { kind: 'boot.failed', severity: 'error', machine: 'post02', attempt: 'a2' },
    { kind: 'template.published' },
    { kind: 'boot.nfs.mount', machine: 'post01', attempt: 'a3' },
    { kind: 'boot.nfs_x.read', severity: 'error', machine: 'post02', attempt: 'a3' },
    { kind: 'text.a', detail: { path: '/boot/vmlinuz-6.12' } },
    { kind: 'text.refused' },
    { kind: 'text.b', machine: 'rack-nine' },
    { kind: 'text.c', detail: { text: 'they say "no"' } },
    { kind: 'text.d', detail: { text: 'C:\\x\ny' } },
    { kind: 'text.e', detail: { text: '100%' } },
    { kind: 'text.f', detail: { text: '1000 axb' } },
    { kind: 'text.g', detail: { text: 'a_b' } },
    { kind: 'text.h', detail: { text: '主電源' } },
  ] satisfies Partial<NewEvent>[]
).map(eventAt);

const all = filterEvents.map((_, n) => n);

/** What is asked for, and the places of the events that are found. */
export const filterCases: readonly (readonly [string, EventFilter, readonly number[]])[] = [
  ['nothing', {}, all],
  ['no kinds', { kinds: [] }, all],
  ['all kinds', { kinds: ['*'] }, all],
  ['a kind', { kinds: ['boot.opened'] }, [0, 5]],
  ['two kinds', { kinds: ['machine.assigned', 'boot.opened'] }, [0, 4, 5]],
  ['a noun, and not another that begins like it', { kinds: ['boot.*'] }, [0, 1, 2, 5, 6, 8, 9]],
  ['a longer stem, whose underscore is no wild card', { kinds: ['boot.nfs.*'] }, [8]],
  ['a noun and a kind of it', { kinds: ['boot.*', 'boot.opened', 'template.published'] }, [0, 1, 2, 5, 6, 7, 8, 9]],
  ['a kind that never was', { kinds: ['nonsense'] }, []],
  ['warnings and worse', { severity: 'warning' }, [2, 6, 9]],
  ['debug and worse', { severity: 'debug' }, all],
  ['info and worse', { severity: 'info' }, all.filter((n) => n !== 1)],
  ['a noun and a severity', { kinds: ['boot.*'], severity: 'error' }, [6, 9]],
  ['a machine', { machine: 'post02' }, [4, 5, 6, 9]],
  ['a machine in another case, which is another', { machine: 'POST02' }, []],
  ['a machine and a severity', { machine: 'post01', severity: 'warning' }, [2]],
  ['an attempt', { attempt: 'a1' }, [0, 1, 2]],
  ['an attempt and a machine', { attempt: 'a3', machine: 'post01' }, [8]],
  ['a time from which on, and it belongs to it', { sinceMs: hour(17) }, [17, 18]],
  ['a time up to which, and it belongs to it', { untilMs: hour(1) }, [0, 1]],
  ['a moment', { sinceMs: hour(3), untilMs: hour(3) }, [3]],
  ['a time and a kind', { sinceMs: hour(1), untilMs: hour(9), kinds: ['boot.opened'] }, [5]],
  ['no text', { q: '' }, all],
  ['a word of the detail, in any case', { q: 'VMLINUZ' }, [10]],
  ['a word of the kind', { q: 'refus' }, [11]],
  ['a word of the machine', { q: 'Rack-' }, [12]],
  ['a quote', { q: 'say "no"' }, [13]],
  ['a backslash and a line end', { q: 'C:\\x\ny' }, [14]],
  ['a per cent sign, which is no wild card', { q: '100%' }, [15]],
  ['an underscore, which is no wild card', { q: 'a_b' }, [17]],
  ['letters beyond ASCII', { q: '電源' }, [18]],
  ['what nobody wrote', { q: 'nowhere' }, []],
  ['a text and a machine', { q: 'boot', machine: 'post02' }, [5, 6, 9]],
];
