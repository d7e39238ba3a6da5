import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { mayPublish, maySubscribe } from '../../src/bus/agent-access.ts';
import { agentUsername, credential, parseAgentUsername } from '../../src/bus/credential.ts';

const key = Buffer.alloc(32, 3);

describe('the credential of an agent', () => {
  it('is an HMAC of its machine and boot, and of nothing else', () => {
    const expected = createHmac('sha256', key).update(Buffer.from('agent\0post01\u000017', 'latin1')).digest('base64url');
    expect(credential(key, 'post01/17')).toBe(expected);
  });

  it('is another one for each machine and each boot, also where their names run together', () => {
    const users = ['post0/11', 'post01/1', 'post01/11', 'post011/1'];
    expect(new Set(users.map((each) => credential(key, each))).size).toBe(4);
  });

  it('reads back the name of a user that it has written', () => {
    expect(parseAgentUsername(agentUsername({ machine: 'rack-1.post_01', boot: 17 }))).toEqual({ machine: 'rack-1.post_01', boot: 17 });
  });

  it.each([
    '',
    'post01',
    'post01/',
    '/17',
    'post01/017',
    'post01/-1',
    'post01/1/2',
    'post01/17 ',
    'po st/1',
    '+/1',
    '#/1',
    'a\0b/1',
    'post01/9007199254740993',
  ])('belongs to nobody called %j', (wrong) => {
    expect(parseAgentUsername(wrong)).toBeUndefined();
    expect(() => credential(key, wrong)).toThrow('is not MACHINE/BOOT');
  });
});

describe('the access of an agent', () => {
  const access = {
    publish: (machine: string) => [`agent/${machine}/out`],
    subscribe: (machine: string) => [`agent/${machine}/in`, 'group/+/in'],
  };

  it('is to its own topics, on every boot', () => {
    expect(['agent/a/out', 'agent/b/out', 'agent/a/out/x', 'agent/+/out'].filter((each) => mayPublish(access, 'a/1', each))).toEqual([
      'agent/a/out',
    ]);
    const filters = ['agent/a/in', 'agent/b/in', 'agent/+/in', 'group/+/in', 'group/x/in', 'group/#', '#', '$share/g/group/x/in'];
    expect(filters.filter((each) => maySubscribe(access, 'a/2', each))).toEqual(['agent/a/in', 'group/+/in', 'group/x/in']);
  });

  it('is nobody else’s', () => {
    expect([mayPublish(access, 'manager', 'agent/manager/out'), maySubscribe(access, 'manager', 'group/+/in')]).toEqual([false, false]);
  });
});
