import { afterEach, beforeEach, expect, it } from 'vitest';
import { mac, Rig, rom, subnet } from './rig.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await new Rig().start();
});
afterEach(() => rig.remove());

it('begins a thousand boots of unknown clients in a minute, for a made-up MAC costs nothing, and those of our machines always', () => {
  const open = { ...subnet, unknown: { kind: 'profile' as const, profile: 'dom0' } };
  const stranger = (number: number): string => rig.desk.advise({ ...rom, mac: madeUp(number) }, open, 'DISCOVER').kind;
  const kinds = Array.from({ length: 1500 }, (_, number) => stranger(number));
  expect(kinds.filter((kind) => kind === 'boot')).toHaveLength(1000);
  expect(rig.desk.advise({ ...rom, mac: madeUp(1500) }, open, 'DISCOVER')).toMatchObject({
    kind: 'ignore',
    reason: 'over 1000 unknown clients began to boot within a minute: it will ask again',
  });
  expect(stranger(0), 'whose boot goes on').toBe('boot');
  expect(rig.desk.advise({ ...rom, mac }, open, 'DISCOVER').kind).toBe('boot');
  rig.clock.advance(60_000);
  expect(stranger(1500)).toBe('boot');
});

function madeUp(number: number): string {
  return `02:00:00:00:${(number >> 8).toString(16).padStart(2, '0')}:${(number & 255).toString(16).padStart(2, '0')}`;
}
