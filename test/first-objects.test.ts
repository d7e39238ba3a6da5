import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { HeldClock } from '../src/clock.ts';
import { takeOverFirstObjects } from '../src/first-objects.ts';
import { CapturedLog } from '../src/log.ts';
import { ObjectBook } from '../src/machines/object-book.ts';
import { documents, folderWith, machine, profile, subnet } from './config/config-files.ts';
import { MemoryObjectStore } from './machines/memory-object-store.ts';

describe('the file that an empty database begins with', () => {
  let log: CapturedLog;
  let objects: ObjectBook;
  let file: string;

  beforeEach(async () => {
    log = new CapturedLog();
    objects = await ObjectBook.open({ store: new MemoryObjectStore(), clock: new HeldClock(), log });
    file = join(folderWith({ 'lab.yaml': documents(subnet, profile, machine) }), 'lab.yaml');
  });

  const takeOver = (): Promise<boolean> => takeOverFirstObjects({ objects, file, namedBy: 'virtdom.yaml', log });

  it('is taken over once; from then on the database counts', async () => {
    expect(await takeOver()).toBe(true);
    expect(objects.current.machines).toMatchObject([{ name: 'post01' }]);
    log.lines.length = 0;
    expect(await takeOver()).toBe(false);
    expect(log.lines).toEqual([]);
  });

  it('is told to differ later on, with what to do, and changes nothing', async () => {
    await takeOver();
    writeFileSync(file, documents(subnet, profile, machine.replace('post01', 'post02').replace(':01', ':02').replace('.11', '.12')));
    log.lines.length = 0;
    expect(await takeOver()).toBe(false);
    expect(log.lines).toMatchObject([
      { message: expect.stringMatching(/differs from the database/), fields: { next: `virtdom diff -f ${file}` } },
    ]);
    expect(objects.current.machines).toMatchObject([{ name: 'post01' }]);
  });

  it('is refused with file and line where it is wrong, and the database stays empty', async () => {
    writeFileSync(file, documents(subnet, machine));
    await expect(takeOver()).rejects.toThrow(/lab\.yaml:\d+:\d+: Machine post01: profile: expected the name of a Profile/);
    expect(objects.current.machines).toEqual([]);
  });

  it('is no obstacle to a database that has objects, however wrong it is by then', async () => {
    await takeOver();
    writeFileSync(file, 'kind: Nonsense\n');
    expect(await takeOver()).toBe(false);
  });
});
