import { beforeEach, describe, expect, it } from 'vitest';
import type { ManagerMessageOf } from '../../../src/manager/protocol.ts';
import type { RoleProperty } from '../../../src/model/property-definition.ts';
import { Farm, roleOf } from './farm.ts';

const free: RoleProperty = { name: 'ram_free', command: 'ram', parameters: 'MemFree', return_type: 'int', ticks: 60, timeout: 10 };
const total: RoleProperty = { ...free, name: 'ram_total', parameters: 'MemTotal' };

let farm: Farm;

function giving(properties: readonly RoleProperty[]): Farm {
  return new Farm({
    roles: [roleOf({ name: 'farm', properties }), roleOf({ name: 'other', properties: [total] }), roleOf({ name: 'bare' })],
  });
}

/** What was sent since this was asked last. */
function sent(): ManagerMessageOf<'CONTROL'>[] {
  const messages = farm.sendings.splice(0).flatMap((sending) => (sending.kind === 'message' ? sending.message : []));
  return messages.filter((message) => message.kind === 'CONTROL');
}

function told(): (readonly string[])[] {
  return sent()
    .filter(({ action }) => action === 'properties')
    .map(({ definitions = [] }) => definitions.map((each) => (each as RoleProperty).name));
}

/** The id of what the agent was told last. */
function lastId(): string {
  return farm.state.hosts.get('post01')?.link.properties?.id ?? 'none';
}

/** The agent answers it. */
function hears(): void {
  farm.say('post01', { action: 'properties', reply: lastId() }, false);
}

function edit(name: string, properties: readonly RoleProperty[]): void {
  farm.roles = farm.roles.map((role) => (role.name === name ? { ...role, properties } : role));
  farm.changed();
}

describe('properties that a role defines', () => {
  beforeEach(() => {
    farm = giving([free]);
  });

  it('are told to the agent of its host when it has agreed on a session, with its boot and session, and not before', () => {
    farm.start('post01');
    const messages = sent();
    expect(messages.filter(({ action }) => action === 'session').map(({ definitions }) => definitions)).not.toContainEqual([free]);
    expect(messages.find(({ action }) => action === 'properties')).toMatchObject({
      definitions: [free],
      boot: 1,
      session: farm.session('post01'),
      manager: 'server1',
    });
  });

  it('are told once, however many turns follow', () => {
    farm.start('post01');
    hears();
    sent();
    farm.beat(12);
    expect(told()).toEqual([]);
  });

  it('are told again after 30 s where the agent has not answered', () => {
    farm.start('post01');
    sent();
    farm.beat(4);
    expect(told()).toEqual([]);
    farm.beat(2);
    expect(told()).toEqual([['ram_free']]);
    hears();
    farm.beat(12);
    expect(told()).toEqual([]);
  });

  it('are not told again and again while the host is silent, and told when it answers again', () => {
    farm.start('post01');
    sent();
    farm.silence('post01');
    farm.beat(20);
    expect(told()).toEqual([]);
    farm.answersAgain('post01');
    farm.beat();
    expect(told()).toEqual([['ram_free']]);
  });

  it('are told again after each new session', () => {
    farm.start('post01');
    hears();
    sent();
    farm.join('post01');
    expect(told()).toEqual([['ram_free']]);
  });

  it('are told when they change, once for each change, and what the agent extracts is asked for when it has answered', () => {
    farm.start('post01');
    hears();
    sent();
    edit('farm', [free, total]);
    farm.look();
    const [change, ...more] = farm.sendings.flatMap((sending) => (sending.kind === 'message' ? sending.message : []));
    expect([change, more]).toMatchObject([{ kind: 'CONTROL', action: 'properties', definitions: [free, total] }, []]);
    hears();
    const last = farm.sendings.at(-1);
    expect(last).toMatchObject({ kind: 'message', host: 'post01', message: { kind: 'GETPROP', names: [] } });
  });

  it('are not told where the document was written anew as it was', () => {
    farm.start('post01');
    hears();
    sent();
    edit('farm', [{ ...free }]);
    farm.beat(12);
    expect(told()).toEqual([]);
  });

  it('are told again where the agent answers an earlier message after the last: that came late, and took its place', () => {
    farm.start('post01');
    const earlier = lastId();
    edit('farm', [free, total]);
    hears();
    sent();
    farm.say('post01', { action: 'properties', reply: earlier });
    farm.beat();
    expect(told()).toEqual([['ram_free', 'ram_total']]);
    hears();
    hears();
    farm.beat(12);
    expect(told()).toEqual([]);
  });

  it('are not told again where the agent answers two changes one after the other', () => {
    farm.start('post01');
    hears();
    edit('farm', [free, total]);
    const earlier = lastId();
    edit('farm', [total]);
    sent();
    farm.say('post01', { action: 'properties', reply: earlier });
    hears();
    farm.beat(12);
    expect(told()).toEqual([]);
  });

  it('are those of the role that the host gets, and taken away with it', () => {
    farm.start('post01');
    hears();
    sent();
    farm.machines = [{ name: 'post01', nics: [], labels: {}, parameters: {}, role: 'other' }];
    farm.changed();
    expect(told()).toEqual([['ram_total']]);
    hears();
    farm.machines = [{ name: 'post01', nics: [], labels: {}, parameters: {}, role: 'bare' }];
    farm.changed();
    expect(told()).toEqual([[]]);
  });

  it('are taken away by an empty list', () => {
    farm.start('post01');
    hears();
    sent();
    edit('farm', []);
    farm.look();
    expect(told()).toEqual([[]]);
  });

  it('that the agent refuses altogether are not told again until they change, and the refusal is told', () => {
    farm.start('post01');
    const [reply, session] = [lastId(), farm.session('post01')];
    sent();
    farm.turn({
      kind: 'message',
      host: 'post01',
      atMs: farm.monoMs,
      wallMs: farm.monoMs,
      message: { v: 1, kind: 'CONTROLERR', id: 'm', reply, action: 'properties', boot: 1, session, code: 'malformed', reason: 'too many' },
    });
    farm.beat(12);
    expect(told()).toEqual([]);
    expect(farm.events.filter(({ kind }) => kind === 'agent.refused').map(({ detail }) => detail['reason'])).toEqual([
      'its agent refuses properties: too many (malformed)',
    ]);
  });
});

describe('a host whose role defines none', () => {
  it('has what it was told before taken away with its session, and needs no message more', () => {
    farm = new Farm({ roles: [roleOf({ name: 'farm' })] });
    farm.start('post01');
    farm.beat(12);
    const messages = sent();
    expect(messages.filter(({ action }) => action === 'session').map(({ definitions }) => definitions)).toEqual([[]]);
    expect(messages.filter(({ action }) => action === 'properties')).toEqual([]);
  });
});
