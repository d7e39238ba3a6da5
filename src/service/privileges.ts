import { accessSync, constants } from 'node:fs';

/** What the service keeps: ports below 1024, and sockets bound to an interface (capabilities(7)). */
const kept = 'net_bind_service,net_raw';
const marker = 'VIRTDOM_PRIVILEGES_DROPPED';

/** Whether `dropPrivileges` would start the process anew: until then it sees, as root, what others do. */
export function hasPrivilegesToDrop(): boolean {
  return process.getuid?.() === 0 && process.env[marker] !== '1' && process.execve !== undefined;
}

/**
 * Where the process runs as root, starts it anew by setpriv(1) with two capabilities, no way to gain others, and as `user`
 * where one is named. Comes back only where there is nothing to drop.
 */
export function dropPrivileges(user: string | undefined): void {
  if (!hasPrivilegesToDrop() || process.execve === undefined) return;
  const setpriv = ['/usr/bin/setpriv', '/bin/setpriv'].find(isExecutable);
  if (setpriv === undefined) throw new Error('setpriv is missing, so rights cannot be dropped. Type: apt-get install util-linux');
  const sets = ['--inh-caps', '--ambient-caps', '--bounding-set'].map((set) => `${set}=-all,+${kept.replace(',', ',+')}`);
  const identity = user === undefined ? [] : [`--reuid=${user}`, `--regid=${user}`, '--init-groups'];
  const command = ['setpriv', ...identity, ...sets, '--no-new-privs', process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  process.execve(setpriv, command, { ...process.env, [marker]: '1' });
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
