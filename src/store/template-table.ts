import type { Kysely } from 'kysely';
import type { TemplateChange, TemplateOutcome, TemplateState, TemplateVersion } from '../templates/template-store.ts';
import type { Tables } from './tables.ts';

export async function readTemplates(database: Kysely<Tables>): Promise<{ states: TemplateState[]; versions: TemplateVersion[] }> {
  const rows = await database.selectFrom('template').select('document').orderBy('name').execute();
  const states = rows.map(({ document }) => JSON.parse(document) as TemplateState);
  const versions: TemplateVersion[] = [];
  for (const { name, published, trial } of states) {
    const served = [published, ...(trial === undefined ? [] : [trial.backTo])];
    const texts = await database
      .selectFrom('template_version')
      .select('document')
      .where('name', '=', name)
      .where('version', 'in', served)
      .orderBy('version')
      .execute();
    versions.push(...texts.map(versionOf));
  }
  return { states, versions };
}

/** Newest first. */
export async function readTemplateVersions(database: Kysely<Tables>, name: string): Promise<TemplateVersion[]> {
  const rows = await database
    .selectFrom('template_version')
    .select('document')
    .where('name', '=', name)
    .orderBy('version', 'desc')
    .execute();
  return rows.map(versionOf);
}

export async function readTemplateVersion(database: Kysely<Tables>, name: string, version: number): Promise<TemplateVersion | undefined> {
  const row = await database
    .selectFrom('template_version')
    .select('document')
    .where('name', '=', name)
    .where('version', '=', version)
    .executeTakeFirst();
  return row && versionOf(row);
}

export async function commitTemplate(database: Kysely<Tables>, { state, added }: TemplateChange): Promise<TemplateOutcome> {
  const { name, revision } = state;
  const document = JSON.stringify(state);
  const { numUpdatedRows } = await database
    .updateTable('template')
    .set({ revision, document })
    .where('name', '=', name)
    .where('revision', '=', revision - 1)
    .executeTakeFirst();
  if (numUpdatedRows === 0n && !(revision === 1 && (await insertFirst(database, name, document)))) {
    const row = await database.selectFrom('template').select('document').where('name', '=', name).executeTakeFirst();
    return { kind: 'conflict', ...(row !== undefined && { current: JSON.parse(row.document) as TemplateState }) };
  }
  if (added !== undefined) {
    const text = JSON.stringify(added);
    await database.insertInto('template_version').values({ name: added.name, version: added.version, document: text }).execute();
  }
  return { kind: 'done' };
}

async function insertFirst(database: Kysely<Tables>, name: string, document: string): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await database
    .insertInto('template')
    .values({ name, revision: 1, document })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .executeTakeFirst();
  return numInsertedOrUpdatedRows === 1n;
}

function versionOf({ document }: { readonly document: string }): TemplateVersion {
  return JSON.parse(document) as TemplateVersion;
}
