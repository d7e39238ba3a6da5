import { randomBytes } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { BootStage } from '../model/boot-profile.ts';
import type { Observation } from '../model/boot-trace.ts';
import type { RedeemedBoot } from '../model/host-boot-store.ts';
import type { Ipv4 } from '../model/ipv4.ts';
import { Attempt, type AttemptStart, type Trouble } from './attempt.ts';
import { AttemptIndex } from './attempt-index.ts';
import { lastStage, nextStage, stageIndex, stagesOfFile, usesOneShot } from './attempt-rules.ts';
import type { AttemptStore, Redeemed, StageRecord } from './attempt-store.ts';
import { AttemptWriter } from './attempt-writer.ts';
import type { BootEvent, BootListener } from './boot-event.ts';
import type { ProvedBoots } from './proved-boots.ts';
import { byLastWord, type Hello, helloRetryMs, judgeHello, lateReason, type Redemption } from './redemption.ts';
import { expectedPacket, likelyCauses } from './stuck.ts';

export interface AttemptBookDependencies {
  readonly store: AttemptStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly listener: BootListener;
  readonly boots?: ProvedBoots;
  /** Signs boot tokens: 32 bytes that survive restarts. */
  readonly secret: Uint8Array;
  /** Called when the boot that was asked for once has got its kernel; more than once for one id is no harm. */
  readonly oneShotUsed: (id: string) => void;
}

type Of<Kind extends Observation['kind']> = Extract<Observation, { kind: Kind }>;

/** All boot attempts: follows each through its stages, notices those that hang, and keeps them over a restart. */
export class AttemptBook {
  readonly #deps: AttemptBookDependencies;
  readonly #writer: AttemptWriter;
  readonly index: AttemptIndex;

  constructor(deps: AttemptBookDependencies) {
    this.#deps = deps;
    this.#writer = new AttemptWriter(deps.store, deps.log);
    this.index = new AttemptIndex(deps.secret);
  }

  /** Brings back what the server knew before it was restarted. Waiting times begin anew: nobody was here to see packets. */
  async load(): Promise<void> {
    const restored = (await this.#deps.store.load()).map((stored) => Attempt.restore(stored));
    for (const attempt of restored.toSorted(byLastWord)) this.index.remember(attempt);
    for (const attempt of this.index.all()) {
      if (attempt.oneShot?.used === true) this.#deps.oneShotUsed(attempt.oneShot.id);
      else this.#useOneShot(attempt);
    }
    for (const newest of this.index.newest()) if (newest.state === 'booting') this.#watch(newest);
  }

  /** Stops watching and writes what is not yet written. */
  async close(): Promise<void> {
    for (const attempt of this.index.all()) attempt.watch?.cancel();
    await this.#writer.idle();
  }

  /**
   * Begins the attempt of a power-on, or of a machine that waited and was assigned. The one before it has ended.
   * @param before the newest attempt of the machine or of its NIC
   */
  open(start: Omit<AttemptStart, 'openedMs'>, before: Attempt | undefined): Attempt {
    const nowMs = this.#deps.clock.now();
    for (const older of new Set([before, this.index.newestOf(start.pins.machine.name)]))
      if (older?.goesOn === true) this.#supersede(older, start);
    const provedBefore = this.#deps.boots?.latest;
    const known = { ...start, openedMs: nowMs, ...(provedBefore !== undefined && { provedBefore }) };
    const attempt = new Attempt(attemptId(start.pins.machine.name, nowMs), known);
    this.index.remember(attempt);
    attempt.lastPacket = before !== undefined && start.stages !== undefined ? before.lastPacket : 'DHCP DISCOVER received';
    const { profile, image } = start.pins;
    const { oneShot, reason } = start;
    this.#emit(
      attempt,
      { kind: 'opened', profile: profile.name, ...(image !== undefined && { image }), ...(oneShot !== undefined && { oneShot }), reason },
      nowMs,
    );
    if (attempt.state === 'waiting') this.#emit(attempt, { kind: 'waiting', reason }, nowMs);
    else this.#watch(attempt);
    this.#writer.save(attempt);
    return attempt;
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
    if (message === 'NAK')
      this.#trouble(attempt, 'we refused the address that the machine asked for (DHCP NAK)', ['lease', 'kernel-lease']);
    if (message !== 'ACK') return;
    if (address !== undefined) this.index.moveTo(attempt, address);
    this.#reach(attempt, { stage: attempt.has('kernel') ? 'kernel-lease' : 'lease', ...record });
  }

