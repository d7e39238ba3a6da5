import { stringify } from 'yaml';
import type { Config } from '../config.ts';

/** The configuration as YAML that could be loaded again; a password in the database's URL is left out. */
export function showConfig(config: Config): string {
  const { file: _, objectsFile, database, ...settings } = config;
  const shown = { ...settings, database: withoutPassword(database), ...(objectsFile !== undefined && { objects: objectsFile }) };
  return stringify(shown, { aliasDuplicateObjects: false });
}

/** A database as it may stand in logs and messages. */
export function withoutPassword(database: string): string {
  if (!URL.canParse(database) || !database.includes('://')) return database;
  const url = new URL(database);
  url.password = '';
  return url.href;
}
