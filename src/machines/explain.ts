import type { DecisionNow, DecisionNowResult } from '../boot/decision-now.ts';
import { bootStages } from '../model/boot-profile.ts';
import { formatImageRef } from '../model/image-manifest.ts';
import type { Ipv4 } from '../model/ipv4.ts';
import type { Mac } from '../model/mac.ts';
import type { ObjectBook } from './object-book.ts';
import type { ObjectKind } from './object-schemas.ts';
import type { ObjectSnapshot } from './object-state.ts';

/** Where a value comes from. `name` is that of the object, of the image, or who asked for the one-shot boot. */
export interface Origin {
  readonly from: 'machine' | 'profile' | 'subnet' | 'default' | 'image' | 'one-shot' | 'lease' | 'last boot';
  readonly name?: string;
}

/** One value that a boot would have now. */
export interface ExplainedValue {
  /** As in the documents: `profile`, `parameters.console`, `stageSeconds.kernel`. */
  readonly key: string;
  readonly value: unknown;
  readonly origin: Origin;
  /** In words, where the origin does not say it all. */
  readonly note?: string;
  /** What would count if this value were not there, the next first. */
  readonly shadowed: readonly { readonly value: unknown; readonly origin: Origin }[];
}

export type Explanation =
  | {
      readonly kind: 'explained';
      readonly name: string;
      readonly known: boolean;
      /** What it would get if it were switched on now. */
      readonly decision: DecisionNow['decision']['kind'] | 'wait';
      readonly reason: string;
      /** A boot that goes on keeps what it pinned. */
      readonly running?: NonNullable<DecisionNow['running']>;
      readonly values: readonly ExplainedValue[];
    }
  | { readonly kind: 'not-found' }
  /** There is nothing to decide yet: no subnet, or no NIC of that address. */
  | { readonly kind: 'undecided'; readonly reason: string };

export interface ExplainDependencies {
  readonly book: Pick<ObjectBook, 'current'>;
  /** The boot desk: the decision that every protocol gets. */
  readonly boots: { decisionNow(machine: string): DecisionNowResult };
  readonly unknown: { find(nameOrMac: string): unknown };
  /** The address that a client has now. */
  readonly leases: { leaseOf(mac: Mac): Ipv4 | undefined };
}

/** What a machine would boot now, and of each value that counts where it comes from and what it hides. */
export function explainMachine(name: string, { book, boots, unknown, leases }: ExplainDependencies): Explanation {
  const { current } = book;
  const known = current.find('Machine', name) !== undefined;
  const now = boots.decisionNow(name);
  if (now.kind === 'unknown')
    return known || unknown.find(name) !== undefined ? { kind: 'undecided', reason: now.reason } : { kind: 'not-found' };
  const { decision, running } = now;
  return {
    kind: 'explained',
    name,
    known,
    decision: decision.kind === 'boot' && decision.waiting === true ? 'wait' : decision.kind,
    reason: decision.reason,
    ...(running !== undefined && { running }),
    values: new Explainer(current, name, now).values(leases.leaseOf(now.mac)),
  };
}

interface Candidate {
  readonly value: unknown;
  readonly origin: Origin;
}

class Explainer {
  readonly #snapshot: ObjectSnapshot;
  readonly #name: string;
  readonly #now: DecisionNow;
  readonly #values: ExplainedValue[] = [];

  constructor(snapshot: ObjectSnapshot, name: string, now: DecisionNow) {
    this.#snapshot = snapshot;
    this.#name = name;
    this.#now = now;
  }

  values(leased: Ipv4 | undefined): readonly ExplainedValue[] {
    this.#identity();
    this.#network(leased);
    this.#boot();
    this.#parameters();
    return this.#values;
  }