  onFile(attempt: Attempt, observation: Of<'file'>): void {
    const { atMs, protocol, phase, path, bytes, size, reason } = observation;
    this.touch(attempt, `${protocol.toUpperCase()} ${path} ${phase} (${bytes} bytes)`, atMs);
    const { pins, polledAt } = attempt;
    const stages = stagesOfFile(path, { ...pins, ...(polledAt !== undefined && { polledAt }) });
    // Who waits asks for the same menu every few seconds, for days.
    const isPoll = attempt.state === 'waiting' && attempt.has('menu') && (stages.includes('menu') || stages.includes('loader'));
    if (!isPoll || phase === 'missing' || phase === 'refused') {
      const known = { ...(size !== undefined && { size }), ...(reason !== undefined && { reason }) };
      this.#emit(attempt, { kind: 'file', protocol, phase, file: path, bytes, ...known }, atMs);
    }
    if (phase === 'missing' || phase === 'refused') {
      const what = `${path} was ${phase}${reason === undefined ? '' : `: ${reason}`}`;
      this.#trouble(attempt, what, stages);
      // Who waits is never stuck, and would wait for ever.
      if (attempt.state === 'waiting' && stages.length > 0) this.tellWaiting(attempt, `it cannot be shown what to wait for: ${what}`);
    }
    if (phase === 'aborted') this.#trouble(attempt, `the transfer of ${path} broke off after ${bytes} bytes`, stages);
    if (phase === 'opened') this.#resume(attempt, `${path} was asked for`);
    if (!isWhole(attempt, observation)) return;
    for (const stage of stages) this.#reach(attempt, { stage, atMs, protocol, file: path, bytes: size ?? bytes });
  }

  onMount(attempt: Attempt, { atMs, path, outcome }: Of<'mount'>): void {
    this.touch(attempt, `NFS mount of ${path} ${outcome}`, atMs);
    if (outcome === 'mounted') this.#reach(attempt, { stage: 'mount', atMs, protocol: 'nfs', file: path });
    if (outcome === 'refused' || outcome === 'missing') this.#trouble(attempt, `the NFS mount of ${path} was ${outcome}`, ['mount']);
  }

  /** The client took another DHCP server's offer: what it boots is not ours to say, until it boots anew. */
  onForeign(attempt: Attempt | undefined, { atMs, mac, server, reason }: Of<'foreign'>): void {
    this.onIgnored(attempt, { kind: 'ignored', atMs, protocol: 'dhcp', mac, reason: `${reason} (${server})` });
    if (attempt?.goesOn !== true) return;
    this.touch(attempt, `DHCP REQUEST to ${server}`, atMs);
    if (attempt.has('lease')) return;
    attempt.tookOtherOffer = true;
    this.end(attempt, 'handed-over', `${reason} (${server})`);
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
    this.#trouble(attempt, `a ${protocol.toUpperCase()} packet was ignored: ${reason}`, []);
    this.#emit(attempt, { kind, protocol, reason, ...(clientAddress !== undefined && { address: clientAddress }) }, atMs);
  }

  /** The hello of a running system uses its attempt's token up, and ends what was opened since. Make it durable: {@link keep}. */
  redeem(attempt: Attempt, hello: Hello): Redemption {
    const redemption = judgeHello(attempt, hello);
    if (redemption.kind !== 'first') return redemption;
    const { from, atMs, since } = hello;
    attempt.redeemed ??= { atMs, from };
    attempt.answerDue = true;
    this.touch(attempt, 'HTTP POST /boot/v1/hello', atMs);
    this.#goOnWith(attempt, since, from);
    this.#reach(attempt, { stage: 'hello', atMs, protocol: 'http', file: '/boot/v1/hello' });
    return redemption;
  }

  /** Makes it durable that a token was redeemed, together with the boot that it proves. Rejects where the store cannot. */
  async keep(attempt: Attempt, boot: RedeemedBoot | undefined): Promise<Redeemed> {
    const redeemed = await this.#writer.redeem(attempt, boot);
    if (redeemed.kind === 'kept') attempt.isKept = true;
    else if (!attempt.isKept) this.#takeBack(attempt, redeemed.by.attempt);
    return redeemed;
  }

