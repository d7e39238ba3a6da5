import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import type { Validator } from 'typebox/compile';
import type { Guard, HostEntry, KeptCommand, KeptEnvironment, KeptHost, KeptVm, ManagerState } from './state.ts';
import { emptyState, newLink } from './state.ts';
import type { ManagerRecord, RecordArea } from './manager-store.ts';

export interface UnreadableRecord {
  readonly area: RecordArea;
  readonly id: string;
  readonly reason: string;
}

const open = { additionalProperties: true };
const reasoned = { reason: Type.String(), sinceMs: Type.Number() };
const claim = Type.Object(
  {
    host: Type.String(),
    boot: Type.Integer(),
    session: Type.Integer(),
    seq: Type.Integer(),
    takenMs: Type.Number(),
    command: Type.Optional(Type.String()),
  },
  open,
);

/** Only what decisions rest on is checked: a record of a newer virtdom may hold more. */
const shapes = {
  host: Compile(
    Type.Object(
      {
        name: Type.String(),
        state: Type.Union(['new', 'joining', 'online', 'suspect', 'fencing', 'fenced'].map((each) => Type.Literal(each))),
        ...reasoned,
        duty: Type.Union(['active', 'draining', 'maintenance'].map((each) => Type.Literal(each))),
        session: Type.Integer(),
        boot: Type.Optional(Type.Integer()),
        roleReason: Type.String(),
        networks: Type.Array(Type.String()),
        doubts: Type.Optional(Type.Array(Type.String())),
        contested: Type.Optional(Type.Object({ boot: Type.Integer(), reason: Type.String() }, open)),
        dead: Type.Optional(
          Type.Object({ boot: Type.Integer(), session: Type.Integer(), proof: Type.Object({ kind: Type.String() }, open) }, open),
        ),
      },
      open,
    ),
  ),
  vm: Compile(
    Type.Object(
      {
        name: Type.String(),
        environment: Type.String(),
        instances: Type.Union([Type.Literal('at-most-one'), Type.Literal('at-least-one')]),
        uuid: Type.String(),
        state: Type.Union(
          ['stopped', 'waiting', 'starting', 'running', 'stopping', 'migrating', 'lost', 'recovering', 'error'].map((each) =>
            Type.Literal(each),
          ),
        ),
        ...reasoned,
        claims: Type.Array(claim),
        memoryMib: Type.Number(),
        vcpus: Type.Number(),
        cards: Type.Array(Type.Object({ mac: Type.String(), address: Type.String() }, open)),
        failures: Type.Array(Type.Object({ host: Type.String(), atMs: Type.Number(), reason: Type.String() }, open)),
        seq: Type.Integer(),
      },
      open,
    ),
  ),
  command: Compile(
    Type.Object(
      {
        id: Type.String(),
        host: Type.String(),
        command: Type.String(),
        args: Type.Record(Type.String(), Type.Unknown()),
        state: Type.Union(['queued', 'sent', 'done', 'failed', 'expired', 'cancelled'].map((each) => Type.Literal(each))),
        boot: Type.Integer(),
        session: Type.Integer(),
        createdMs: Type.Number(),
        expiresMs: Type.Number(),
        times: Type.Integer(),
        withinMs: Type.Number(),
        code: Type.Optional(Type.String()),
        keptMs: Type.Optional(Type.Number()),
      },
      open,
    ),
  ),
  environment: Compile(Type.Object({ name: Type.String(), counter: Type.Integer() }, open)),
  guard: Compile(
    Type.Object({ operator: Type.Optional(Type.Object(reasoned, open)), storm: Type.Optional(Type.Object(reasoned, open)) }, open),
  ),
} satisfies Record<string, Validator>;

/** The state that the records hold. What cannot be read is named and left alone. */
export function stateOf(
  records: readonly ManagerRecord[],
  quietFromMs: number,
): { readonly state: ManagerState; readonly unreadable: readonly UnreadableRecord[] } {
  const unreadable: UnreadableRecord[] = [];
  const hosts = new Map<string, HostEntry>();
  const vms = new Map<string, KeptVm>();
  const commands: KeptCommand[] = [];
  const environments = new Map<string, KeptEnvironment>();
  const triggers = new Map<string, Readonly<Record<string, unknown>>>();
  let guard: Guard = {};
  const checked = (shape: Validator, record: ManagerRecord): unknown => {
    const { document, area, id } = record;
    if (shape.Check(document) && (!('name' in document) || document['name'] === id)) return document;
    const [first] = shape.Errors(document);
    unreadable.push({ area, id, reason: first === undefined ? 'its name is not its id' : `${first.instancePath} ${first.message}` });
    return undefined;
  };
  for (const record of records) {
    if (record.area === 'trigger') triggers.set(record.id, record.document);
    if (record.area === 'numbering' && record.id === 'guard') guard = (checked(shapes.guard, record) as Guard | undefined) ?? guard;
    if (record.area === 'host') put(hosts, record.id, asEntry(checked(shapes.host, record), quietFromMs));
    if (record.area === 'vm') put(vms, record.id, checked(shapes.vm, record) as KeptVm | undefined);
    if (record.area === 'environment') put(environments, record.id, checked(shapes.environment, record) as KeptEnvironment | undefined);
    if (record.area === 'command') {
      const command = checked(shapes.command, record) as KeptCommand | undefined;
      if (command !== undefined) commands.push(command);
    }
  }
  commands.sort((a, b) => a.createdMs - b.createdMs);
  return {
    state: {
      ...emptyState,
      hosts,
      vms,
      environments,
      triggers,
      guard,
      open: new Map(commands.filter(isOpen).map((command) => [command.id, command])),
      ended: new Map(commands.filter((command) => !isOpen(command)).map((command) => [command.id, command])),
    },
    unreadable,
  };
}

function isOpen({ state }: KeptCommand): boolean {
  return state === 'queued' || state === 'sent';
}

function put<Item>(map: Map<string, Item>, id: string, item: Item | undefined): void {
  if (item !== undefined) map.set(id, item);
}

function asEntry(kept: unknown, quietFromMs: number): HostEntry | undefined {
  return kept === undefined ? undefined : { kept: kept as KeptHost, link: newLink(quietFromMs) };
}

/** What one record should hold now; `undefined` where it should not be. */
export function documentOf(state: ManagerState, area: RecordArea, id: string): Readonly<Record<string, unknown>> | undefined {
  switch (area) {
    case 'host':
      return plain(state.hosts.get(id)?.kept);
    case 'vm':
      return plain(state.vms.get(id));
    case 'command':
      return plain(state.open.get(id) ?? state.ended.get(id));
    case 'environment':
      return plain(state.environments.get(id));
    case 'trigger':
      return state.triggers.get(id);
    case 'numbering':
      return id === 'guard' ? plain(state.guard) : undefined;
    case 'leader':
      return undefined;
  }
}

function plain(value: object | undefined): Readonly<Record<string, unknown>> | undefined {
  return value as Readonly<Record<string, unknown>> | undefined;
}