  #identity(): void {
    const { machine, mac, client, clientFrom } = this.#now;
    const seen: Origin = clientFrom === 'last boot' ? { from: 'last boot' } : { from: 'default' };
    this.#add('mac', [{ value: mac, origin: machine === undefined ? { from: 'last boot' } : this.#machine() }]);
    if (machine?.uuid !== undefined) this.#add('uuid', [{ value: machine.uuid, origin: this.#machine() }]);
    const what = client.arch === undefined ? client.face : `${client.face}, ${client.arch}`;
    this.#add('client', [{ value: what, origin: seen }], clientFrom === 'assumed' ? 'never seen to boot: taken for a BIOS ROM' : undefined);
    const ignored = machine?.ignored ?? false;
    this.#add('ignored', [{ value: ignored, origin: this.#written('Machine', this.#name, 'ignored') }]);
    if (machine?.role !== undefined) this.#add('role', [{ value: machine.role, origin: this.#machine() }]);
    for (const [key, value] of Object.entries(machine?.labels ?? {})) this.#add(`labels.${key}`, [{ value, origin: this.#machine() }]);
  }

  #network(leased: Ipv4 | undefined): void {
    const { subnet, subnetFrom, reservedAddress, decision } = this.#now;
    const because = {
      'last boot': 'where it booted last',
      reservation: 'where its address is reserved',
      'first subnet': 'the first one there is',
    };
    this.#add('subnet', [{ value: subnet.name, origin: this.#subnet() }], because[subnetFrom]);
    this.#add('mode', [{ value: subnet.mode, origin: this.#written('Subnet', subnet.name, 'mode') }]);
    const addresses: Candidate[] = [];
    if (reservedAddress !== undefined) addresses.push({ value: reservedAddress, origin: this.#machine() });
    if (leased !== undefined && leased !== reservedAddress) addresses.push({ value: leased, origin: { from: 'lease' } });
    if (subnet.pool !== undefined) addresses.push({ value: `${subnet.pool.first}-${subnet.pool.last}`, origin: this.#subnet() });
    this.#add('address', addresses);
    const leases: Candidate[] = [{ value: subnet.leaseSeconds, origin: this.#written('Subnet', subnet.name, 'leaseSeconds') }];
    if ('leaseSeconds' in decision && decision.leaseSeconds !== undefined)
      leases.unshift({ value: decision.leaseSeconds, origin: this.#written('Subnet', subnet.name, 'pendingLeaseSeconds') });
    this.#add('leaseSeconds', leases);
    for (const key of ['router', 'domain', 'option128', 'option129'] as const)
      if (subnet[key] !== undefined) this.#add(key, [{ value: subnet[key], origin: this.#subnet() }]);
    if (subnet.dnsServers.length > 0) this.#add('dnsServers', [{ value: subnet.dnsServers, origin: this.#subnet() }]);
  }

  #boot(): void {
    const { decision, machine, oneShot, subnet } = this.#now;
    const profiles: Candidate[] = [];
    if (oneShot !== undefined) profiles.push({ value: oneShot.profile, origin: { from: 'one-shot', name: oneShot.requestedBy } });
    if (machine?.profile !== undefined) profiles.push({ value: machine.profile, origin: this.#machine() });
    const { unknown } = subnet;
    const fallback = unknown.kind === 'profile' ? unknown.profile : unknown.kind === 'pending' ? 'pending' : undefined;
    if (fallback !== undefined) profiles.push({ value: fallback, origin: this.#subnet() });
    this.#add('profile', profiles);
    if (decision.kind !== 'boot') return;
    const { profile, image } = decision;
    if (decision.bootFile !== undefined) {
      const url = /^https?:/.test(decision.bootFile) ? 'fetched over HTTP' : undefined;
      this.#add('bootFile', [{ value: decision.bootFile, origin: this.#profile() }], url);
    }
    const server: Candidate[] = [{ value: subnet.serverAddress, origin: this.#written('Subnet', subnet.name, 'serverAddress') }];
    if (subnet.nextServer !== undefined) server.unshift({ value: subnet.nextServer, origin: this.#subnet() });
    this.#add('nextServer', server);
    if (decision.menuPath !== undefined)
      this.#add('menuPath', [{ value: decision.menuPath, origin: this.#profile() }], 'named by option 150');
    for (const { path, template } of profile.menus) this.#add(`menus.${template}`, [{ value: path, origin: this.#profile() }]);
    if (image !== undefined) {
      const fixed = profile.image?.includes('@') === true;
      const value = formatImageRef(image);
      this.#add(
        'image',
        [{ value, origin: fixed ? this.#profile() : { from: 'image', name: image.image } }],
        fixed ? undefined : 'the newest version that is published',
      );
    }
    for (const stage of bootStages)
      this.#add(`stageSeconds.${stage}`, [
        { value: profile.stageSeconds[stage], origin: this.#written('Profile', profile.name, 'stageSeconds', stage) },
      ]);
  }

  /** Subnet, profile, machine: the later one wins. */
  #parameters(): void {
    const { decision, machine, subnet } = this.#now;
    const profile = decision.kind === 'boot' ? decision.profile : undefined;
    const sources = [
      [machine?.parameters, this.#machine()] as const,
      [profile?.parameters, this.#profile()] as const,
      [subnet.parameters, this.#subnet()] as const,
    ];
    const keys = new Set(sources.flatMap(([parameters]) => Object.keys(parameters ?? {})));
    for (const key of [...keys].sort()) {
      const found = sources.flatMap(([parameters, origin]): Candidate[] =>
        parameters !== undefined && Object.hasOwn(parameters, key) ? [{ value: parameters[key], origin }] : [],
      );
      this.#add(`parameters.${key}`, found);
    }
  }

  #add(key: string, [first, ...shadowed]: readonly Candidate[], note?: string): void {
    if (first !== undefined) this.#values.push({ key, ...first, ...(note !== undefined && { note }), shadowed });
  }

  #machine(): Origin {
    return { from: 'machine', name: this.#name };
  }

  #subnet(): Origin {
    return { from: 'subnet', name: this.#now.subnet.name };
  }

  #profile(): Origin {
    const { decision } = this.#now;
    return decision.kind === 'boot' || decision.kind === 'local' ? this.#own('Profile', decision.profile.name) : { from: 'default' };
  }

  /** Of that object if it was written there, else the default. */
  #written(kind: ObjectKind, name: string, ...path: readonly string[]): Origin {
    const document: unknown = this.#snapshot.find(kind, name)?.document;
    const value = path.reduce<unknown>(
      (at, key) => (typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[key] : undefined),
      document,
    );
    return value === undefined ? { from: 'default' } : this.#own(kind, name);
  }

  /** A profile that nobody wrote is the built-in one. */
  #own(kind: ObjectKind, name: string): Origin {
    if (this.#snapshot.find(kind, name) === undefined) return { from: 'default' };
    return { from: kind === 'Machine' ? 'machine' : kind === 'Profile' ? 'profile' : 'subnet', name };
  }
}
