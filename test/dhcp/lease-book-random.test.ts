import fc from 'fast-check';
import { expect, it } from 'vitest';
import { HeldClock } from '../../src/clock.ts';
import { LeaseBook } from '../../src/dhcp/lease-book.ts';
import { silentLog } from '../../src/log.ts';
import { formatIpv4, ipv4Number, type Ipv4 } from '../../src/model/ipv4.ts';
import type { Mac } from '../../src/model/mac.ts';
import type { Subnet } from '../../src/model/subnet.ts';
import { HeldStore, lab, ScriptedAdvisor } from './lan-fixture.ts';

type Step =
  | { readonly kind: 'discover' | 'request' | 'release' | 'decline' | 'renew'; readonly client: number }
  | { readonly kind: 'grab'; readonly client: number; readonly address: number }
  | { readonly kind: 'live'; readonly address: number }
  | { readonly kind: 'pool'; readonly first: number; readonly count: number }
  | { readonly kind: 'probe' | 'wait' | 'restart' };

const client = fc.nat(6);
const address = fc.nat(4);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constantFrom('discover', 'request', 'release', 'decline', 'renew'), client }),
  fc.record({ kind: fc.constant('grab'), client, address }),
  fc.record({ kind: fc.constant('live'), address }),
  fc.record({ kind: fc.constant('pool'), first: fc.nat(3), count: fc.nat(4) }),
  fc.record({ kind: fc.constantFrom('probe', 'wait', 'restart') }),
);

/** What clients believe: who may use which address until when. `faults` are the book's contradictions to it. */
class Farm {
  readonly clock = new HeldClock();
  readonly store = new HeldStore();
  readonly rights = new ScriptedAdvisor();
  readonly faults: string[] = [];
  readonly held = new Map<Ipv4, { readonly mac: Mac; readonly untilMs: number }>();
  subnet: Subnet = lab;
  book = this.#open();

  #open(): LeaseBook {
    return new LeaseBook({ store: this.store, subnets: [this.subnet], clock: this.clock, log: silentLog });
  }

  async take(mac: Mac, number: number, state: 'selecting' | 'renewing' | 'init-reboot'): Promise<void> {
    if (this.book.claim(mac, this.subnet, number, state, this.rights).kind !== 'grant') return;
    const text = formatIpv4(number);
    const other = this.held.get(text);
    const isNew = other?.mac !== mac;
    if (this.rights.reservedAddress(mac) !== text) {
      if (isNew && other !== undefined && other.untilMs > this.clock.now())
        this.faults.push(`${text} is given to ${mac}, but ${other.mac} has it`);
      if (isNew && this.rights.live.has(text)) this.faults.push(`${text} is live, and given to ${mac}`);
      if (this.rights.isReserved(text)) this.faults.push(`${text} is reserved, and given to ${mac}`);
    }
    const granted = await this.book.grant(mac, this.subnet, number);
    if (granted.kind === 'taken') return;
    const { lease } = granted;
    for (const [own, holder] of this.held) if (holder.mac === mac) this.held.delete(own);
    this.held.set(text, { mac, untilMs: lease.expiresMs });
  }

  async do(action: Step): Promise<void> {
    const mac = 'client' in action ? `52:54:00:00:00:0${action.client}` : '';
    const own = this.book.addressOf(mac);
    switch (action.kind) {
      case 'discover':
        this.book.offer(mac, this.subnet, undefined, this.rights);
        return;
      case 'request': {
        const offered = this.book.offeredAddress(mac, this.subnet);
        if (offered !== undefined) await this.take(mac, offered, 'selecting');
        return;
      }
      case 'renew':
        if (own !== undefined) await this.take(mac, ipv4Number(own), 'renewing');
        return;
      case 'grab':
        return this.take(mac, ipv4Number('10.0.0.100') + action.address, 'init-reboot');
      case 'release':
        if (own !== undefined && this.book.release(mac, ipv4Number(own))) this.held.delete(own);
        return;
      case 'decline':
        if (own !== undefined && this.book.decline(mac, this.subnet, ipv4Number(own))) this.held.delete(own);
        return;
      case 'live': {
        const text = formatIpv4(ipv4Number('10.0.0.100') + action.address);
        if (!this.rights.live.delete(text)) this.rights.live.add(text);
        return;
      }
      case 'pool': {
        const first = ipv4Number('10.0.0.100') + action.first;
        this.subnet = { ...lab, pool: { first: formatIpv4(first), last: formatIpv4(first + action.count) } };
        return this.book.setSubnets([this.subnet]);
      }
      case 'probe':
        for (const number of this.book.toProbe(this.subnet, 2, this.rights))
          this.book.probed(this.subnet, number, this.rights.live.has(formatIpv4(number)));
        return;
      case 'wait':
        return this.clock.advance(25 * 60_000);
      case 'restart':
        await this.book.idle();
        this.book = this.#open();
        return this.book.load();
    }
  }
}

it('never gives one address to two clients, nor a live or reserved one to a stranger, whatever happens in which order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 60, size: 'max' }), async (steps) => {
      const farm = new Farm();
      farm.rights.reservations.set('52:54:00:00:00:06', '10.0.0.101');
      for (const action of steps) await farm.do(action);
      expect(farm.faults).toEqual([]);
    }),
    { numRuns: 600 },
  );
});
