import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { ProblemError } from './problems.ts';

/** OWASP's Password Storage Cheat Sheet asks for 19 MiB and 2 passes at least; 64 MiB takes about 0.1 s here. */
const defaultCost: PasswordCost = { memory: 65_536, passes: 2 };
const lanes = 1;
const tagLength = 32;
const nonceLength = 16;
/** Each takes 64 MiB and a thread of the pool, which files and DNS need too. */
const atOnce = 2;
const waitingLimit = 32;

export interface PasswordCost {
  /** KiB. */
  readonly memory: number;
  readonly passes: number;
}

interface PhcHash {
  readonly memory: number;
  readonly passes: number;
  readonly parallelism: number;
  readonly nonce: Buffer;
  readonly tag: Buffer;
}

const derive = promisify(argon2);

/** Hashes passwords with argon2id, two at a time; the others wait in a short queue. */
export class PasswordHasher {
  readonly #cost: PasswordCost;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(cost: PasswordCost = defaultCost) {
    this.#cost = cost;
  }

  /** As PHC text: `$argon2id$v=19$m=65536,t=2,p=1$nonce$tag`. */
  async hash(password: string): Promise<string> {
    const nonce = randomBytes(nonceLength);
    const tag = await this.#derive(password, { ...this.#cost, parallelism: lanes, nonce, tag: Buffer.alloc(tagLength) });
    const { memory, passes } = this.#cost;
    return `$argon2id$v=19$m=${memory},t=${passes},p=${lanes}$${base64(nonce)}$${base64(tag)}`;
  }

  /** Without a hash it takes as long all the same, and says no: who asks learns nothing of which users there are. */
  async verify(password: string, phc: string | undefined): Promise<boolean> {
    const kept =
      phc === undefined
        ? { ...this.#cost, parallelism: lanes, nonce: randomBytes(nonceLength), tag: randomBytes(tagLength) }
        : parsePhc(phc);
    const tag = await this.#derive(password, kept);
    return timingSafeEqual(tag, kept.tag) && phc !== undefined;
  }

  async #derive(password: string, { nonce, tag, memory, passes, parallelism }: PhcHash): Promise<Buffer> {
    await this.#enter();
    try {
      return await derive('argon2id', {
        message: Buffer.from(password.normalize('NFC')),
        nonce,
        tagLength: tag.length,
        memory,
        passes,
        parallelism,
      });
    } finally {
      const next = this.#waiting.shift();
      // The place goes from hand to hand: in between nobody else can take it.
      if (next === undefined) this.#running--;
      else next();
    }
  }

  async #enter(): Promise<void> {
    if (this.#running < atOnce) {
      this.#running++;
      return;
    }
    if (this.#waiting.length >= waitingLimit)
      throw new ProblemError('too-many', 'Too many log-ins at once: try again in a few seconds.', { headers: { 'retry-after': '5' } });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    await promise;
  }
}

function parsePhc(text: string): PhcHash {
  const [, memory, passes, parallelism, nonce, tag] =
    /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/.exec(text) ?? [];
  if (nonce === undefined || tag === undefined) throw new Error('a password hash in the database is not argon2id in PHC form');
  return {
    memory: Number(memory),
    passes: Number(passes),
    parallelism: Number(parallelism),
    nonce: Buffer.from(nonce, 'base64'),
    tag: Buffer.from(tag, 'base64'),
  };
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}
