import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const socketName = '.s.PGSQL.5432';

/** A way to a PostgreSQL that can be made to swallow everything, as a machine does that lost its power: nobody says good-bye. */
export class BlackHole {
  swallowing = false;
  readonly url: string;
  readonly #folder = mkdtempSync(join(tmpdir(), 'virtdom-hole-'));
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  static async before(url: string): Promise<BlackHole> {
    const hole = new BlackHole(url);
    await new Promise<void>((resolve) => hole.#server.listen(join(hole.#folder, socketName), resolve));
    return hole;
  }

  private constructor(url: string) {
    const changed = new URL(url);
    const folder = changed.searchParams.get('host') ?? '';
    changed.searchParams.set('host', this.#folder);
    this.url = changed.href;
    this.#server = createServer((client) => {
      const behind = connect(join(folder, socketName));
      this.#pipe(client, behind);
      this.#pipe(behind, client);
    });
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #pipe(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.on('data', (bytes) => void (this.swallowing || to.write(bytes)));
    from.on('error', () => {});
    from.on('close', () => void (this.swallowing || to.destroy()));
  }
}