  /** Its hello is being answered: from now on a repeat is accepted for a while, over a restart of ours however long that takes. */
  answered(attempt: Attempt): void {
    if (attempt.answeredMs !== undefined) return;
    attempt.answeredMs = this.#deps.clock.now();
    attempt.watch?.cancel();
    attempt.watch = this.#deps.clock.after(helloRetryMs, () => {
      attempt.answerDue = false;
      this.#writer.save(attempt);
    });
  }

  /** What was opened since was no power-on of this machine, which runs, as it has just proved. */
  #goOnWith(attempt: Attempt, since: readonly Attempt[], from: Ipv4): void {
    for (const other of since)
      if (other.goesOn) this.#fail(other, `the machine did not begin anew: it has said hello by the boot before, ${attempt.id}`);
    if (since.length > 0) {
      // What the running system asked DHCP for meanwhile was taken for the newer attempt's.
      this.index.moveTo(attempt, from);
      this.index.bringForward(attempt);
    }
    if (attempt.state !== 'failed') return;
    const reason = 'it says hello: the machine did not begin anew';
    this.#setState(attempt, 'booting', reason);
    this.#emit(attempt, { kind: 'resumed', reason });
  }

  /** Another server on the same database has had a hello of this machine that began later. */
  #takeBack(attempt: Attempt, by: string): void {
    attempt.redeemed = undefined;
    attempt.answerDue = false;
    attempt.stages.splice(attempt.stages.findIndex(({ stage }) => stage === 'hello') >>> 0, 1);
    this.#fail(attempt, lateReason(attempt, by));
  }

  /** Ends an attempt for a reason that no packet of its own gives. */
  end(attempt: Attempt, kind: 'handed-over', reason: string): void {
    this.#setState(attempt, kind, reason);
    this.#emit(attempt, { kind, reason });
  }

  /** A machine that waits has something new to wait for. */
  tellWaiting(attempt: Attempt, reason: string): void {
    if (attempt.reason === reason) return;
    attempt.reason = reason;
    this.#emit(attempt, { kind: 'waiting', reason });
    this.#writer.save(attempt);
  }

  /** The attempt before has ended, as its machine begins a new one. */
  #supersede(before: Attempt, { state, stages }: Pick<AttemptStart, 'state' | 'stages'>): void {
    if (before.state === 'waiting' || (before.isUnread && stages !== undefined)) {
      this.end(before, 'handed-over', endOfWaiting(before, state));
      return;
    }
    this.#fail(before, `the machine began anew after ${lastStage(before.stages)}`);
  }

  #fail(attempt: Attempt, reason: string): void {
    const { stages, lastPacket } = attempt;
    this.#setState(attempt, 'failed', reason);
    this.#emit(attempt, { kind: 'failed', lastStage: lastStage(stages), lastPacket, reason });
  }

  #reach(attempt: Attempt, record: StageRecord): void {
    if (attempt.has(record.stage)) return;
    const isProgress = attempt.stages.length === 0 || stageIndex(record.stage) > stageIndex(lastStage(attempt.stages));
    if (isProgress) this.#resume(attempt, `${record.stage} was reached`);
    attempt.stages.push(record);
    this.#emit(attempt, { kind: 'stage', ...record }, record.atMs);
    this.#useOneShot(attempt);
    // An attempt that has ended, such as one superseded, keeps its state whatever still trickles in.
    if (attempt.goesOn && attempt.state !== 'waiting' && isProgress) {
      if (nextStage({ ...attempt.pins, stages: attempt.stages }) === undefined) this.#complete(attempt, record.stage);
      else this.#watch(attempt);
    }
    this.#writer.save(attempt);
  }

  /** Once, whatever was lost between: any stage at or after the one that uses it up. */
  #useOneShot(attempt: Attempt): void {
    const { oneShot } = attempt;
    if (oneShot === undefined || oneShot.used || !usesOneShot({ ...attempt.pins, stages: attempt.stages })) return;
    attempt.oneShot = { id: oneShot.id, used: true };
    this.#writer.save(attempt);
    this.#deps.oneShotUsed(oneShot.id);
  }

  #complete(attempt: Attempt, last: BootStage): void {
    const { profile } = attempt.pins;
    const [kind, reason] =
      profile.boot === 'local'
        ? (['local', `profile ${profile.name} boots from the machine's own disk`] as const)
        : last === 'hello'
          ? (['up', 'the running system said hello with its boot token'] as const)
          : (['handed-over', `profile ${profile.name} has nothing of ours after ${last}`] as const);
    this.#setState(attempt, kind, reason);
    this.#emit(attempt, { kind, reason });
  }

  #setState(attempt: Attempt, state: Attempt['state'], reason: string): void {
    attempt.watch?.cancel();
    attempt.state = state;
    attempt.stateSinceMs = this.#deps.clock.now();
    attempt.reason = reason;
    this.#writer.save(attempt);
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
    this.#setState(attempt, 'stuck', `${waitedSeconds} s after ${last}, still waiting for ${packet}`);
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
    this.#setState(attempt, 'booting', reason);
    this.#emit(attempt, { kind: 'resumed', reason });
    this.#watch(attempt);
  }

  #trouble(attempt: Attempt, what: string, stages: Trouble['stages']): void {
    if (attempt.troubles.at(-1)?.what === what) return;
    attempt.troubles.push({ what, stages });
    if (attempt.troubles.length > 5) attempt.troubles.shift();
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

function endOfWaiting(before: Attempt, next: AttemptStart['state']): string {
  if (before.state !== 'waiting') return 'it was assigned anew before it had read its menu';
  return next === 'waiting' ? 'the machine began anew while it waited' : 'it was assigned while it waited';
}

/** `post01-20261122T215831-k3f9`: of two servers on one database, no two alike. */
function attemptId(machine: string, atMs: number): string {
  const time = new Date(atMs).toISOString().replace(/\..*/, '').replaceAll(/[-:]/g, '');
  return `${machine}-${time}-${randomBytes(3).toString('hex')}`;
}

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
