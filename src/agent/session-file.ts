import { readFile } from 'node:fs/promises';
import { Type } from 'typebox';
import type { Static } from 'typebox';
import { Compile } from 'typebox/compile';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';

const session = Type.Object({
  machine: Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' }),
  /** Of this machine's boot, as the server counts them. */
  boot: Type.Integer({ minimum: 1 }),
  /** The boot HTTP server. */
  server: Type.String({ pattern: '^http://[^/\\s]+/?$' }),
  bus: Type.Object({
    url: Type.String({ pattern: '^mqtts?://' }),
    username: Type.Optional(Type.String()),
    password: Type.Optional(Type.String()),
    psk: Type.Optional(Type.Boolean()),
    ca: Type.Optional(Type.String()),
  }),
});

/** What the server answered to this machine's hello: who it is, and how to reach the bus. It holds a secret of this boot. */
export type AgentSession = Static<typeof session>;

const check = Compile(session);
const lookMs = 2000;
const sayMs = 300_000;

/** @throws Error where the file is something else than a session */
export function parseSession(text: string): AgentSession {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // Without the cause: that shows a piece of the text, which may be of the secret.
    throw new Error('the answer to the hello is no JSON');
  }
  if (check.Check(json)) return json;
  const [first] = check.Errors(json);
  // Not the value: it may be the secret.
  throw new Error(`the answer to the hello is no session: ${first?.instancePath ?? ''} ${first?.message ?? ''}`);
}

/** Waits until the hello was answered; on a server without manager for ever. */
export async function waitForSession(file: string, clock: Clock, log: Log): Promise<AgentSession> {
  let saidMs = Number.NEGATIVE_INFINITY;
  for (;;) {
    try {
      return parseSession(await readFile(file, 'utf8'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    if (clock.monotonic() - saidMs >= sayMs) {
      log.info({ file }, 'waiting for the answer to the hello');
      saidMs = clock.monotonic();
    }
    await new Promise<void>((resolve) => {
      clock.after(lookMs, resolve);
    });
  }
}
