import { describe, expect, it } from 'vitest';
import { decodeAgentMessage, decodePresence } from '../../../src/manager/hear/decode.ts';
import { maxMessageBytes } from '../../../src/manager/protocol.ts';

const answer = { v: 1, kind: 'EXECVAL', id: 'm', reply: 'c', session: 3, repeated: false, result: {} };
const bytes = (message: unknown): Uint8Array => Buffer.from(JSON.stringify(message));

const refused: readonly (readonly [string, Uint8Array, string])[] = [
  ['an unknown kind', bytes({ ...answer, kind: 'NONSENSE' }), 'a message of unknown kind "NONSENSE"'],
  ['a kind that only managers send', bytes({ ...answer, kind: 'EXECUTE' }), 'a message of unknown kind "EXECUTE"'],
  ['no kind', bytes({ v: 1 }), 'a message of unknown kind none'],
  ['another version', bytes({ ...answer, v: 2 }), 'a message of version 2, and this manager speaks 1'],
  ['no version', bytes({ kind: 'EXECVAL' }), 'a message of version none, and this manager speaks 1'],
  ['another shape', bytes({ ...answer, session: 'three' }), 'a EXECVAL of another shape: /session must be integer'],
  ['no JSON', Buffer.from('{"v":1'), 'a message that is no JSON'],
  ['a list', bytes([answer]), 'a message that is no object'],
  ['too many bytes', bytes({ ...answer, result: 'x'.repeat(maxMessageBytes) }), `a message over ${maxMessageBytes} bytes`],
];

describe('what an agent sends', () => {
  it('is taken where it is a message of the protocol, with fields that are not known yet', () => {
    expect(decodeAgentMessage(bytes({ ...answer, later: true }))).toMatchObject({ kind: 'message', message: answer });
  });

  it.each(refused)('is refused for %s, with what is wrong', (_, payload, reason) => {
    expect(decodeAgentMessage(payload)).toEqual({ kind: 'refused', reason });
  });

  it('is no presence without its boot and connection', () => {
    const presence = { v: 1, kind: 'PRESENCE', state: 'here', reason: '', boot: 17, connection: 'c', agent: '1' };
    expect(decodePresence(bytes(presence)).kind).toBe('message');
    for (const key of ['boot', 'connection'] as const)
      expect(decodePresence(bytes({ ...presence, [key]: undefined })).kind).toBe('refused');
  });
});
