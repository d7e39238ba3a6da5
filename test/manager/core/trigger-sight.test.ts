import { describe, expect, it } from 'vitest';
import type { NewEvent } from '../../../src/events/event-store.ts';
import type { Manager } from '../../../src/manager/manager.ts';
import { topics } from '../../../src/manager/protocol.ts';
import { trigger } from '../triggers/facts.ts';
import { Lab } from './manager-lab.ts';

/** How many events of a kind triggers see. */
function seen(manager: Manager, kind: string): number {
  for (const count of [0, 1, 2, 3]) {
    const expr = `events.filter(e, e.kind == "${kind}").size() == ${count}`;
    if (manager.checkTrigger(trigger({ expr })).evaluation?.result === 'true') return count;
  }
  throw new Error(`more than 3 events ${kind} are seen`);
}

/** Somebody else in the service who tells, and hears what the manager tells. */
class Service {
  readonly #listeners = new Set<(event: NewEvent) => void>();

  subscribe(listener: (event: NewEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  tell(event: NewEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  get isHeard(): boolean {
    return this.#listeners.size > 0;
  }
}

function ram(value: number): object {
  return { kind: 'PROPVAL', values: [{ name: 'ram', type: 'int', value, age: 0 }] };
}

describe('the triggers of a manager', () => {
  it('see what it decides, what it says of properties, of other managers and of itself, each once', async () => {
    const lab = new Lab();
    const manager = await lab.manager();
    await lab.join();
    await lab.say({ kind: 'PROPERR', name: 'raid', code: 'timeout', reason: 'it ran for too long' });
    await lab.agent.publish(
      topics.manager('server2'),
      Buffer.from(JSON.stringify({ v: 1, kind: 'PRESENCE', manager: 'server2', state: 'standby', reason: 'server1 leads' })),
      { qos: 1 },
    );
    await lab.wait(1000);
    const kinds = ['host.online', 'vm.starting', 'agent.property', 'manager.joined', 'manager.leading'];
    expect(kinds.map((kind) => `${kind} ${seen(manager, kind)}`)).toEqual(kinds.map((kind) => `${kind} 1`));
  });

  it('see what others in the service tell, and nothing of its own twice', async () => {
    const lab = new Lab();
    const service = new Service();
    const manager = await lab.manager('server1', { events: service });
    await lab.join();
    expect(seen(manager, 'host.online')).toBe(0);
    for (const event of lab.told('host.online')) service.tell(event);
    service.tell({ atMs: lab.clock.now(), kind: 'boot.failed', severity: 'error', machine: 'post07', detail: {} });
    service.tell({ atMs: lab.clock.now(), kind: 'boot.file', severity: 'debug', machine: 'post07', detail: {} });
    expect(['host.online', 'boot.failed', 'boot.file'].map((kind) => seen(manager, kind))).toEqual([1, 1, 0]);
    await manager.close();
    expect(service.isHeard).toBe(false);
  });
});

describe('what a machine said of itself', () => {
  const big = {
    name: 'big',
    environments: [],
    networks: [],
    labels: {},
    properties: [],
    reserveMib: 0,
    priority: 0,
    match: { when: 'properties.ram > 100' },
  };
  const setup = { environments: [], roles: [big], without: ['post01'] };

  it('is forgotten with its boot: neither its role nor a trigger is decided by it any more', async () => {
    const lab = new Lab();
    const manager = await lab.manager('server1', setup);
    await lab.join();
    await lab.say(ram(128));
    await lab.wait(11_000);
    expect([manager.hosts()[0]?.role, manager.properties('post01')[0]?.value]).toEqual(['big', 128]);
    lab.boot('post01');
    expect(manager.properties('post01')).toEqual([]);
    await lab.say(ram(256));
    await lab.present();
    await lab.rest();
    await lab.wait(6000);
    expect(manager.properties('post01')).toEqual([]);
    expect(manager.hosts()[0]).toMatchObject({ boot: 2, state: 'online' });
    expect(manager.hosts()[0]?.role).toBeUndefined();
    await lab.say(ram(512));
    await lab.wait(2000);
    expect(manager.hosts()[0]?.role).toBe('big');
  });

  it('counts only where it is of the boot that said hello last: an older box by its name is told of, once a minute, and changes nothing', async () => {
    const lab = new Lab();
    const manager = await lab.manager('server1', setup);
    lab.boot('post01');
    await lab.join();
    await lab.say(ram(512));
    await lab.rest();
    const asked = manager.query('post01', ['ram']);
    await lab.rest();
    const question = lab.heard.find(({ kind }) => kind === 'FETCHPROP');
    for (const boot of [1, 3]) {
      await lab.say({ ...ram(64), reply: question?.id, boot });
      await lab.say({ kind: 'PROPERR', name: 'ram', code: 'failed', reason: 'no', boot });
      await lab.say({ kind: 'PROPLIST', properties: [], boot });
    }
    await lab.rest();
    await lab.say({ ...ram(256), reply: question?.id });
    expect(await asked).toMatchObject({ kind: 'done', result: [{ value: 256, history: [{ value: 512 }, { value: 256 }] }] });
    expect([manager.properties('post01')[0]?.problem, lab.told('agent.property')]).toEqual([undefined, []]);
    expect(lab.told('agent.refused')).toMatchObject([
      {
        machine: 'post01',
        detail: { reason: expect.stringContaining('it speaks as of boot 1, and the newest that said hello is 2') as string },
      },
    ]);
  });

  it('is taken from an agent of an earlier image, which does not say of which boot it is', async () => {
    const lab = new Lab();
    const manager = await lab.manager('server1', setup);
    await lab.join();
    await lab.say({ ...ram(64), boot: undefined });
    await lab.rest();
    expect(manager.properties('post01')).toMatchObject([{ name: 'ram', value: 64 }]);
    expect(lab.told('agent.refused')).toEqual([]);
  });
});
