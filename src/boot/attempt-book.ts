import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { BootStage } from '../model/boot-profile.ts';
import type { Observation } from '../model/boot-trace.ts';
import type { Ipv4 } from '../model/ipv4.ts';
import type { Mac } from '../model/mac.ts';
import { Attempt, type AttemptPins } from './attempt.ts';
import { lastStage, nextStage, stageIndex, stagesOfFile } from './attempt-rules.ts';
import type { AttemptStore, PinnedMenu, StageRecord } from './attempt-store.ts';
import type { BootEvent, BootListener } from './boot-event.ts';
import { bootToken, tokenKey } from './boot-token.ts';
import { expectedPacket, likelyCauses } from './stuck.ts';

export interface AttemptBookDependencies {
  readonly store: AttemptStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly listener: BootListener;
  /** Signs boot tokens: 32 bytes that survive restarts. */
  readonly secret: Uint8Array;
}

type Of<Kind extends Observation['kind']> = Extract<Observation, { kind: Kind }>;
type Redemption = { readonly accepted: true } | { readonly accepted: false; readonly reason: string };

const attemptsPerMachine = 10;
/** Machines with attempts: clients with made-up MACs must not fill the memory. */
const maxMachines = 20_000;

/** All boot attempts: follows each through its stages, notices those that hang, and keeps them over a restart. */
export class AttemptBook {
  readonly #deps: AttemptBookDependencies;
  /** By machine name, oldest first. */
  readonly #byMachine = new Map<string, Attempt[]>();
  readonly #byMac = new Map<Mac, Attempt>();
  readonly #byAddress = new Map<Ipv4, Attempt>();
  /** By the hash of the token: how long a look-up takes says nothing of the token itself. */
  readonly #byToken = new Map<string, Attempt>();
  readonly #saving = new Map<string, Promise<void>>();
  readonly #unsaved = new Set<Attempt>();

  constructor(deps: AttemptBookDependencies) {
    this.#deps = deps;
  }

  /** Brings back what the server knew before it was restarted. Waiting times begin anew: nobody was here to see packets. */
  async load(): Promise<void> {
    for (const stored of await this.#deps.store.load()) {
      const attempt = Attempt.restore(stored);
      this.#remember(attempt);
      for (const address of attempt.addresses) this.#byAddress.set(address, attempt);
    }
    for (const history of this.#byMachine.values()) {
      const newest = history.at(-1);
      if (newest?.state === 'running') this.#watch(newest);
    }
  }

