import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { setDuty } from '../../../src/manager/ask/about-hosts.ts';
import { hostView } from '../../../src/manager/explain/views.ts';
import type { VmEnvironment } from '../../../src/model/vm-environment.ts';
import { Farm, environmentOf, fixed, roleOf } from './farm.ts';

const gateway = environmentOf({ name: 'gateway' });
const worker = environmentOf({ name: 'worker', instances: 'at-least-one', count: fixed(2), priority: 5 });

function file(image: string, number = 0) {
  const sha256 = createHash('sha256').update(`${image} ${number}`).digest('hex');
  return { name: 'vmlinuz', path: `/images/${image}/vmlinuz`, sha256, bytes: 1 };
}

function hashes(...refs: readonly string[]): readonly string[] {
  return refs.map((ref) => file(ref).sha256);
}

/** A farm whose images have a file each. */
function withFiles(environments: readonly VmEnvironment[]): Farm {
  const farm = new Farm({ environments });
  farm.imageFiles = (image) => [file(image)];
  return farm;
}

function wantedBy(farm: Farm): unknown {
  return farm.open('image.fetch').args['wanted'];
}

function images(farm: Farm, host: string): readonly string[] {
  const entry = farm.state.hosts.get(host);
  return entry === undefined ? [] : hostView(entry).images;
}

