import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { BootClient, BootDecision } from '../model/boot-decision.ts';
import type { BootFile, BootFileRequest } from '../model/boot-file.ts';
import type { BootObserver, Observation } from '../model/boot-trace.ts';
import type { RedeemedBoot } from '../model/host-boot-store.ts';
import type { Ipv4 } from '../model/ipv4.ts';
import { type Mac, parseMac } from '../model/mac.ts';
import type { Subnet } from '../model/subnet.ts';
import type { Attempt } from './attempt.ts';
import { AttemptBook } from './attempt-book.ts';
import type { AttemptIndex } from './attempt-index.ts';
import { AttemptOpener } from './attempt-opener.ts';
import { hangsOnAddress, opensAttempt } from './attempt-rules.ts';
import type { AttemptStore, StoredAttempt } from './attempt-store.ts';
import type { BootListener } from './boot-event.ts';
import { BootFacts, type BootObjects, type ImageShelf } from './boot-facts.ts';
import { type BootState, bootStateOf } from './boot-state.ts';
import { ClientTree, type Preview } from './client-tree.ts';
import { Decider } from './decider.ts';
import { assumedClient, type DecisionNow, type DecisionNowResult, profileOrigin } from './decision-now.ts';
import type { ClientLookup } from './identify.ts';
import { KnownClients } from './known-clients.ts';
import type { ProvedBoots } from './proved-boots.ts';
import { lateReason } from './redemption.ts';
import { LoaderFolder } from './static-files.ts';
import type { TemplateSet } from './template-set.ts';
import { type TemplateCheck, TemplateShelf, type TemplateUse } from './template-shelf.ts';
import { withoutToken } from './tree-path.ts';
import { WaitingRoom } from './waiting-room.ts';

/** Who takes note of clients that are no machines of ours. Must not throw and must not wait: called on the way of a packet. */
export interface Sightings {
  /** Firmware asked to boot. */
  seen(client: BootClient, subnet: Subnet, atMs: number): void;
  addressed(mac: Mac, address: Ipv4): void;
}

export interface BootDeskDependencies {
  readonly objects: BootObjects;
  readonly images: ImageShelf;
  /** Static files for everybody: `pxegrub`, `undionly.kpxe`, `grub/i386-pc/*.mod`. */
  readonly loadersDir: string;
  readonly templates: TemplateSet;
  /** Of our boot HTTP server. */
  readonly httpPort: number;
  readonly clients: ClientLookup;
  /** When this address last read an image, wall-clock milliseconds: such an address is never given away. */
  readonly lastRead?: (address: Ipv4) => number | undefined;
  readonly sightings?: Sightings;
  /** The VM that has this MAC, in words: such a client is no machine, and no stranger. Called on the way of a packet. */
  readonly guestOf?: (mac: Mac) => string | undefined;
  /** The boot that was asked for once has got its kernel: it is not to be had again, from this moment on. */
  readonly oneShotUsed?: (id: string) => void;
  readonly store: AttemptStore;
  /** Absent where nobody wants to know which boot of a machine runs: then they are not kept. */
  readonly boots?: ProvedBoots;
  /** Signs boot tokens: 32 bytes that survive restarts. */
  readonly secret: Uint8Array;
  readonly clock: Clock;
  readonly log: Log;
  readonly listener: BootListener;
}

export type HelloResult =
  | { readonly accepted: true; /** What the machine is told, as JSON. */ readonly session?: string }
  | { readonly accepted: false; readonly reason: string };

/** An idle Dom0 reads nothing for a long time and still hangs on its address. */
const readingMs = 3_600_000;
/** Each costs memory and a row on disk, and a made-up MAC costs its sender nothing. */
const maxStrangersPerMinute = 1_000;

/**
 * The one place that says what a machine gets: DHCP asks `advise`, TFTP and HTTP `open`, the running system `hello`. It
 * sees all that servers observe and follows each power-on to its end.
 */
export class BootDesk implements BootObserver {
  readonly #deps: BootDeskDependencies;
  readonly #facts: BootFacts;
  readonly #book: AttemptBook;
  readonly #attempts: AttemptIndex;
  readonly #known: KnownClients;
  readonly #templates: TemplateShelf;
  readonly #tree: ClientTree;
  readonly #decider: Decider;
  readonly #opener: AttemptOpener;
  readonly #waiting: WaitingRoom;
  readonly #openedMs: number;
  #minute = 0;
  #strangers = 0;

