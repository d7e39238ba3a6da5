import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../log.ts';
import type { AgentRecord, RecordedCommand, RecordedVm } from './parts.ts';

/**
 * The agent's memory as files in RAM, one for each thing, written whole and renamed: it outlives the agent's process, and is gone
 * with the machine's boot. Ids and names become file names as they are: the protocol allows no slash in them.
 */
export class FileRecord implements AgentRecord {
  readonly #dir: string;
  readonly #log: Log;
  #count = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(dir: string, log: Log) {
    this.#dir = dir;
    this.#log = log;
  }

  async load(): Promise<{ readonly session: number; readonly commands: readonly RecordedCommand[]; readonly vms: readonly RecordedVm[] }> {
    for (const folder of ['', 'commands', 'vms']) await mkdir(join(this.#dir, folder), { recursive: true, mode: 0o700 });
    const [kept] = await this.#readAll<{ readonly session: number }>('', /^session\.json$/);
    const commands = await this.#readAll<RecordedCommand & { readonly order: number }>('commands', /\.json$/);
    commands.sort((one, other) => one.order - other.order);
    this.#count = commands.at(-1)?.order ?? 0;
    return { session: kept?.session ?? 0, commands, vms: await this.#readAll<RecordedVm>('vms', /\.json$/) };
  }

  keepSession(session: number): Promise<void> {
    return this.#write('session', { session });
  }

  keepCommand(command: RecordedCommand): Promise<void> {
    return this.#write(`commands/${command.id}`, { ...command, order: ++this.#count });
  }

  forgetCommand(id: string): Promise<void> {
    return this.#inTurn(() => rm(join(this.#dir, `commands/${id}.json`), { force: true }));
  }

  keepVm(vm: RecordedVm): Promise<void> {
    return this.#write(`vms/${vm.name}`, vm);
  }

  forgetVm(name: string): Promise<void> {
    return this.#inTurn(() => rm(join(this.#dir, `vms/${name}.json`), { force: true }));
  }

  #write(name: string, value: unknown): Promise<void> {
    const path = join(this.#dir, `${name}.json`);
    return this.#inTurn(async () => {
      await writeFile(`${path}.new`, JSON.stringify(value), { mode: 0o600 });
      await rename(`${path}.new`, path);
    });
  }

  /** One after the other, so that the newest word of a thing is the last that is written. */
  #inTurn(act: () => Promise<void>): Promise<void> {
    const turn = this.#last.then(act);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #readAll<Kept>(folder: string, form: RegExp): Promise<Kept[]> {
    const found: Kept[] = [];
    for (const name of await readdir(join(this.#dir, folder))) {
      if (!form.test(name)) continue;
      try {
        found.push(JSON.parse(await readFile(join(this.#dir, folder, name), 'utf8')) as Kept);
      } catch (error) {
        this.#log.error({ err: error, file: name }, 'what an earlier agent has kept cannot be read');
      }
    }
    return found;
  }
}
