import type { Ipv4 } from '../model/ipv4.ts';
import { type Mac, parseMac } from '../model/mac.ts';
import type { Machine } from '../model/machine.ts';
import type { Attempt } from './attempt.ts';
import type { AttemptIndex } from './attempt-index.ts';
import type { BootFacts, BootObjects } from './boot-facts.ts';
import { type ClientLookup, identifyClient, type Identity, type NamedClient } from './identify.ts';
import { PathPatterns } from './menu-paths.ts';
import { normalTreePath } from './tree-path.ts';

/** What a path says of who asks, and the path that is left when a token is taken off. */
export interface NamingPath {
  readonly named?: NamedClient;
  readonly path: string;
}

/** Puts names to MACs, addresses and paths, from the configuration and from the attempts that are known. */
export class KnownClients {
  readonly #facts: BootFacts;
  readonly #attempts: AttemptIndex;
  readonly #lookup: ClientLookup;
  #patterns: { readonly of: BootObjects; readonly paths: PathPatterns } | undefined;

  constructor(facts: BootFacts, attempts: AttemptIndex, lookup: ClientLookup) {
    this.#facts = facts;
    this.#attempts = attempts;
    this.#lookup = lookup;
  }

  /** Who asks for this path from this address (see {@link identifyClient}). */
  identify(address: Ipv4, named: NamedClient | undefined): Identity {
    return identifyClient(address, named, {
      leaseOwner: (of) => this.#lookup.leaseOwner(of),
      neighbourMac: (of) => this.#lookup.neighbourMac(of),
      machineOf: (mac) => this.#machineOf(mac),
    });
  }

  /**
   * Whom a path names: by `/by-token/TOKEN` before it, or by a name or MAC where a menu's path has one.
   * @param path in its normal form
   */
  readPath(path: string): NamingPath {
    const [, token, rest] = /^\/by-token\/([\w-]+)(\/.+)$/.exec(path) ?? [];
    if (token !== undefined && rest !== undefined) {
      const attempt = this.#attempts.ofToken(token);
      return { path: rest, ...(attempt !== undefined && { named: this.ownerOf(attempt) }) };
    }
    for (const { name = '', mac: inPath } of this.#paths().read(path)) {
      const byName = inPath === undefined ? this.#machineNamed(name) : undefined;
      // Who has no name is called by its MAC, and still asks by it when it has got a name meanwhile.
      const mac = inPath ?? (byName === undefined ? parseMac(name) : undefined);
      const machine = mac === undefined ? byName : this.#machineOf(mac);
      if (machine === undefined) continue;
      const boots = mac ?? this.#attempts.newestOf(machine.name)?.pins.mac ?? machine.nics[0]?.mac;
      if (boots !== undefined) return { path, named: { machine, mac: boots } };
    }
    return { path };
  }

  /** Whose boot it is: a machine may have got its name, or another one, since it began. */
  ownerOf({ pins: { machine, mac } }: Attempt): NamedClient {
    return { machine: this.#facts.machineByMac(mac) ?? machine, mac };
  }

  /** The path as it was asked for, but what comes behind a token where one is before it. */
  pathOf(path: string): string {
    const normal = normalTreePath(path);
    const meant = normal === undefined ? undefined : this.readPath(normal).path;
    return meant === undefined || meant === normal ? path : meant;
  }

  /** The newest attempt of whoever stands behind an address, asking for a path. */
  attemptAt(address: Ipv4, path?: string): Attempt | undefined {
    const normal = path === undefined ? undefined : normalTreePath(path);
    const identity = this.identify(address, normal === undefined ? undefined : this.readPath(normal).named);
    return identity.kind === 'machine' ? this.attemptFor(identity) : this.#attempts.atAddress(address);
  }

  /** The newest attempt of the machine that has this MAC, whichever of its NICs booted. */
  attemptOf(mac: Mac): Attempt | undefined {
    const machine = this.#facts.machineByMac(mac);
    return machine === undefined ? this.#attempts.newestOfMac(mac) : this.attemptFor({ machine, mac });
  }

  /** A machine may have begun to boot before it had its name: then the attempt is its NIC's. */
  attemptFor({ machine, mac }: NamedClient): Attempt | undefined {
    const ofMachine = this.#attempts.newestOf(machine.name);
    const ofMac = this.#attempts.newestOfMac(mac);
    if (ofMachine === undefined || ofMac === undefined) return ofMachine ?? ofMac;
    return ofMac.turn > ofMachine.turn ? ofMac : ofMachine;
  }

  #paths(): PathPatterns {
    const { objects, waitingProfile } = this.#facts;
    if (this.#patterns?.of !== objects) {
      const menus = [...objects.profiles, waitingProfile].flatMap((profile) => profile.menus);
      this.#patterns = { of: objects, paths: new PathPatterns(menus.map((menu) => menu.path)) };
    }
    return this.#patterns.paths;
  }

  #machineOf(mac: Mac): Machine | undefined {
    return this.#facts.machineByMac(mac) ?? this.#attempts.newestOfMac(mac)?.pins.machine;
  }

  #machineNamed(name: string): Machine | undefined {
    const known = this.#facts.machineByName(name) ?? this.#attempts.newestOf(name)?.pins.machine;
    // A made-up name, of a machine that has one of its own by now.
    return known !== undefined && parseMac(name) !== undefined && this.#facts.machineByName(name) === undefined ? undefined : known;
  }
}