  private constructor(deps: BootDeskDependencies) {
    this.#deps = deps;
    this.#openedMs = deps.clock.now();
    this.#facts = new BootFacts(deps.objects, deps.images, deps.httpPort);
    this.#templates = new TemplateShelf(this.#facts, deps.templates);
    this.#book = new AttemptBook({ ...deps, oneShotUsed: (id) => this.#oneShotUsed(id) });
    this.#attempts = this.#book.index;
    this.#known = new KnownClients(this.#facts, this.#attempts, deps.clients);
    const facts = this.#facts;
    const loaders = new LoaderFolder(deps.loadersDir);
    this.#tree = new ClientTree({ facts, attempts: this.#attempts, known: this.#known, templates: this.#templates, loaders });
    this.#decider = new Decider(facts, deps.guestOf);
    this.#opener = new AttemptOpener(facts, this.#templates, this.#book);
    this.#waiting = new WaitingRoom({ facts, decider: this.#decider, book: this.#book, opener: this.#opener, clock: deps.clock });
  }

  /**
   * Reads the attempts of before. A template that fails for one machine is no obstacle to the others: ask
   * {@link checkTemplates}. Rejects with Error where the store cannot be read.
   */
  static async open(deps: BootDeskDependencies): Promise<BootDesk> {
    const desk = new BootDesk(deps);
    await desk.#book.load();
    desk.#waiting.assignAll();
    return desk;
  }

  /** Stops all timers and writes what is not yet stored. */
  close(): Promise<void> {
    return this.#book.close();
  }

  /**
   * Puts all objects in place of those of before. Attempts that go on keep what they pinned; everything else counts from now
   * on. A machine that waits and is assigned by it goes on at its next poll.
   */
  setObjects(objects: BootObjects): void {
    this.#facts.setObjects(objects);
    this.#decider.objectsChanged();
    this.#waiting.assignAll();
  }