describe('the images of a role', () => {
  it('come to each of its hosts, one after the other and those of most priority first, also where no VM of them runs', () => {
    const farm = new Farm({ environments: [gateway, { ...worker, count: fixed(1) }] });
    farm.start('post01', 'post02');
    farm.settle();
    farm.wait(20_000);
    const fetched: string[] = [];
    for (let beats = 0; beats < 6; beats++) {
      fetched.push(...farm.fetches());
      farm.settle();
    }
    expect(images(farm, 'post01').toSorted()).toEqual(['gateway@1', 'worker@1']);
    expect(images(farm, 'post02').toSorted()).toEqual(['gateway@1', 'worker@1']);
    // The one that each has started a VM from came with that VM.
    expect(fetched.length).toBe(2);
    expect(farm.fetches()).toEqual([]);
  });

  it('wait for the VMs that start on their host', () => {
    const farm = new Farm({ environments: [gateway, { ...worker, paused: true }] });
    farm.start('post01');
    farm.beat(5);
    expect(farm.commands()).toEqual(['vm.create gateway-1 post01']);
    farm.environments = [gateway, { ...worker, memoryMib: 100_000 }];
    farm.changed();
    expect(farm.fetches()).toEqual([]);
    farm.settle();
    expect(farm.fetches()).toEqual(['worker@1 post01']);
  });

  it('are asked for again after a failure, with growing pauses, and a failure of one keeps no other back', () => {
    const farm = new Farm({
      environments: [
        { ...gateway, memoryMib: 100_000 },
        { ...worker, memoryMib: 100_000 },
      ],
    });
    farm.start('post01');
    const times: number[] = [];
    farm.beat(4);
    const seen: string[] = [];
    for (let count = 0; count < 3; count++) {
      seen.push(...farm.fetches());
      farm.refuse(farm.open('image.fetch'), { code: 'unreachable', reason: 'no answer', domain: 'unknown' });
      times.push(farm.monoMs);
      if (count === 0) {
        seen.push(...farm.fetches());
        farm.obey();
      }
      for (let beats = 0; beats < 100 && farm.fetches().length === 0; beats++) farm.beat();
    }
    times.push(farm.monoMs);
    expect(seen).toEqual(['worker@1 post01', 'gateway@1 post01', 'worker@1 post01', 'worker@1 post01']);
    expect(images(farm, 'post01')).toEqual(['gateway@1']);
    expect(times.slice(1).map((time, index) => Math.round((time - (times[index] ?? 0)) / 10_000))).toEqual([6, 12, 24]);
  });

  it('are fetched by eight hosts at a time, and by none that is drained', () => {
    const farm = new Farm({ environments: [{ ...worker, memoryMib: 100_000 }] });
    const names = Array.from({ length: 10 }, (_, index) => `post${String(index + 1).padStart(2, '0')}`);
    farm.start(...names);
    expect(farm.fetches()).toEqual([]);
    farm.beat(4);
    expect(farm.fetches()).toEqual(names.slice(0, 8).map((name) => `worker@1 ${name}`));
    farm.ask((draft) => setDuty('post09', 'draining')(draft, { author: 'anna' }));
    farm.obey();
    farm.look();
    expect(farm.fetches()).toEqual(['worker@1 post10']);
  });

  it('are not known of a host that has booted anew', () => {
    const farm = new Farm({ environments: [{ ...worker, memoryMib: 100_000 }] });
    farm.start('post01');
    farm.beat(4);
    farm.obey();
    expect(images(farm, 'post01')).toEqual(['worker@1']);
    farm.wait(60_000);
    farm.boot('post01');
    expect(images(farm, 'post01')).toEqual([]);
  });

  it('are fetched once each, however many a role has', () => {
    const many = Array.from({ length: 70 }, (_, index) => ({ ...worker, name: `kind${index}`, image: `kind${index}`, memoryMib: 100_000 }));
    const farm = new Farm({ environments: many });
    farm.start('post01');
    farm.beat(4);
    let fetched = 0;
    for (let turns = 0; turns < 100; turns++) {
      fetched += farm.fetches().length;
      farm.obey();
      farm.beat();
    }
    expect(fetched).toBe(70);
    expect(images(farm, 'post01')).toHaveLength(70);
  });

  it('do not wait for hosts that fell silent while they fetched', () => {
    const farm = new Farm({ environments: [{ ...worker, memoryMib: 100_000 }] });
    farm.start(...Array.from({ length: 40 }, (_, index) => `post${String(index + 1).padStart(2, '0')}`));
    farm.beat(4);
    for (const fetch of farm.fetches()) farm.silence(fetch.replace('worker@1 ', ''));
    farm.beat(5);
    expect(farm.fetches()).toHaveLength(16);
  });

  it('leave no history that would push out what matters, and one that fails everywhere is told once', () => {
    const farm = new Farm({ environments: [{ ...worker, memoryMib: 100_000 }] });
    farm.start('post01', 'post02', 'post03');
    farm.beat(4);
    farm.obey();
    farm.beat(11);
    expect(farm.state.ended.size).toBe(3);
    farm.beat(2);
    expect(farm.state.ended.size).toBe(0);
    farm.environments = [{ ...worker, image: 'other', memoryMib: 100_000 }];
    farm.changed();
    for (const command of farm.state.open.values()) farm.refuse(command, { code: 'checksum', reason: 'it is wrong' });
    expect(farm.told('command.failed')).toHaveLength(1);
  });

  describe('are asked for with the files that are wanted on the host', () => {
    it('which are those of all images of its role, also of those that rest for now', () => {
      const farm = withFiles([
        { ...worker, memoryMib: 100_000 },
        { ...gateway, paused: true },
        { ...gateway, name: 'idle', image: 'idle', count: fixed(0) },
      ]);
      farm.start('post01');
      farm.beat(4);
      expect(wantedBy(farm)).toEqual(hashes('worker', 'gateway', 'idle'));
    });

    it('and of what its VMs were started from, though their environment has another image by now', () => {
      const farm = withFiles([gateway]);
      farm.start('post01');
      farm.settle();
      farm.environments = [{ ...gateway, image: 'newer' }];
      farm.changed();
      farm.beat(4);
      expect(farm.vm('gateway-1').image).toBe('gateway@1');
      expect(wantedBy(farm)).toEqual(hashes('newer', 'gateway@1'));
    });

    it('but not of another role, nor of VMs elsewhere', () => {
      const farm = withFiles([worker, gateway]);
      farm.roles = [roleOf({ name: 'farm', environments: ['worker'] }), roleOf({ name: 'gates', environments: ['gateway'] })];
      farm.start('post01');
      farm.machines = [...farm.machines, { name: 'post02', nics: [], labels: {}, parameters: {}, role: 'gates' }];
      farm.start('post02');
      farm.settle();
      farm.environments = [{ ...worker, image: 'newer' }, gateway];
      farm.changed();
      farm.beat(4);
      expect(farm.fetches()).toEqual(['newer@1 post01']);
      expect(wantedBy(farm)).toEqual(hashes('newer', 'worker@1'));
    });

    it('and without them where they are too many to be said: then nothing is removed', () => {
      const farm = withFiles([{ ...worker, memoryMib: 100_000 }]);
      farm.imageFiles = (image) => Array.from({ length: 513 }, (_, number) => file(image, number));
      farm.start('post01');
      farm.beat(4);
      expect(farm.open('image.fetch').args).not.toHaveProperty('wanted');
    });

    it('which are not kept with the command when it has ended', () => {
      const farm = withFiles([{ ...worker, memoryMib: 100_000 }]);
      farm.start('post01');
      farm.beat(4);
      farm.obey();
      expect([...farm.state.ended.values()].map(({ args }) => Object.keys(args))).toEqual([['image', 'files']]);
    });
  });
});