  /** Stops watching and writes what is not yet written. */
  async close(): Promise<void> {
    for (const history of this.#byMachine.values()) for (const attempt of history) attempt.watch?.cancel();
    while (this.#saving.size > 0 || this.#unsaved.size > 0) {
      await Promise.all([...this.#unsaved].map((attempt) => this.saved(attempt)));
      await Promise.all(this.#saving.values());
    }
  }

  /** Resolves when all that is known of the attempt by then is written. */
  async saved(attempt: Attempt): Promise<void> {
    for (;;) {
      const written = this.#saving.get(attempt.id);
      if (written !== undefined) await written;
      else if (this.#unsaved.has(attempt)) this.#write(attempt);
      else return;
    }
  }

  newestOf(machine: string): Attempt | undefined {
    return this.#byMachine.get(machine)?.at(-1);
  }

  newestOfMac(mac: Mac): Attempt | undefined {
    return this.#byMac.get(mac);
  }

  /** The attempt that was given this address last. */
  atAddress(address: Ipv4): Attempt | undefined {
    return this.#byAddress.get(address);
  }

  ofToken(token: string): Attempt | undefined {
    return this.#byToken.get(tokenKey(token));
  }

  /** Oldest first. */
  historyOf(machine: string): readonly Attempt[] {
    return this.#byMachine.get(machine) ?? [];
  }

  tokenOf(attempt: Attempt): string {
    return bootToken(this.#deps.secret, attempt.id);
  }

  /** Begins the attempt of a power-on; the one before it has failed if it was not up. */
  open(pins: AttemptPins, reason: string, render: () => readonly PinnedMenu[]): void {
    const nowMs = this.#deps.clock.now();
    const before = this.newestOf(pins.machine.name);
    if (before?.goesOn === true) {
      const last = lastStage(before.stages);
      const why = `the machine began anew after ${last}`;
      this.#finish(before, 'failed', why);
      this.#emit(before, { kind: 'failed', lastStage: last, lastPacket: before.lastPacket, reason: why });
    }
    const attempt = new Attempt(`${pins.machine.name}-${nowMs}`, pins, nowMs, reason, render);
    this.#remember(attempt);
    attempt.lastPacket = 'DHCP DISCOVER received';
    this.#emit(
      attempt,
      { kind: 'opened', profile: pins.profile.name, ...(pins.image !== undefined && { image: pins.image }), reason },
      nowMs,
    );
    this.#watch(attempt);
    this.#save(attempt);
  }

  /** Something of this attempt was seen. */
  touch(attempt: Attempt, packet: string, atMs: number): void {
    attempt.lastSeenMs = Math.max(attempt.lastSeenMs, atMs);
    attempt.lastPacket = packet;
  }

  onDhcp(attempt: Attempt, { atMs, message, direction, address, bytes }: Of<'dhcp'>): void {
    this.touch(attempt, `DHCP ${message} ${direction}${address === undefined ? '' : ` (${address})`}`, atMs);
    const record = { atMs, protocol: 'dhcp', bytes, ...(address !== undefined && { address }) } as const;
    if (direction === 'received') {
      if (message === 'DISCOVER') this.#reach(attempt, { stage: 'discover', ...record });
      return;
    }
    if (message === 'OFFER') this.#reach(attempt, { stage: 'offer', ...record });
    if (message === 'NAK') this.#trouble(attempt, 'we refused the address that the machine asked for (DHCP NAK)');
    if (message !== 'ACK') return;
    if (address !== undefined) this.#moveTo(attempt, address);
    this.#reach(attempt, { stage: attempt.has('kernel') ? 'kernel-lease' : 'lease', ...record });
  }

  onFile(attempt: Attempt, observation: Of<'file'>): void {
    const { atMs, protocol, phase, path, bytes, size, reason } = observation;
    this.touch(attempt, `${protocol.toUpperCase()} ${path} ${phase} (${bytes} bytes)`, atMs);
    const known = { ...(size !== undefined && { size }), ...(reason !== undefined && { reason }) };
    this.#emit(attempt, { kind: 'file', protocol, phase, file: path, bytes, ...known }, atMs);
    if (phase === 'missing' || phase === 'refused')
      this.#trouble(attempt, `${path} was ${phase}${reason === undefined ? '' : `: ${reason}`}`);
    if (phase === 'aborted') this.#trouble(attempt, `the transfer of ${path} broke off after ${bytes} bytes`);
    if (phase === 'opened') this.#resume(attempt, `${path} was asked for`);
    if (!isWhole(attempt, observation)) return;
    const stored = { ...attempt.pins };
    for (const stage of stagesOfFile(path, stored)) this.#reach(attempt, { stage, atMs, protocol, file: path, bytes: size ?? bytes });
  }

  onMount(attempt: Attempt, { atMs, path, outcome }: Of<'mount'>): void {
    this.touch(attempt, `NFS mount of ${path} ${outcome}`, atMs);
    if (outcome === 'mounted') this.#reach(attempt, { stage: 'mount', atMs, protocol: 'nfs', file: path });
    if (outcome === 'refused' || outcome === 'missing') this.#trouble(attempt, `the NFS mount of ${path} was ${outcome}`);
  }

  /** A packet of a known or unknown sender that got no answer. */
  onIgnored(attempt: Attempt | undefined, observation: Of<'ignored'>): void {
    const { kind, atMs, protocol, mac, clientAddress, reason } = observation;
    if (attempt === undefined) {
      this.#deps.listener({
        kind,
        atMs,
        protocol,
        reason,
        ...(mac !== undefined && { mac }),
        ...(clientAddress !== undefined && { address: clientAddress }),
      });
      return;
    }
    this.#trouble(attempt, `a ${protocol.toUpperCase()} packet was ignored: ${reason}`);
    this.#emit(attempt, { kind, protocol, reason, ...(clientAddress !== undefined && { address: clientAddress }) }, atMs);
  }

  /** The hello of a running system uses its attempt's token up; a second one is refused. */
  redeem(token: string, atMs: number): Redemption {
    const attempt = this.ofToken(token);
    if (attempt === undefined) return { accepted: false, reason: 'this boot token is of no attempt that we know' };
    if (attempt !== this.newestOf(attempt.pins.machine.name))
      return { accepted: false, reason: `${attempt.pins.machine.name} was switched on again since: a newer attempt is open` };
    if (attempt.redeemedMs !== undefined)
      return { accepted: false, reason: `this boot token was used already, at ${new Date(attempt.redeemedMs).toISOString()}` };
    attempt.redeemedMs = atMs;
    this.touch(attempt, 'HTTP POST /boot/v1/hello', atMs);
    this.#reach(attempt, { stage: 'hello', atMs, protocol: 'http', file: '/boot/v1/hello' });
    return { accepted: true };
  }

  #reach(attempt: Attempt, record: StageRecord): void {
    if (attempt.has(record.stage)) return;
    const isProgress = attempt.stages.length === 0 || stageIndex(record.stage) > stageIndex(lastStage(attempt.stages));
    if (isProgress) this.#resume(attempt, `${record.stage} was reached`);
    attempt.stages.push(record);
    this.#emit(attempt, { kind: 'stage', ...record }, record.atMs);
    // An attempt that has ended, such as one superseded, keeps its state whatever still trickles in.
    if (attempt.goesOn && isProgress) {
      if (nextStage({ ...attempt.pins, stages: attempt.stages }) === undefined) this.#end(attempt, record.stage);
      else this.#watch(attempt);
    }
    this.#save(attempt);
  }

  #end(attempt: Attempt, last: BootStage): void {
    const { profile } = attempt.pins;
    const [kind, reason] =
      profile.boot === 'local'
        ? (['local', `profile ${profile.name} boots from the machine's own disk`] as const)
        : last === 'hello'
          ? (['up', 'the running system said hello with its boot token'] as const)
          : (['handed-over', `profile ${profile.name} has nothing of ours after ${last}`] as const);
    this.#finish(attempt, kind, reason);
    this.#emit(attempt, { kind, reason });
  }

  #finish(attempt: Attempt, state: Attempt['state'], reason: string): void {
    attempt.watch?.cancel();
    attempt.state = state;
    attempt.reason = reason;
    this.#save(attempt);
  }

