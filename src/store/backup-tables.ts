import type { Tables } from './tables.ts';

/** All tables that hold what people and machines did, those that others refer to first. */
export const backupTables = [
  'numbering',
  'object',
  'nic',
  'one_shot',
  'unknown_client',
  'template',
  'template_version',
  'lease',
  'boot_attempt',
  'event',
  'audit',
  'account',
  'session',
  'token',
  'task',
  'kept_answer',
  'manager_record',
  'host_boot',
] as const satisfies readonly (keyof Tables)[];

export type BackupTable = (typeof backupTables)[number];

/** Of these, the ones that have rows from the start. */
export const seededTables: readonly BackupTable[] = ['numbering'];
