import { spawn } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';

export interface PluginUser {
  readonly uid: number;
  readonly gid: number;
  /** Nobody else runs anything as this user: whatever it runs is of a plugin. */
  readonly isOwn: boolean;
}

interface UserProcess {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
}

const nobody = 'nobody';
/** Whoever is the user of everything that has none (user_namespaces(7)). */
const overflowUid = 65_534;
const killMs = 2000;
const rounds = 5;
const roundMs = 20;
const mostAtOnce = 500;
/** kill(2): all that the sender may send a signal to, but itself. */
const everything = -1;

/** Who runs plugins: `name`, where it is a user for that alone, else nobody. @throws Error where there is neither */
export function findPluginUser(passwd: string, name: string): PluginUser {
  const users = passwd.split('\n').flatMap((line) => {
    const [each = '', , uid = '', gid = ''] = line.split(':');
    return /^\d+$/.test(uid) && /^\d+$/.test(gid) ? [{ name: each, uid: Number(uid), gid: Number(gid) }] : [];
  });
  const own = users.find((user) => user.name === name);
  const isAlone = own !== undefined && users.every((user) => user.name === name || user.uid !== own.uid);
  if (own !== undefined && isAlone && own.uid > 0 && own.gid > 0 && own.uid !== overflowUid)
    return { uid: own.uid, gid: own.gid, isOwn: true };
  const other = users.find((user) => user.name === nobody);
  if (other === undefined || other.uid === 0)
    throw new Error(`there is neither a user ${name} nor ${nobody} in /etc/passwd to run plugins as`);
  return { uid: other.uid, gid: other.gid, isOwn: false };
}

/**
 * Ends what the user runs that is no part of the running plugins: neither in the group of one nor below one. The signals are sent by
 * a process of that very user, so that the kernel lets none reach another user's, whatever becomes of a number in between. No plugin
 * may be started meanwhile: where none runs, all that the user has is ended in one go, which nothing escapes by multiplying.
 */
export async function endLeftovers({ uid, gid, isOwn }: PluginUser, running: ReadonlySet<number>): Promise<void> {
  if (!isOwn || uid === 0) return;
  for (let round = 0; round < rounds; round++) {
    // Also where nothing is seen: what is another process every moment is in no list.
    const isAlone = running.size === 0;
    if (isAlone) await killAs({ uid, gid }, [everything]);
    const left = leftovers(await processesOf(uid), running);
    if (left.length === 0) return;
    if (!isAlone) await killAs({ uid, gid }, left.slice(0, mostAtOnce));
    // What it made meanwhile is found in the next round; one that hangs in the kernel, after the next plugin.
    await new Promise<void>((resolve) => {
      setTimeout(resolve, roundMs);
    });
  }
}

function leftovers(processes: ReadonlyMap<number, UserProcess>, running: ReadonlySet<number>): number[] {
  const isOfPlugin = (pid: number, depth = 0): boolean => {
    const process = processes.get(pid);
    if (process === undefined || depth > processes.size) return false;
    return running.has(pid) || running.has(process.group) || isOfPlugin(process.parent, depth + 1);
  };
  return [...processes.keys()].filter((pid) => !isOfPlugin(pid));
}

/** By the real user, which a set-user-ID program does not change; without those that have ended and wait for their parents. */
async function processesOf(uid: number): Promise<ReadonlyMap<number, UserProcess>> {
  const found = new Map<number, UserProcess>();
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const [, real] = /^Uid:\s+(\d+)/m.exec(await textOf(`/proc/${name}/status`)) ?? [];
    if (real === undefined || Number(real) !== uid) continue;
    // proc_pid_stat(5): the name in brackets may hold anything; behind it state, parent, group.
    const [state = '', parent = '', group = ''] = (await textOf(`/proc/${name}/stat`)).replace(/^.*\) /s, '').split(' ');
    if (state === '' || 'ZX'.includes(state)) continue;
    found.set(Number(name), { pid: Number(name), parent: Number(parent), group: Number(group) });
  }
  return found;
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return ''; // it has ended since
  }
}

function killAs({ uid, gid }: { readonly uid: number; readonly gid: number }, pids: readonly number[]): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const child = spawn('/bin/sh', ['-c', 'for pid do kill -s KILL -- "$pid"; done', 'sh', ...pids.map(String)], {
    cwd: '/',
    env: {},
    stdio: 'ignore',
    uid,
    gid,
    timeout: killMs,
    killSignal: 'SIGKILL',
  });
  child.once('error', () => resolve());
  child.once('exit', () => resolve());
  return promise;
}
