import { appendFileSync, existsSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConsoleLogs } from '../../src/agent/console-logs.ts';
import { HeldClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { scratchFolder } from './scratch.ts';

function rig(options: { readonly maxBytes?: number; readonly maxTotalBytes?: number } = {}) {
  const dir = scratchFolder();
  const clock = new HeldClock();
  const logs = new ConsoleLogs({ dir, xlDir: dir, clock, log: silentLog, ...options });
  return { dir, clock, logs, file: (vm: string) => join(dir, `guest-${vm}.log`) };
}

describe("guests' consoles", () => {
  it('have an end, that starts with a whole character', async () => {
    const { logs, file } = rig();
    writeFileSync(file('a'), 'boot\ngrüße');
    expect(await logs.tail('a', 100)).toBe('boot\ngrüße');
    expect(await logs.tail('a', 4)).toBe('ße');
    expect(await logs.tail('b', 100)).toBeUndefined();
  });

  const rows = [
    { name: 'a line', text: '-----VIRTDOM READY name=a address=10.12.0.10-----\r\n', ready: { address: '10.12.0.10' } },
    { name: 'a line without address', text: 'x\n-----VIRTDOM READY name=a-----\n', ready: {} },
    { name: 'a line with an empty address', text: '-----VIRTDOM READY name=a address=-----\n', ready: {} },
    { name: "another guest's line", text: '-----VIRTDOM READY name=b address=10.12.0.10-----\n', ready: undefined },
    { name: 'half a line', text: '-----VIRTDOM READY name=a addr', ready: undefined },
  ];
  it.each(rows)('say that a guest is ready by $name', async ({ text, ready }) => {
    const { logs, file } = rig();
    writeFileSync(file('a'), text);
    expect(await logs.ready('a')).toEqual(ready);
  });

  it('are looked through as they grow, also where a line was cut by a look', async () => {
    const { logs, file } = rig();
    writeFileSync(file('a'), `${'noise\n'.repeat(100_000)}-----VIRTDOM READY na`);
    expect(await logs.ready('a')).toBeUndefined();
    appendFileSync(file('a'), 'me=a address=10.12.0.10-----\n');
    expect(await logs.ready('a')).toEqual({ address: '10.12.0.10' });
  });

  it('of a domain before it say nothing of a new one of its name', async () => {
    const { logs, file } = rig();
    writeFileSync(file('a'), '-----VIRTDOM READY name=a-----\n');
    expect(await logs.ready('a')).toEqual({});
    await logs.begin('a');
    expect(await logs.ready('a')).toBeUndefined();
    writeFileSync(file('a'), 'booting\n');
    expect(await logs.ready('a')).toBeUndefined();
  });

  it('are found where a VM came from another host: xenconsoled knew it by another name then', async () => {
    const { logs, file } = rig();
    writeFileSync(file('a'), 'of a domain before\n');
    await logs.begin('a');
    writeFileSync(file('a--incoming'), 'still here\n-----VIRTDOM READY name=a-----\n');
    expect(await logs.tail('a', 100)).toMatch(/still here/);
    expect(await logs.ready('a')).toEqual({});
    await logs.begin('a');
    expect(await logs.tail('a', 100)).toBeUndefined();
    writeFileSync(file('a'), 'booting\n');
    expect(await logs.tail('a', 100)).toBe('booting\n');
  });

  it('are emptied when they grow too large, each and all together, and go on from there', async () => {
    const { logs, clock, file } = rig({ maxBytes: 100, maxTotalBytes: 150 });
    writeFileSync(file('a'), 'x'.repeat(101));
    writeFileSync(file('b'), 'x'.repeat(80));
    writeFileSync(file('c'), 'x'.repeat(90));
    await logs.ready('a');
    clock.advance(10_000);
    expect(['a', 'b', 'c'].map((vm) => statSync(file(vm)).size)).toEqual([0, 80, 0]);
    appendFileSync(file('a'), '-----VIRTDOM READY name=a-----\n');
    expect(await logs.ready('a')).toEqual({});
  });

  it('are removed with their VMs, the oldest first, when there are too many', () => {
    const { clock, dir, file } = rig();
    for (let count = 0; count < 520; count++) writeFileSync(file(`vm${count}`), 'x');
    utimesSync(file('vm7'), 1, 1);
    writeFileSync(join(dir, 'other.log'), 'x');
    clock.advance(10_000);
    expect(existsSync(file('vm7'))).toBe(false);
    expect(existsSync(join(dir, 'other.log'))).toBe(true);
  });
});
