import type { Clock, Timer } from '../../clock.ts';
import type { NewEvent } from '../../events/event-store.ts';
import type { Log } from '../../log.ts';
import { endCommand } from '../decide/commands.ts';
import { Draft } from '../draft.ts';
import { otherBoot } from '../hear/control-answers.ts';
import type { Input } from '../hear/input.ts';
import type { ManagerStatus } from '../manager-control.ts';
import type { PropertyMessage } from '../properties/property-book.ts';
import type { AgentMessage } from '../protocol.ts';
import type { ManagerSettings } from '../settings.ts';
import { emptyState } from '../state.ts';
import type { ManagerState } from '../state.ts';
import type { Surroundings } from '../surroundings.ts';
import { takeTurn } from '../turn.ts';
import type { World } from '../world.ts';
import { AgentLink } from './agent-link.ts';
import { DropCount } from './drop-count.ts';
import { Inbox } from './inbox.ts';
import { ManagerRing } from './manager-ring.ts';
import { askPower } from './power-hands.ts';
import { RecordKeeper } from './record-keeper.ts';
import type { LeaderRecord } from './record-keeper.ts';
import type { Reflexes } from './reflexes.ts';
import { mayLead, whoLeads } from './who-leads.ts';
import type { Self } from './who-leads.ts';
import type { WorldView } from './world-view.ts';

const retryMs = 1000;
const renewMs = 5000;

/** What somebody waits for: it is settled when what it decided is durable, or is known not to be. */
interface Waiting {
  durable(state: ManagerState): void;
  lost(reason: string): void;
}

/**
 * The shell: hears, lets a turn be taken, commits what it says, and only then sends. One turn at a time; what arrives meanwhile waits
 * for the next.
 */
export class ManagerLoop {
  readonly #surroundings: Surroundings;
  readonly #settings: ManagerSettings;
  readonly #worldView: WorldView;
  readonly #reflexes: Reflexes;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #keeper: RecordKeeper;
  readonly #drops: DropCount;
  readonly #inbox: Inbox;
  readonly link: AgentLink;
  readonly ring: ManagerRing;
  /** Called after each turn that is durable. */
  onTurn: (state: ManagerState) => void = () => {};
  readonly #self: Self;
  readonly #endings: (() => void)[] = [];
  #state: ManagerState = emptyState;
  #mode: ManagerStatus['state'] = 'starting';
  #reason = 'its records are being read';
  #sinceMs: number;
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;
  #ticking: Timer | undefined;
  #lastTickMs = 0;
  #lastBeatMs = Number.NEGATIVE_INFINITY;
  #lastLookMs = Number.NEGATIVE_INFINITY;
  /** By the clock that never goes back: the leadership that is on record lasts until then. */
  #leadsUntilMs = Number.NEGATIVE_INFINITY;
  #renewedMs = Number.NEGATIVE_INFINITY;
  #followed = true;

