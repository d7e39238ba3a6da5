import { chownSync, existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { CliError } from './cli-error.ts';
import { configOption } from './config-option.ts';
import { confirm } from './confirmation.ts';
import type { Terminal } from './terminal.ts';

/** Adds `virtdom backup`. */
export function addBackupCommand(program: Command, terminal: Terminal): void {
  program
    .command('backup <file>')
    .description('write all of the database into one file; the service may run meanwhile')
    .addOption(configOption())
    .addHelpText('after', '\nThe file holds the hashes of passwords and tokens, and is readable by its owner only. Images are not in it.')
    .action((file: string, options: { config: string }) => backup(terminal, file, options.config));
}

/** Adds `virtdom restore`. */
export function addRestoreCommand(program: Command, terminal: Terminal): void {
  program
    .command('restore <file>')
    .description('fill the database from a backup, all of it or nothing; the service must be stopped, asks first')
    .addOption(configOption())
    .option('--replace', 'also where the database holds something, which is deleted')
    .option('-y, --yes', 'do not ask')
    .action((file: string, options: RestoreOptions) => restore(terminal, file, options));
}

async function backup(terminal: Terminal, file: string, configFile: string): Promise<void> {
  const { database } = loadConfig(configFile);
  const { backupDatabase } = await import('../store/backup.ts');
  const { rows } = await backupDatabase({ database, file: resolve(file) });
  terminal.error(`${rows} rows written to ${file}\n`);
}

interface RestoreOptions {
  readonly config: string;
  readonly replace?: true;
  readonly yes?: true;
}

async function restore(terminal: Terminal, file: string, { config: configFile, replace, yes }: RestoreOptions): Promise<void> {
  const { stateDir, database, user } = loadConfig(configFile);
  const [{ restoreDatabase }, { InstanceLockError, takeInstanceLock }, { prepareFolders }] = await Promise.all([
    import('../store/backup.ts'),
    import('../service/instance-lock.ts'),
    import('../service/folders.ts'),
  ]);
  const question =
    replace === true ? `Delete everything in ${shown(database)} and put ${file} in its place?` : `Fill ${shown(database)} from ${file}?`;
  await confirm(terminal, question, yes);
  prepareFolders([stateDir], user);
  const lockFile = join(stateDir, 'virtdom.lock');
  let lock;
  try {
    lock = takeInstanceLock(lockFile);
  } catch (error) {
    if (error instanceof InstanceLockError)
      throw new CliError('conflict', error.message, 'A running service would not see what is restored');
    throw error;
  }
  try {
    const { rows } = await restoreDatabase({ database, file: resolve(file), ...(replace === true && { replace }) });
    terminal.error(`${rows} rows restored from ${file}\n`);
  } finally {
    lock.release();
    giveToOwner(stateDir, [lockFile, database, `${database}-wal`, `${database}-shm`]);
  }
}

/** What root makes here, the service must be able to write, which runs as the owner of its folder. */
function giveToOwner(folder: string, files: readonly string[]): void {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = statSync(folder);
  for (const file of files) if (existsSync(file)) chownSync(file, uid, gid);
}

/** A URL may hold a password. */
function shown(database: string): string {
  if (!database.includes('://')) return database;
  const url = new URL(database);
  url.password = '';
  return url.href;
}
