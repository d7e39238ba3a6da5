import type { ShapeProblem } from '../documents/check-shape.ts';
import { parseMac } from '../model/mac.ts';
import type { Role, Trigger, TriggerCommand, VmEnvironment, VmNetwork, VmStorage } from '../model/vm-environment.ts';
import type { EnvironmentDocument, RoleDocument, StorageDocument, TriggerDocument } from './vm-schemas.ts';

type Keys<Kind extends string, Key> = Readonly<Record<Kind, { readonly needs: readonly Key[]; readonly may: readonly Key[] }>>;

const disk = ['device'] as const;
const storageKeys: Keys<StorageDocument['kind'], keyof StorageDocument> = {
  nfs: { needs: [], may: ['source'] },
  file: { needs: ['path', ...disk], may: ['writable'] },
  block: { needs: ['path', ...disk], may: ['writable'] },
  iscsi: { needs: ['portal', 'target', ...disk], may: ['lun', 'writable'] },
  aoe: { needs: ['shelf', 'slot', ...disk], may: ['writable'] },
  rbd: { needs: ['pool', 'image', ...disk], may: ['writable'] },
};

type CommandDocument = TriggerDocument['cmd'];
const commandKeys: Keys<CommandDocument['command'], keyof CommandDocument> = {
  query: { needs: ['group', 'properties'], may: [] },
  scale: { needs: ['environment'], may: ['to', 'by'] },
  'assign-role': { needs: ['role'], may: ['machine'] },
  drain: { needs: [], may: ['machine'] },
  power: { needs: ['action'], may: ['machine'] },
  notify: { needs: ['message'], may: ['severity'] },
};

/** What a schema cannot say: which keys go together. Of documents whose shape is right otherwise. */
export function storageProblems(storage: readonly StorageDocument[]): ShapeProblem[] {
  return storage.flatMap((each, index) => keyProblems(each, 'kind', storageKeys[each.kind], ['storage', index]));
}

export function commandProblems({ cmd, forEach, onUpdateCheck, on_update_check: old, ticks }: TriggerDocument): ShapeProblem[] {
  const problems = keyProblems(cmd, 'command', commandKeys[cmd.command], ['cmd']);
  const blame = (path: ShapeProblem['path'], message: string): void => void problems.push({ path, at: 'value', message });
  if (cmd.command === 'scale' && (cmd.to === undefined) === (cmd.by === undefined)) blame(['cmd'], 'expected one of to and by');
  const { may } = commandKeys[cmd.command];
  if (forEach === 'once' && may.includes('machine') && cmd.machine === undefined) {
    blame(['cmd', 'machine'], 'missing: expected a machine, or forEach: agent, which means that agent');
  }
  if (onUpdateCheck !== undefined && old !== undefined) {
    blame(['on_update_check'], 'expected one of onUpdateCheck and on_update_check, they mean the same');
  } else if (ticks === 0 && !(onUpdateCheck ?? old ?? false)) {
    blame(['ticks'], 'expected at least 1, or onUpdateCheck: true; it would never be evaluated');
  }
  return problems;
}

function keyProblems<Document extends object>(
  document: Document,
  which: keyof Document & string,
  { needs, may }: { readonly needs: readonly (keyof Document)[]; readonly may: readonly (keyof Document)[] },
  path: ShapeProblem['path'],
): ShapeProblem[] {
  const kind = String(document[which]);
  const missing = needs
    .filter((key) => document[key] === undefined)
    .map((key) => ({ path: [...path, String(key)], at: 'value' as const, message: `missing: ${which} ${kind} has one` }));
  const known = new Set<PropertyKey>([which, ...needs, ...may]);
  const strange = Object.keys(document)
    .filter((key) => !known.has(key))
    .map((key) => ({
      path: [...path, key],
      at: 'key' as const,
      message: `expected none, ${which} ${kind} has ${[...needs, ...may].map(String).join(', ')}`,
    }));
  return [...missing, ...strange];
}

export function environmentOf(document: EnvironmentDocument): VmEnvironment {
  const { kind: _, count, networks, storage, ...rest } = document;
  return {
    ...rest,
    count: typeof count === 'number' ? { min: count, max: count } : count,
    networks: networks.map(networkOf),
    storage: storage.map(storageOf),
  };
}

function networkOf({ mac, ...network }: EnvironmentDocument['networks'][number]): VmNetwork {
  return { ...network, mac: parseMac(mac) ?? mac };
}

/** Only of what {@link storageProblems} has nothing against. */
function storageOf({ writable = false, lun = 0, ...storage }: StorageDocument): VmStorage {
  if (storage.kind === 'nfs') return storage as VmStorage;
  return { ...storage, ...(storage.kind === 'iscsi' && { lun }), writable } as VmStorage;
}

export function roleOf(document: RoleDocument): Role {
  const { kind: _, ...role } = document;
  return role;
}

export function triggerOf(document: TriggerDocument): Trigger {
  const { kind: _, cmd, onUpdateCheck, on_update_check: old, ...rest } = document;
  return { ...rest, cmd: commandOf(cmd), onUpdateCheck: onUpdateCheck ?? old ?? false };
}

/** Only of what {@link commandProblems} has nothing against. */
function commandOf(cmd: CommandDocument): TriggerCommand {
  return (cmd.command === 'notify' ? { severity: 'info', ...cmd } : cmd) as TriggerCommand;
}