  constructor(surroundings: Surroundings, settings: ManagerSettings, worldView: WorldView, reflexes: Reflexes) {
    this.#surroundings = surroundings;
    this.#settings = settings;
    this.#worldView = worldView;
    this.#reflexes = reflexes;
    this.#clock = surroundings.clock;
    this.#log = surroundings.log;
    this.#keeper = new RecordKeeper(surroundings.store);
    this.#sinceMs = this.#clock.now();
    this.#self = { manager: surroundings.name, instance: surroundings.newId() };
    const { name, bus } = surroundings;
    this.ring = new ManagerRing({ name, bus, clock: this.#clock, log: this.#log, tell: (event) => this.#tell(event) });
    this.#drops = new DropCount(surroundings);
    this.#inbox = new Inbox(this.#drops);
    this.link = new AgentLink(
      { bus, clock: this.#clock, log: this.#log, drops: this.#drops },
      (input) => this.take(input),
      (id, reason) => this.take({ kind: 'asked', act: (draft) => failCommand(draft, id, reason) }),
    );
  }

  get isStopped(): boolean {
    return this.#mode === 'stopped';
  }
  get state(): ManagerState {
    return this.#state;
  }
  get standing(): { readonly state: ManagerStatus['state']; readonly reason: string; readonly sinceMs: number } {
    return { state: this.#mode, reason: this.#reason, sinceMs: this.#sinceMs };
  }

  world(): World {
    return this.#worldView.at({ wallMs: this.#clock.now(), monoMs: this.#clock.monotonic() });
  }

  async open(): Promise<void> {
    const { objects, boots, bus, store, events } = this.#surroundings;
    this.#lastTickMs = this.#clock.monotonic();
    if (events !== undefined) this.#endings.push(events.subscribe((event) => this.#reflexes.remember(event)));
    this.#endings.push(
      objects.subscribe(() => {
        this.#reflexes.forgetAllBut(this.world());
        this.take({ kind: 'look' });
      }),
    );
    this.#endings.push(boots.subscribe(({ machine }) => this.#hearBoot(machine)));
    store.follow(() => (this.#followed = true));
    await this.#seekLead();
    this.#endings.push(bus.onState((state) => this.#hearBus(state.kind === 'connected', state.kind === 'connected' ? '' : state.reason)));
    Promise.all([this.link.open(), this.ring.open()]).catch((error: unknown) =>
      this.#log.error({ error: String(error) }, 'agents cannot be heard: the bus refuses to subscribe'),
    );
    this.#tick();
  }

  async close(): Promise<void> {
    this.#ticking?.cancel();
    for (const end of this.#endings) end();
    const { isStopped } = this;
    const led = this.#mode === 'leading';
    this.#stand('stopped', 'it was closed');
    this.#lose('the manager is being closed');
    await this.#running;
    if (!isStopped) this.ring.say('left', 'it was closed');
    if (led && this.#clock.monotonic() < this.#leadsUntilMs) {
      const release = this.#keeper.leaderChange({ ...this.#self, untilMs: 0 });
      await this.#keeper
        .commit([release], this.#clock.now())
        .catch((error: unknown) => this.#log.warn({ error: String(error) }, 'the lead was not handed back'));
    }
    await Promise.all([this.link.close(), this.ring.close()]);
  }

  take(input: Input): void {
    if (this.#mode !== 'leading') return;
    if (input.kind === 'message' && isOfProperties(input.message)) {
      this.#hearProperties(input.host, input.message);
      return;
    }
    this.#inbox.put(input);
    this.#wake();
  }

  /** What arrives while a run is just ending begins the next one. */
  #wake(): void {
    if (this.#running !== undefined || this.#inbox.isEmpty || this.#mode !== 'leading') return;
    this.#running = this.#run()
      .catch((error: unknown) => {
        this.#log.error({ error: stackOf(error) }, 'a turn failed; what it heard is lost, and is looked at again at the next');
        this.#lose('it failed unexpectedly: see the log');
      })
      .finally(() => {
        this.#running = undefined;
        this.#wake();
      });
  }

  /** It may be another box, or another image: nothing that was said of it before decides anything any more. */
  #hearBoot(machine: string): void {
    this.#reflexes.forget(machine);
    this.#worldView.forget(machine);
    this.take({ kind: 'look' });
  }

  /**
   * The list of what an agent extracts is asked for at each agreement, and then what it has extracted already. What is said before that
   * may be of an earlier boot.
   */
  #hearProperties(host: string, message: PropertyMessage): void {
    const entry = this.state.hosts.get(host);
    if (entry?.link.agreed !== true || entry.kept.boot !== this.#surroundings.boots.newest(host)?.boot) return;
    const other = message.boot === undefined ? undefined : otherBoot(entry.kept, message.boot);
    if (other !== undefined) return this.take({ kind: 'refused', host, reason: other, flood: false });
    const { events, ask } = this.#reflexes.hear(host, message);
    for (const event of events) this.#tell(event);
    if (ask.length > 0)
      this.link.send({ kind: 'message', host, message: { v: 1, kind: 'GETPROP', id: this.#surroundings.newId(), names: [...ask] } });
  }

  /** Does something in a turn of its own. @returns what `view` says of the state that is durable then. */
  act<Result>(act: (draft: Draft) => (state: ManagerState) => Result, lost: (reason: string) => Result): Promise<Result> {
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    if (this.#mode !== 'leading') return Promise.resolve(lost(this.#reason));
    this.take({
      kind: 'asked',
      lost: (reason) => resolve(lost(reason)),
      act: (draft) => {
        try {
          const view = act(draft);
          this.#waiting.push({ durable: (state) => resolve(view(state)), lost: (reason) => resolve(lost(reason)) });
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      },
    });
    return promise;
  }

  async #run(): Promise<void> {
    await Promise.resolve();
    while (!this.#inbox.isEmpty && this.#mode === 'leading') {
      const draft = takeTurn(this.#state, this.#inbox.takeAll(), this.world());
      for (const { about, cause } of draft.faults)
        this.#log.error({ about, error: stackOf(cause) }, 'a decision failed; everything else goes on');
      const changes = this.#keeper.changesOf(draft);
      const isDue = this.#clock.monotonic() - this.#renewedMs >= renewMs;
      if ((changes.length > 0 || isDue) && !(await this.#commit(changes))) {
        await this.#reload();
        continue;
      }
      this.#state = draft.state;
      this.#deliver(draft);
    }
  }

  /** Tries until it is durable, or until the lead is over. Each commit carries the lead: whoever lost it writes nothing. */
  async #commit(changes: Parameters<RecordKeeper['commit']>[0]): Promise<boolean> {
    for (let first = true; ; first = false) {
      const startedMs = this.#clock.monotonic();
      const untilMs = this.#clock.now() + this.#settings.leaderMs;
      const leader = this.#keeper.leaderChange({ ...this.#self, untilMs });
      try {
        if (!(await this.#keeper.commit([...changes, leader], this.#clock.now())))
          return this.#stepDown('another manager has changed the records');
        this.#renewedMs = startedMs;
        this.#leadsUntilMs = startedMs + this.#settings.leaderMs;
        // It took longer than the lead lasts: it is renewed before anything is sent, or it is somebody else's by now.
        if (this.#clock.monotonic() < this.#leadsUntilMs) return true;
        changes = [];
      } catch (error) {
        if (first) this.#log.error({ error: stackOf(error) }, 'the records could not be written; trying again');
        if (this.#mode !== 'leading') return false;
        if (this.#clock.monotonic() >= this.#leadsUntilMs) return this.#stepDown('the database does not take records');
        await new Promise<void>((resolve) => this.#clock.after(retryMs, resolve));
      }
    }
  }

  #stepDown(reason: string): false {
    this.#stand('standby', reason);
    this.#lose(reason);
    return false;
  }

  #lose(reason: string): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const each of waiting) each.lost(reason);
    for (const input of this.#inbox.takeAll()) if (input.kind === 'asked') input.lost?.(reason);
  }

  #deliver(draft: Draft): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    if (this.#mode === 'leading') for (const sending of draft.sendings) this.link.send(sending);
    for (const event of draft.events) this.#tell(event);
    if (this.#mode === 'leading') {
      for (const ask of draft.power) {
        void askPower(this.#surroundings.power, this.#clock, ask).then((reading) => this.take({ kind: 'power', ask, reading }));
      }
    }
    for (const each of waiting) each.durable(this.#state);
    this.onTurn(this.#state);
  }

  async #reload(): Promise<void> {
    if (this.#mode === 'stopped') return;
    this.#followed = true;
    await this.#seekLead().catch((error: unknown) => this.#log.error({ error: stackOf(error) }, 'the records could not be read'));
  }

  /** Reads the records, and leads where nobody else does. */
  async #seekLead(): Promise<void> {
    const { name } = this.#surroundings;
    const nowMs = this.#clock.monotonic();
    const { state, unreadable, leader } = await this.#keeper.load(nowMs + this.#settings.returnGraceMs);
    this.#followed = false;
    for (const { area, id, reason } of unreadable)
      this.#log.error({ area, id, reason }, 'a record of the manager cannot be read; it is left alone');
    const connected = this.#surroundings.bus.state.kind === 'connected';
    const bus = { connected, reason: connected ? '' : 'not connected yet', sinceMs: this.#clock.now() };
    this.#state = { ...state, memory: { ...state.memory, bus } };
    this.#reflexes.restore(this.#state);
    if (this.#mode === 'stopped' || !this.#mayLead(leader)) {
      if (this.#mode !== 'stopped') this.#stand('standby', whoLeads(leader, this.#self));
      return;
    }
    const startedMs = this.#clock.monotonic();
    const change = this.#keeper.leaderChange({ ...this.#self, untilMs: this.#clock.now() + this.#settings.leaderMs });
    if (!(await this.#keeper.commit([change], this.#clock.now()))) {
      this.#stand('standby', 'another manager was quicker');
      return;
    }
    if (this.isStopped) return;
    this.#renewedMs = startedMs;
    this.#leadsUntilMs = startedMs + this.#settings.leaderMs;
    this.#stand(
      'leading',
      leader === undefined || leader.manager === name ? 'nobody else leads' : `${leader.manager} has not renewed its lead`,
    );
    // It may have come or gone while the lead was written, when nothing was heard.
    const { state: now } = this.#surroundings.bus;
    this.take({ kind: 'bus', connected: now.kind === 'connected', reason: now.kind === 'connected' ? '' : now.reason });
    for (const [host, presence] of this.link.presences) this.take({ kind: 'presence', host, presence });
    this.take({ kind: 'look' });
  }

  #mayLead(leader: LeaderRecord | undefined): boolean {
    const { takeoverMs } = this.#settings;
    return mayLead(leader, this.#self, { starting: this.#mode === 'starting', nowMs: this.#clock.now(), takeoverMs });
  }

  #stand(mode: ManagerStatus['state'], reason: string): void {
    const changed = this.#mode !== mode;
    this.#mode = mode;
    this.#reason = reason;
    if (!changed) return;
    this.#sinceMs = this.#clock.now();
    if (mode !== 'leading' && mode !== 'standby') return;
    this.#tell({
      atMs: this.#clock.now(),
      kind: `manager.${mode}`,
      severity: mode === 'leading' ? 'info' : 'warning',
      detail: { manager: this.#surroundings.name, reason },
    });
    this.ring.say(mode, reason);
  }

  /** Triggers see what is told: from the service, which hands it back with what others tell, or else from here. */
  #tell(event: NewEvent): void {
    this.#surroundings.tell(event);
    if (this.#surroundings.events === undefined) this.#reflexes.remember(event);
  }

  #hearBus(connected: boolean, reason: string): void {
    // Where the connection was lost, its will stands there.
    if (connected && (this.#mode === 'leading' || this.#mode === 'standby')) this.ring.say(this.#mode, this.#reason);
    this.take({ kind: 'bus', connected, reason });
  }

  #tick(): void {
    const nowMs = this.#clock.monotonic();
    const lateMs = nowMs - this.#lastTickMs - this.#settings.tickMs;
    this.#lastTickMs = nowMs;
    this.#drops.say();
    if (this.#mode === 'leading') {
      if (lateMs > this.#settings.stallMs) this.take({ kind: 'stalled', forMs: lateMs });
      if (nowMs - this.#lastBeatMs >= this.#settings.beatMs && nowMs < this.#leadsUntilMs) {
        this.#lastBeatMs = nowMs;
        this.link.beat(this.#surroundings.name, this.#surroundings.newId(), this.#surroundings.newId());
      }
      this.take({ kind: 'look' });
      if (this.#reflexes.isDue(this.#surroundings.objects.current.triggers)) {
        this.take({ kind: 'asked', act: (draft) => this.#reflexes.run(draft) });
      }
    } else if (this.#mode === 'standby' && this.#running === undefined && this.#isLookDue(nowMs)) {
      this.#lastLookMs = nowMs;
      this.#running = this.#reload().finally(() => {
        this.#running = undefined;
        this.#wake();
      });
    }
    if (this.#mode !== 'stopped') this.#ticking = this.#clock.after(this.#settings.tickMs, () => this.#tick());
  }

  /** A standby reads the records again when it hears of a change, and from time to time. */
  #isLookDue(nowMs: number): boolean {
    return nowMs - this.#lastLookMs >= (this.#followed ? renewMs : 2 * renewMs);
  }
}

function isOfProperties(message: AgentMessage): message is PropertyMessage {
  return message.kind === 'PROPVAL' || message.kind === 'PROPLIST' || message.kind === 'PROPERR';
}

function failCommand(draft: Draft, id: string, reason: string): void {
  const command = draft.open.get(id);
  if (command !== undefined) endCommand(draft, command, 'failed', reason);
}

function stackOf(cause: unknown): string {
  return cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
}
