import { Compile } from 'typebox/compile';
import type { Validator } from 'typebox/compile';
import { agentCommands, managerMessages, maxMessageBytes, protocolVersion } from '../manager/protocol.ts';
import type { AgentCommandArgs, AgentCommandName, ManagerMessage } from '../manager/protocol.ts';

export type Incoming =
  | { readonly kind: 'message'; readonly message: ManagerMessage }
  | {
      readonly kind: 'refused';
      /** What it was meant to be, as far as that can be seen: the answer is of the same family. */
      readonly family: 'EXECUTE' | 'CONTROL' | 'property';
      readonly id: string | undefined;
      readonly action: string;
      readonly code: 'unknown-kind' | 'unknown-version' | 'malformed';
      readonly reason: string;
    };

const shapes: ReadonlyMap<string, Validator> = new Map(Object.entries(managerMessages).map(([kind, schema]) => [kind, Compile(schema)]));
const argumentShapes: ReadonlyMap<string, Validator> = new Map(
  Object.entries(agentCommands).map(([command, schema]) => [command, Compile(schema)]),
);
const idForm = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/;

/** Reads a message from the manager. It never throws. */
export function readIncoming(payload: Uint8Array): Incoming {
  if (payload.byteLength > maxMessageBytes) return refused({}, 'malformed', `a message has at most ${maxMessageBytes} bytes`);
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('utf8'));
  } catch {
    return refused({}, 'malformed', 'it is no JSON');
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return refused({}, 'malformed', 'it is no JSON object');
  const fields = json as Readonly<Record<string, unknown>>;
  const shape = typeof fields['kind'] === 'string' ? shapes.get(fields['kind']) : undefined;
  if (shape === undefined) return refused(fields, 'unknown-kind', `there is no message ${shown(fields['kind'])} from a manager`);
  if (fields['v'] !== protocolVersion) {
    return refused(fields, 'unknown-version', `version ${shown(fields['v'])} of the protocol; this agent speaks ${protocolVersion}`);
  }
  if (shape.Check(json)) return { kind: 'message', message: json as ManagerMessage };
  return refused(fields, 'malformed', complaint(shape, json));
}

export type ReadCommand =
  | {
      [Name in AgentCommandName]: { readonly kind: 'command'; readonly command: Name; readonly args: AgentCommandArgs<Name> };
    }[AgentCommandName]
  | { readonly kind: 'unknown-command' | 'bad-arguments'; readonly reason: string };

/** Checks a command's name and arguments against the closed list. */
export function readCommand(command: string, args: unknown): ReadCommand {
  const shape = argumentShapes.get(command);
  if (shape === undefined) {
    return {
      kind: 'unknown-command',
      reason: `there is no command ${shown(command)}; this agent has ${[...argumentShapes.keys()].join(', ')}`,
    };
  }
  if (!shape.Check(args)) return { kind: 'bad-arguments', reason: `${command}: ${complaint(shape, args)}` };
  return { kind: 'command', command, args } as ReadCommand;
}

function complaint(shape: Validator, value: unknown): string {
  const [first] = shape.Errors(value);
  const where = first === undefined || first.instancePath === '' ? '' : `${first.instancePath.slice(0, 100)}: `;
  return `${where}${(first?.message ?? 'it has another shape').slice(0, 200)}`;
}

function refused(
  fields: Readonly<Record<string, unknown>>,
  code: Extract<Incoming, { kind: 'refused' }>['code'],
  reason: string,
): Incoming {
  const { kind, id, action } = fields;
  const family = kind === 'EXECUTE' ? 'EXECUTE' : kind === 'GETPROP' || kind === 'FETCHPROP' ? 'property' : 'CONTROL';
  return {
    kind: 'refused',
    family,
    id: typeof id === 'string' && idForm.test(id) ? id : undefined,
    action: typeof action === 'string' ? action.slice(0, 16) : 'none',
    code,
    reason,
  };
}

function shown(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 60) ?? 'without kind';
}
