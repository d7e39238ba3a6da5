import { describe, expect, it } from 'vitest';
import { Farm, domainOf, environmentOf } from './farm.ts';

const gateway = environmentOf({ name: 'gateway' });

function farmOfTwo(): Farm {
  const farm = new Farm({ environments: [gateway] });
  farm.start('post01', 'post02');
  farm.settle();
  return farm;
}

describe('an agent that makes news without end', () => {
  it('has so many of its unknown domains named, and fills neither the log nor the memory', () => {
    const farm = farmOfTwo();
    const host = farm.hosts.get('post02');
    for (let report = 0; report < 5; report++) {
      host?.domains.splice(0, Infinity, ...Array.from({ length: 512 }, (_, index) => domainOf(`made-up-${report}-${index}`)));
      farm.beat();
    }
    expect(farm.told('vm.unknown-domain')).toHaveLength(32);
    expect(farm.state.memory.told.size).toBeLessThan(100);
    farm.monoMs += 25 * 3_600_000;
    farm.beat();
    expect(farm.told('vm.unknown-domain')).toHaveLength(64);
  });

  it('comes and goes so many times in the log, and is ruled by its newest connection all the same', () => {
    const farm = farmOfTwo();
    for (let time = 0; time < 200; time++) farm.presence('post02', time % 2 === 0 ? 'left' : 'here', `c${time >> 1}`);
    farm.join('post02', 'last');
    expect(farm.told('host.joined').length).toBeLessThan(50);
    expect(farm.told('host.left').length).toBeLessThan(50);
    expect(farm.state.hosts.get('post02')?.link).toMatchObject({ agreed: true, presence: { connection: 'last' } });
  });

  it('refuses for reasons of its own making once in a minute', () => {
    const farm = farmOfTwo();
    for (let code = 0; code < 50; code++)
      farm.turn({
        kind: 'message',
        host: 'post02',
        atMs: farm.monoMs,
        wallMs: 0,
        message: { v: 1, kind: 'CONTROLERR', id: 'm', reply: 'r', action: 'beat', boot: 2, session: 1, code: `code${code}`, reason: 'no' },
      });
    expect(farm.told('agent.refused')).toHaveLength(1);
  });

  it('has no long answers kept', () => {
    const farm = new Farm({ environments: [gateway] });
    farm.start('post01');
    farm.wait(1000);
    const { id } = farm.open('vm.create');
    farm.answer(farm.open('vm.create'), { domain: 'present', more: 'x'.repeat(400_000) });
    expect(JSON.stringify(farm.state.ended.get(id)).length).toBeLessThan(20_000);
    expect(farm.state.ended.get(id)?.state).toBe('done');
  });
});