  #watch(attempt: Attempt): void {
    attempt.watch?.cancel();
    const expected = nextStage({ ...attempt.pins, stages: attempt.stages });
    if (expected === undefined) return;
    const seconds = attempt.pins.profile.stageSeconds[expected];
    attempt.watch = this.#deps.clock.after(seconds * 1000, () => this.#stuck(attempt, expected, seconds));
  }

  #stuck(attempt: Attempt, expected: BootStage, waitedSeconds: number): void {
    const last = lastStage(attempt.stages);
    const packet = expectedPacket(expected, attempt.pins);
    attempt.state = 'stuck';
    attempt.reason = `${waitedSeconds} s after ${last}, still no ${packet}`;
    this.#save(attempt);
    this.#emit(attempt, {
      kind: 'stuck',
      lastStage: last,
      lastPacket: attempt.lastPacket,
      expectedStage: expected,
      expectedPacket: packet,
      waitedSeconds,
      causes: likelyCauses(expected, attempt.troubles),
    });
  }

  #resume(attempt: Attempt, reason: string): void {
    if (attempt.state !== 'stuck') return;
    attempt.state = 'running';
    attempt.reason = reason;
    this.#emit(attempt, { kind: 'resumed', reason });
    this.#watch(attempt);
    this.#save(attempt);
  }

  #trouble(attempt: Attempt, what: string): void {
    if (attempt.troubles.at(-1) === what) return;
    attempt.troubles.push(what);
    if (attempt.troubles.length > 5) attempt.troubles.shift();
  }

  #moveTo(attempt: Attempt, address: Ipv4): void {
    this.#byAddress.set(address, attempt);
    if (!attempt.addresses.includes(address)) attempt.addresses.push(address);
  }

  #remember(attempt: Attempt): void {
    const { machine, mac } = attempt.pins;
    const history = this.#byMachine.get(machine.name) ?? [];
    // Put last, so that the first machine of the map is the one that was silent longest.
    this.#byMachine.delete(machine.name);
    this.#byMachine.set(machine.name, history);
    history.push(attempt);
    for (const nic of machine.nics) this.#byMac.set(nic.mac, attempt);
    this.#byMac.set(mac, attempt);
    this.#byToken.set(tokenKey(this.tokenOf(attempt)), attempt);
    while (history.length > attemptsPerMachine) this.#forget(history.shift());
    if (this.#byMachine.size <= maxMachines) return;
    const [oldest = ''] = this.#byMachine.keys();
    for (const forgotten of this.#byMachine.get(oldest) ?? []) this.#forget(forgotten);
    this.#byMachine.delete(oldest);
  }

  #forget(attempt: Attempt | undefined): void {
    if (attempt === undefined) return;
    attempt.watch?.cancel();
    this.#byToken.delete(tokenKey(this.tokenOf(attempt)));
    for (const [map, keys] of [
      [this.#byMac, [attempt.pins.mac, ...attempt.pins.machine.nics.map((nic) => nic.mac)]],
      [this.#byAddress, attempt.addresses],
    ] as const)
      for (const key of keys) if (map.get(key) === attempt) map.delete(key);
  }

  /** Writes soon, once for all that changes meanwhile: rendering and the store stay off the way of the packet. */
  #save(attempt: Attempt): void {
    if (this.#unsaved.has(attempt)) return;
    this.#unsaved.add(attempt);
    setImmediate(() => {
      if (!this.#saving.has(attempt.id)) this.#write(attempt);
    });
  }

  #write(attempt: Attempt): void {
    if (!this.#unsaved.delete(attempt)) return;
    const written = this.#deps.store
      .save(attempt.toStored())
      .catch((error: unknown) => this.#deps.log.error({ err: error, attempt: attempt.id }, 'the boot attempt could not be stored'))
      .then(() => {
        this.#saving.delete(attempt.id);
        this.#write(attempt);
      });
    this.#saving.set(attempt.id, written);
  }

  /** @param atMs when the packet came, where the event is of one: workers tell of it a moment later */
  #emit(attempt: Attempt, event: EventBody, atMs = this.#deps.clock.now()): void {
    const { machine, mac } = attempt.pins;
    this.#deps.listener({ atMs, elapsedMs: atMs - attempt.openedMs, attempt: attempt.id, machine: machine.name, mac, ...event });
  }
}

/** An event without what every event of an attempt has. */
type EventBody = BootEvent extends infer One
  ? One extends BootEvent
    ? Omit<One, 'atMs' | 'elapsedMs' | 'attempt' | 'machine' | 'mac'>
    : never
  : never;

/** Whether the client has the whole file now. HTTP clients may fetch it in ranges, TFTP only in one go. */
function isWhole(attempt: Attempt, { phase, protocol, path, bytes, size }: Of<'file'>): boolean {
  const isEnd = phase === 'finished' || phase === 'aborted';
  if (!isEnd) return false;
  if (size === undefined || bytes >= size) return phase === 'finished';
  if (protocol === 'tftp') return false;
  const sent = (attempt.sentByPath.get(path) ?? 0) + bytes;
  attempt.sentByPath.set(path, sent);
  return phase === 'finished' && sent >= size;
}