  /**
   * Decides for a DHCP packet, and opens an attempt where it begins a power-on. From memory, at once. Ask before you tell
   * `observe` of the packet: how long the attempt before was silent counts.
   */
  advise(client: BootClient, subnet: Subnet, message: 'DISCOVER' | 'REQUEST' | 'INFORM'): BootDecision {
    const nowMs = this.#deps.clock.now();
    const previous = this.#known.attemptOf(client.mac);
    const machine = this.#facts.machineByMac(client.mac);
    if (machine === undefined && client.face !== 'other' && this.#deps.guestOf?.(client.mac) === undefined)
      this.#deps.sightings?.seen(client, subnet, nowMs);
    const mayOpen = message !== 'INFORM';
    if (mayOpen && previous !== undefined && this.#waiting.isPoll(client, previous)) return this.#waiting.poll(client, subnet, previous);
    const opens = mayOpen && opensAttempt(client.face, client.mac, previous?.seen, nowMs);
    // A root that hangs on its address keeps it; who is ignored gets nothing else.
    const isKept = previous !== undefined && (machine?.ignored !== true || previous.goesOn || previous.state === 'up');
    if (!opens && isKept) {
      this.#book.touch(previous, `DHCP ${message} received`, nowMs);
      return this.#decider.decide(client, subnet, previous);
    }
    const decision = this.#decider.decide(client, subnet);
    const isBegin = opens && (decision.kind === 'boot' || decision.kind === 'local');
    if (isBegin && machine === undefined && !this.#admitsStranger(nowMs))
      return { kind: 'ignore', reason: `over ${maxStrangersPerMinute} unknown clients began to boot within a minute: it will ask again` };
    if (isBegin) this.#opener.open(decision, client, subnet, { before: previous });
    return decision;
  }

  reservedAddress(mac: Mac, subnet: Subnet): Ipv4 | undefined {
    return this.#facts.reservedAddress(mac, subnet);
  }

  isReserved(address: Ipv4): boolean {
    return this.#facts.isReserved(address);
  }

  /** Whether a root or a loader hangs on this address: its machine is up, mounted its root or waits, or it reads from us. */
  addressInUse(address: Ipv4): boolean {
    const nowMs = this.#deps.clock.now();
    const attempt = this.#attempts.atAddress(address);
    const isNewest = attempt !== undefined && attempt === this.#attempts.newestOf(attempt.pins.machine.name);
    // After a restart nobody was heard of yet.
    const lastSeenMs = Math.max(attempt?.lastSeenMs ?? 0, this.#openedMs);
    if (isNewest && attempt.addresses.at(-1) === address && hangsOnAddress(attempt, nowMs - lastSeenMs)) return true;
    const readMs = this.#deps.lastRead?.(address);
    return readMs !== undefined && nowMs - readMs < readingMs;
  }

  /** One path of the boot tree as this client sees it. Reading changes nothing. */
  open(request: Pick<BootFileRequest, 'clientAddress' | 'path'>): Promise<BootFile> {
    return this.#tree.open(request);
  }

  /** The running system reports: its boot token ends the attempt, once. */
  async hello(request: { readonly token: string; readonly clientAddress: Ipv4; readonly body: string }): Promise<HelloResult> {
    const atMs = this.#deps.clock.now();
    const { token, clientAddress } = request;
    const attempt = this.#attempts.ofToken(token);
    const refuse = (reason: string): HelloResult => {
      this.#book.onIgnored(attempt, { kind: 'ignored', atMs, protocol: 'http', clientAddress, reason });
      return { accepted: false, reason };
    };
    const owner = attempt && this.#known.ownerOf(attempt);
    const identity = owner && this.#known.identify(clientAddress, owner);
    if (identity?.kind === 'conflict') return refuse(`this boot token is another machine's: ${identity.reason}`);
    if (!this.#facts.isLocal(clientAddress)) return refuse(`${clientAddress} is on no subnet that machines boot on`);
    if (attempt === undefined || owner === undefined) return refuse('this boot token is of no attempt that we know');
    const { name } = owner.machine;
    const isOfMachine = (other: Attempt): boolean => other.pins.mac === owner.mac || this.#known.ownerOf(other).machine.name === name;
    const since = this.#attempts.after(attempt, isOfMachine);
    const redemption = this.#book.redeem(attempt, { from: clientAddress, atMs, since, newest: this.#deps.boots?.newest(name) });
    if (redemption.kind === 'refused') return refuse(redemption.reason);
    // The machine hears yes only when no restart of ours can make the token good again, and its boot is kept.
    const kept = await this.#book.keep(attempt, this.#redeemedBoot(attempt, name, { address: clientAddress, redeemedMs: atMs }));
    if (kept.kind === 'late') return refuse(lateReason(attempt, kept.by.attempt));
    const session = kept.boot === undefined ? undefined : this.#deps.boots?.kept(kept.boot, this.#facts.httpUrl(attempt.pins.subnet));
    this.#book.answered(attempt);
    return { accepted: true, ...(session !== undefined && { session }) };
  }

  /** Of the machine that it is by now; nobody's, where the client is still unknown: made-up MACs make no hosts. */
  #redeemedBoot(attempt: Attempt, machine: string, hello: Pick<RedeemedBoot, 'address' | 'redeemedMs'>): RedeemedBoot | undefined {
    const { id, openedMs, provedBefore, pins } = attempt;
    if (this.#deps.boots === undefined || this.#facts.machineByName(machine) === undefined) return undefined;
    const known = { machine, attempt: id, mac: pins.mac, openedMs, ...hello };
    return provedBefore === undefined ? known : { ...known, provedBefore };
  }

  observe(observation: Observation): void {
    switch (observation.kind) {
      case 'dhcp': {
        const attempt = this.#known.attemptOf(observation.mac);
        if (attempt !== undefined) this.#book.onDhcp(attempt, observation);
        const { message, mac, address } = observation;
        if (message === 'ACK' && address !== undefined && this.#facts.machineByMac(mac) === undefined)
          this.#deps.sightings?.addressed(mac, address);
        return;
      }
      case 'foreign':
        return this.#book.onForeign(this.#known.attemptOf(observation.mac), observation);
      case 'file': {
        const { atMs, protocol, clientAddress, phase } = observation;
        const attempt = this.#known.attemptAt(clientAddress, observation.path);
        const path = withoutToken(this.#known.pathOf(observation.path));
        const reason = observation.reason === undefined ? undefined : withoutToken(observation.reason);
        if (attempt !== undefined) {
          this.#book.onFile(attempt, { ...observation, path, ...(reason !== undefined && { reason }) });
          if (attempt.state === 'waiting' && phase === 'opened') this.#sawWaiting(attempt, atMs);
        } else if (phase === 'refused' || phase === 'missing')
          this.#book.onIgnored(undefined, {
            kind: 'ignored',
            atMs,
            protocol,
            clientAddress,
            reason: `${path} was ${phase}: ${reason ?? ''}`,
          });
        return;
      }
      case 'mount': {
        const attempt = this.#known.attemptAt(observation.clientAddress);
        if (attempt !== undefined) this.#book.onMount(attempt, observation);
        return;
      }
      case 'ignored': {
        const { mac, clientAddress } = observation;
        const byMac = mac === undefined ? undefined : this.#known.attemptOf(mac);
        this.#book.onIgnored(byMac ?? (clientAddress === undefined ? undefined : this.#known.attemptAt(clientAddress)), observation);
      }
    }
  }

  /** Renders every menu for every machine, a few a turn, and says what is wrong; of those that are served, or of these. */
  checkTemplates(templates?: TemplateSet, wanted?: ReadonlySet<string>): Promise<TemplateCheck> {
    return this.#templates.check(templates, wanted);
  }

  /** Who would download what is made from which templates. */
  templateUses(): readonly TemplateUse[] {
    return this.#templates.uses();
  }

  /** Serves these to attempts that begin from now on, whatever {@link checkTemplates} says of them. */
  useTemplates(templates: TemplateSet): void {
    this.#templates.current = templates;
  }

  /**
   * Exactly what the machine would download, with `<boot-token>` for its token: of the attempt that goes on, else of one
   * that would begin now.
   * @param wanted one menu, by its path or by its template's name; without it all menus of the profile
   * @param templates in place of those that are served: always of an attempt that would begin now
   */
  preview(machineName: string, wanted?: string, templates?: TemplateSet): Preview {
    return this.#tree.preview(machineName, wanted, templates);
  }

  /** The attempts of a machine that are remembered, the newest at the end. */
  attemptsOf(machineName: string): readonly StoredAttempt[] {
    return this.#attempts.historyOf(machineName).map((attempt) => attempt.toStored());
  }

  /** One of those that are remembered. */
  attempt(id: string): StoredAttempt | undefined {
    return this.#attempts.find(id)?.toStored();
  }

  /** How the newest boot of a machine stands; of a client without a name by its made-up one. */
  stateOf(machineName: string): BootState | undefined {
    const attempt = this.#newestOf(machineName);
    return attempt === undefined ? undefined : bootStateOf(attempt);
  }

  /**
   * What would be decided if the machine were switched on now. Changes nothing.
   * @param mac the NIC that would boot; without it the one that booted last, else the first
   */
  decisionNow(machineName: string, mac?: Mac): DecisionNowResult {
    const newest = this.#newestOf(machineName);
    const machine = this.#facts.machineByName(machineName);
    // A client that never began to boot is called by its MAC.
    const nic = mac ?? newest?.pins.mac ?? machine?.nics[0]?.mac ?? parseMac(machineName);
    if (nic === undefined) return { kind: 'unknown', reason: `there is no machine ${machineName}` };
    if (mac !== undefined && machine !== undefined && !machine.nics.some((each) => each.mac === mac))
      return { kind: 'unknown', reason: `${machineName} has no NIC ${mac}` };
    const { client, clientFrom } = assumedClient(nic, newest);
    const reserved = machine === undefined ? undefined : this.#facts.reservedSubnet(machine, nic);
    const lastSubnet = this.#facts.objects.subnets.find(({ name }) => name === newest?.pins.subnet.name);
    const subnet = reserved ?? lastSubnet ?? this.#facts.objects.subnets[0];
    if (subnet === undefined) return { kind: 'unknown', reason: 'there is no subnet' };
    const subnetFrom = reserved !== undefined ? 'reservation' : lastSubnet !== undefined ? 'last boot' : 'first subnet';
    const decision = this.#decider.decide(client, subnet);
    const profileFrom = profileOrigin(decision, machine);
    const oneShot = machine === undefined ? undefined : this.#decider.oneShotOf(machine.name);
    const reservedAddress = this.#facts.reservedAddress(nic, subnet);
    return {
      kind: 'decided',
      decision,
      mac: nic,
      client,
      clientFrom,
      subnet,
      subnetFrom,
      ...(machine !== undefined && { machine }),
      ...(profileFrom !== undefined && { profileFrom }),
      ...(oneShot !== undefined && { oneShot }),
      ...(reservedAddress !== undefined && { reservedAddress }),
      ...(newest?.goesOn === true && { running: runningOf(newest) }),
    };
  }

  #newestOf(machineName: string): Attempt | undefined {
    const machine = this.#facts.machineByName(machineName);
    if (machine === undefined) return this.#attempts.newestOf(machineName);
    const ofNics = machine.nics.map(({ mac }) => this.#known.attemptFor({ machine, mac }));
    return ofNics.reduce((newest, each) => ((each?.turn ?? 0) > (newest?.turn ?? 0) ? each : newest), ofNics[0]);
  }

  #admitsStranger(nowMs: number): boolean {
    const minute = Math.floor(nowMs / 60_000);
    if (minute !== this.#minute) [this.#minute, this.#strangers] = [minute, 0];
    return this.#strangers++ < maxStrangersPerMinute;
  }

  #sawWaiting(attempt: Attempt, atMs: number): void {
    const { client, pins } = attempt;
    if (client !== undefined && this.#facts.machineByMac(client.mac) === undefined) this.#deps.sightings?.seen(client, pins.subnet, atMs);
    this.#waiting.assign(attempt);
  }

  #oneShotUsed(id: string): void {
    this.#decider.oneShotUsed(id);
    this.#deps.oneShotUsed?.(id);
  }
}

function runningOf({ id, pins }: Attempt): NonNullable<DecisionNow['running']> {
  return { id, profile: pins.profile.name, ...(pins.image !== undefined && { image: pins.image }) };
}
