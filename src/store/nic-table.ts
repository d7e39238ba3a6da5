import type { Kysely } from 'kysely';
import type { ObjectChange, ObjectConflict } from '../machines/object-store.ts';
import { formatIpv4, parseIpv4 } from '../model/ipv4.ts';
import { parseMac } from '../model/mac.ts';
import { bites } from './bites.ts';
import { keyOf } from './object-key.ts';
import type { NicRow, ObjectRow, Tables } from './tables.ts';

/** What the changes want that another machine has, or that two of them want: once for each, with who has it and since when. */
export async function nicConflicts(
  database: Kysely<Tables>,
  changes: readonly ObjectChange[],
  standing: ReadonlyMap<string, Pick<ObjectRow, 'revision'>>,
): Promise<ObjectConflict[]> {
  const wanted = changes.flatMap(nicsOf);
  const changed = new Set(machinesOf(changes));
  // The NICs of a machine that is changed are free to be given to another one by the same commit.
  const taken = (await readNics(database, wanted)).filter(({ machine }) => !changed.has(machine));
  const owners = new Map(taken.flatMap((nic) => things(nic).map((thing) => [thing, nic.machine] as const)));
  const clashes: { readonly machine: string; readonly thing: string; readonly owner: string }[] = [];
  for (const nic of wanted) {
    for (const thing of things(nic)) {
      const owner = owners.get(thing);
      if (owner === undefined) owners.set(thing, nic.machine);
      else clashes.push({ machine: nic.machine, thing, owner });
    }
  }
  const standingOwners = await readMachines(
    database,
    clashes.flatMap(({ owner }) => (changed.has(owner) ? [] : owner)),
  );
  return clashes.map(({ machine: name, thing, owner }): ObjectConflict => {
    const revision = standing.get(keyOf({ kind: 'Machine', name }))?.revision ?? 0;
    const reason = `${thing} belongs to ${owner === name ? 'another NIC of it' : `the machine ${owner}`}`;
    const row = standingOwners.get(owner);
    if (row === undefined) return { kind: 'Machine', name, revision, reason };
    return { kind: 'Machine', name, revision, updatedBy: row.updated_by, updatedMs: row.updated_ms, reason };
  });
}

/** Where no conflict was found. */
export async function replaceNics(database: Kysely<Tables>, changes: readonly ObjectChange[]): Promise<void> {
  for (const bite of bites(machinesOf(changes))) await database.deleteFrom('nic').where('machine', 'in', bite).execute();
  for (const bite of bites(changes.flatMap(nicsOf))) await database.insertInto('nic').values(bite).execute();
}

async function readNics(database: Kysely<Tables>, wanted: readonly NicRow[]): Promise<NicRow[]> {
  const rows: NicRow[] = [];
  for (const bite of bites(wanted)) {
    const macs = bite.map(({ mac }) => mac);
    const addresses = bite.flatMap(({ address }) => address ?? []);
    rows.push(...(await database.selectFrom('nic').selectAll().where('mac', 'in', macs).execute()));
    if (addresses.length > 0) rows.push(...(await database.selectFrom('nic').selectAll().where('address', 'in', addresses).execute()));
  }
  return rows;
}

async function readMachines(database: Kysely<Tables>, names: readonly string[]): Promise<Map<string, ObjectRow>> {
  const machines = new Map<string, ObjectRow>();
  for (const bite of bites(names)) {
    const rows = await database.selectFrom('object').selectAll().where('kind', '=', 'Machine').where('name', 'in', bite).execute();
    for (const row of rows) machines.set(row.name, row);
  }
  return machines;
}

function machinesOf(changes: readonly ObjectChange[]): string[] {
  return changes.flatMap(({ kind, name }) => (kind === 'Machine' ? name : []));
}

function things({ mac, address }: NicRow): string[] {
  return [mac, ...(address === null ? [] : [address])];
}

/** People write addresses in several ways, and they are the same address. */
function nicsOf({ kind, name, document }: ObjectChange): NicRow[] {
  if (kind !== 'Machine' || document === undefined) return [];
  const nics = (document['nics'] ?? []) as readonly { readonly mac: string; readonly address?: string }[];
  return nics.map(({ mac, address }) => {
    const number = address === undefined ? undefined : parseIpv4(address);
    return { mac: parseMac(mac) ?? mac, machine: name, address: number === undefined ? (address ?? null) : formatIpv4(number) };
  });
}
