import { Compile } from 'typebox/compile';
import type { Validator } from 'typebox/compile';
import { agentMessages, managerPresence, maxMessageBytes, presence as presenceShape, protocolVersion } from '../protocol.ts';
import type { AgentMessage, ManagerPresence, Presence } from '../protocol.ts';

export type Decoded<Item> = { readonly kind: 'message'; readonly message: Item } | { readonly kind: 'refused'; readonly reason: string };

const shapes: ReadonlyMap<string, Validator> = new Map(Object.entries(agentMessages).map(([kind, schema]) => [kind, Compile(schema)]));
const presences = Compile(presenceShape);
const managerPresences = Compile(managerPresence);

export function decodeAgentMessage(payload: Uint8Array): Decoded<AgentMessage> {
  const json = decodeJson(payload);
  if (json.kind === 'refused') return json;
  const { kind } = json.message;
  const shape = typeof kind === 'string' ? shapes.get(kind) : undefined;
  if (shape === undefined) return { kind: 'refused', reason: `a message of unknown kind ${shown(kind)}` };
  return checked<AgentMessage>(shape, json.message, `a ${String(kind)}`);
}

export function decodePresence(payload: Uint8Array): Decoded<Presence> {
  const json = decodeJson(payload);
  return json.kind === 'refused' ? json : checked<Presence>(presences, json.message, 'a presence');
}

export function decodeManagerPresence(payload: Uint8Array): Decoded<ManagerPresence> {
  const json = decodeJson(payload);
  return json.kind === 'refused' ? json : checked<ManagerPresence>(managerPresences, json.message, 'a presence');
}

function decodeJson(payload: Uint8Array): Decoded<Readonly<Record<string, unknown>>> {
  if (payload.byteLength > maxMessageBytes) return { kind: 'refused', reason: `a message over ${maxMessageBytes} bytes` };
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('utf8'));
  } catch {
    return { kind: 'refused', reason: 'a message that is no JSON' };
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return { kind: 'refused', reason: 'a message that is no object' };
  const message = json as Readonly<Record<string, unknown>>;
  if (message['v'] !== protocolVersion) {
    return { kind: 'refused', reason: `a message of version ${shown(message['v'])}, and this manager speaks ${protocolVersion}` };
  }
  return { kind: 'message', message };
}

function checked<Item>(shape: Validator, message: unknown, what: string): Decoded<Item> {
  if (shape.Check(message)) return { kind: 'message', message: message as Item };
  const [first] = shape.Errors(message);
  return {
    kind: 'refused',
    reason: `${what} of another shape: ${(first?.instancePath ?? '').slice(0, 100)} ${(first?.message ?? '').slice(0, 200)}`,
  };
}

function shown(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 40) ?? 'none';
}
