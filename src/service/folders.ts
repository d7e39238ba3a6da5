import { execFileSync } from 'node:child_process';
import { chownSync, mkdirSync } from 'node:fs';

/** Makes the folders that the service writes to, as the user that it is going to be. Does nothing for folders that are his already. */
export function prepareFolders(folders: readonly string[], user: string | undefined): void {
  const owner = user === undefined || process.getuid?.() !== 0 ? undefined : idsOf(user);
  for (const folder of folders) {
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    if (owner !== undefined) chownSync(folder, owner.uid, owner.gid);
  }
}

/** @throws Error where there is no such user. */
function idsOf(user: string): { uid: number; gid: number } {
  const id = (flag: string): number => {
    try {
      return Number(execFileSync('id', [flag, user], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
    } catch (cause) {
      throw new Error(`there is no user ${user}, which virtdom.yaml names. Type: useradd --system ${user}`, { cause });
    }
  };
  return { uid: id('-u'), gid: id('-g') };
}
