import fc from 'fast-check';
import { expect, it } from 'vitest';
import { HeldClock } from '../../src/clock.ts';
import { LeaseBook } from '../../src/dhcp/lease-book.ts';
import { silentLog } from '../../src/log.ts';
import { formatIpv4, ipv4Number, type Ipv4 } from '../../src/model/ipv4.ts';
import type { Mac } from '../../src/model/mac.ts';
import { HeldStore, lab, ScriptedAdvisor, SharedLeases } from './lan-fixture.ts';

type Step =
  | { readonly kind: 'request' | 'renew' | 'release' | 'decline'; readonly client: number; readonly server: 0 | 1 }
  | { readonly kind: 'hold commits' | 'let commits through' | 'fail commits' | 'kill and restart'; readonly server: 0 | 1 }
  | { readonly kind: 'discover'; readonly client: number }
  | { readonly kind: 'hold news' | 'tell news' | 'lose news' | 'wait' };

const client = fc.nat(4);
const server = fc.constantFrom(0 as const, 1 as const);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('discover'), client }) },
  { weight: 10, arbitrary: fc.record({ kind: fc.constantFrom('request', 'request', 'renew', 'release', 'decline'), client, server }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('hold commits', 'let commits through', 'let commits through', 'fail commits', 'kill and restart'),
      server,
    }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constantFrom('hold news', 'tell news', 'lose news', 'wait') }) },
);

/** Two servers on one database, and what their clients were told. `faults` are the servers' contradictions to it. */
class Farm {
  readonly clock = new HeldClock();
  readonly shared = new SharedLeases();
  readonly rights = new ScriptedAdvisor();
  readonly faults: string[] = [];
  readonly held = new Map<Ipv4, { readonly mac: Mac; readonly untilMs: number }>();
  /** The question of each client that it takes an answer to; no answer comes to an earlier one. */
  readonly #asked = new Map<Mac, number>();
  #questions = 0;
  readonly servers = [this.#start('a'), this.#start('b')];

  #start(serverId: string): { readonly store: HeldStore; readonly book: LeaseBook; dead: boolean } {
    const store = new HeldStore(this.shared);
    const book = new LeaseBook({ store, subnets: [lab], clock: this.clock, log: silentLog, serverId });
    return { store, book, dead: false };
  }

  async #take(mac: Mac, address: number, state: 'selecting' | 'renewing', number: 0 | 1): Promise<void> {
    const question = this.#ask(mac);
    const serving = this.servers[number];
    if (serving === undefined || serving.book.claim(mac, lab, address, state, this.rights).kind !== 'grant') return;
    const granted = await serving.book.grant(mac, lab, address).catch(() => undefined);
    if (granted?.kind !== 'granted' || serving.dead || this.#asked.get(mac) !== question) return;
    const text = formatIpv4(address);
    const other = this.held.get(text);
    if (other !== undefined && other.mac !== mac && other.untilMs > this.clock.now())
      this.faults.push(`${text} is given to ${mac}, but ${other.mac} has it`);
    this.#leave(mac);
    this.held.set(text, { mac, untilMs: granted.lease.expiresMs });
  }

  #ask(mac: Mac): number {
    this.#asked.set(mac, ++this.#questions);
    return this.#questions;
  }

  #leave(mac: Mac): void {
    for (const [own, holder] of this.held) if (holder.mac === mac) this.held.delete(own);
  }

  #addressOf(mac: Mac): number | undefined {
    for (const [own, holder] of this.held) if (holder.mac === mac && holder.untilMs > this.clock.now()) return ipv4Number(own);
    return undefined;
  }

  /** Whatever was acknowledged is in the database. */
  check(): void {
    for (const [address, { mac, untilMs }] of this.held) {
      const stored = this.shared.stored.get(address);
      if (untilMs > this.clock.now() && (stored?.mac !== mac || stored.state !== 'bound' || stored.expiresMs < untilMs))
        this.faults.push(`${address} was given to ${mac}, and the database has ${JSON.stringify(stored)}`);
    }
  }

  async do(action: Step): Promise<void> {
    const mac = 'client' in action ? `52:54:00:00:00:0${action.client}` : '';
    const number = 'server' in action ? action.server : 0;
    const serving = this.servers[number];
    const other = this.servers[1 - number];
    const own = this.#addressOf(mac);
    switch (action.kind) {
      case 'discover':
        this.#ask(mac);
        for (const { book } of this.servers) book.offer(mac, lab, undefined, this.rights);
        break;
      case 'request': {
        const offered = serving?.book.offeredAddress(mac, lab);
        if (offered === undefined) break;
        other?.book.withdrawOffer(mac, lab);
        this.#leave(mac);
        void this.#take(mac, offered, 'selecting', number);
        break;
      }
      case 'renew':
        if (own !== undefined) void this.#take(mac, own, 'renewing', number);
        break;
      case 'release':
      case 'decline':
        if (own === undefined) break;
        this.#ask(mac);
        this.#leave(mac);
        if (action.kind === 'release') serving?.book.release(mac, own);
        else serving?.book.decline(mac, lab, own);
        break;
      case 'hold commits':
        if (serving !== undefined) serving.store.held = true;
        break;
      case 'let commits through':
        if (serving === undefined) break;
        serving.store.held = false;
        serving.store.letThrough();
        break;
      case 'fail commits':
        serving?.store.fail();
        break;
      case 'kill and restart': {
        if (serving === undefined) break;
        serving.dead = true;
        this.shared.followers.delete(serving.store);
        const fresh = this.#start(number === 0 ? 'a' : 'b');
        await fresh.book.load();
        this.servers[number] = fresh;
        break;
      }
      case 'hold news':
        this.shared.heldNews = true;
        break;
      case 'tell news':
        this.shared.heldNews = false;
        this.shared.tell();
        break;
      case 'lose news':
        this.shared.lose();
        break;
      case 'wait':
        this.clock.advance(25 * 60_000);
    }
    await new Promise((resolve) => setImmediate(resolve));
    this.clock.advance(10);
    this.check();
  }
}

it('two servers never give one address to two clients, nor lose what they acknowledged, whatever happens in which order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 80, size: 'max' }), async (steps) => {
      const farm = new Farm();
      for (const { book } of farm.servers) await book.load();
      for (const action of steps) await farm.do(action);
      expect(farm.faults).toEqual([]);
    }),
    { numRuns: 600 },
  );
});
