import { describe, expect, it } from 'vitest';
import { setDuty } from '../../../src/manager/ask/about-hosts.ts';
import { Farm, environmentOf, fixed } from '../core/farm.ts';

describe('who drains a host', () => {
  it('hears of each VM whether there is room for it elsewhere', () => {
    const farm = new Farm({
      environments: [
        environmentOf({ name: 'gateway', priority: 1 }),
        environmentOf({ name: 'lonely', constraints: { labels: {}, spread: false, apartFrom: [], excludes: ['lonely'] }, count: fixed(2) }),
      ],
    });
    farm.start('post01');
    farm.start('post02');
    farm.settle();
    const asked = farm.ask((draft) => setDuty('post01', 'draining')(draft, { author: 'anna' }));
    expect(asked).toMatchObject({
      kind: 'done',
      notes: [
        '2 VMs have to leave post01 (asked by anna)',
        'gateway-1: there is room on post02',
        expect.stringMatching(/^lonely-\d: no other place, none of 2 hosts: 1 draining, 1 with an excluded environment$/) as string,
      ],
    });
  });

  it('hears that a host may have VMs again', () => {
    const farm = new Farm();
    farm.start('post01');
    expect(farm.ask((draft) => setDuty('post01', 'active')(draft, { author: 'anna' }))).toMatchObject({
      notes: ['post01 may be given VMs again'],
    });
  });
});
