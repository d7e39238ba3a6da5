import { Agent } from '../../src/agent/agent.ts';
import type {
  AgentRecord,
  Domain,
  Extracted,
  FetchedFiles,
  Hypervisor,
  Outcome,
  PropertySource,
  RecordedCommand,
  RecordedVm,
  VmGuest,
  VmMigration,
  VmPassport,
} from '../../src/agent/parts.ts';
import type { Bus } from '../../src/bus/bus.ts';
import { MemoryBroker } from '../../src/bus/memory-broker.ts';
import { HeldClock } from '../../src/clock.ts';
import { CapturedLog } from '../../src/log.ts';
import { topics } from '../../src/manager/protocol.ts';
import type { AgentMessage, AgentMessageOf, Presence } from '../../src/manager/protocol.ts';

export const machine = 'post01';
export const boot = 17;
export const uuid = '6b4d1b0a-1111-4222-8333-444455556666';

export const done: Outcome = { kind: 'done' };

/** What outlives an agent's process. */
export class KeptRecord implements AgentRecord {
  session = 0;
  readonly commands = new Map<string, RecordedCommand>();
  readonly vms = new Map<string, RecordedVm>();
  fails = false;

  load() {
    return Promise.resolve({ session: this.session, commands: [...this.commands.values()], vms: [...this.vms.values()] });
  }
  keepSession(session: number) {
    this.session = session;
    return this.#kept();
  }
  keepCommand(command: RecordedCommand) {
    if (!this.fails) this.commands.set(command.id, command);
    return this.#kept();
  }
  forgetCommand(id: string) {
    this.commands.delete(id);
    return this.#kept();
  }
  keepVm(vm: RecordedVm) {
    this.vms.set(vm.name, vm);
    return this.#kept();
  }
  forgetVm(name: string) {
    this.vms.delete(name);
    return this.#kept();
  }
  #kept(): Promise<void> {
    return this.fails ? Promise.reject(new Error('no space left on device')) : Promise.resolve();
  }
}

/** A hypervisor whose every word the test decides. */
export class FakeXen implements Hypervisor {
  domains: Domain[] = [];
  readonly calls: string[] = [];
  listing: 'works' | 'fails' = 'works';
  /** Awaited by `create`: a test lets it go on. */
  creating: Promise<Outcome> | undefined;
  onCreate: (name: string, config: string) => Outcome = (name, config) => {
    this.add(name, { uuid: /uuid = "([^"]+)"/.exec(config)?.[1] ?? '' });
    return done;
  };
  #domids = 0;

  add(name: string, more: Partial<Domain> = {}): void {
    this.domains.push({ name, uuid, domid: ++this.#domids, state: 'running', memoryMib: 128, vcpus: 1, ...more });
  }
  remove(name: string): void {
    this.domains = this.domains.filter((domain) => domain.name !== name);
  }
  change(name: string, more: Partial<Domain>): void {
    this.domains = this.domains.map((domain) => (domain.name === name ? Object.assign({ ...domain }, more) : domain));
  }

  list() {
    this.calls.push('list');
    return this.listing === 'works' ? Promise.resolve(this.domains) : Promise.reject(new Error('xl list did not end in time'));
  }
  info() {
    return Promise.resolve({ version: 'Xen 4.20.0', memoryMib: 1534, freeMib: 1003, cpus: 1 });
  }
  async create(name: string, config: string) {
    this.calls.push(`create ${name}`);
    const outcome = await this.creating;
    return outcome?.kind === 'failed' ? outcome : this.onCreate(name, config);
  }
  destroy(name: string) {
    return this.#act('destroy', name, () => this.remove(name));
  }
  shutdown(name: string) {
    return this.#act('shutdown', name, () => this.onShutdown(name));
  }
  onShutdown: (name: string) => void = (name) => this.remove(name);
  pause(name: string) {
    return this.#act('pause', name, () => this.change(name, { state: 'paused' }));
  }
  unpause(name: string) {
    return this.#act('unpause', name, () => this.change(name, { state: 'running' }));
  }
  #act(what: string, name: string, act: () => void): Promise<Outcome> {
    this.calls.push(`${what} ${name}`);
    act();
    return Promise.resolve(done);
  }
}

/** Doors that the test goes through, and a way out of which it knows what went. */
export class FakeMigration implements VmMigration {
  readonly doors = new Map<string, { readonly uuid: string; readonly key: string; readonly waitMs: number; readonly guest: VmGuest }>();
  readonly sent: { readonly vm: string; readonly address: string; readonly key: string; readonly passport: VmPassport }[] = [];
  opening: Outcome = done;
  sending: Outcome = done;
  isOurs: (vm: string, uuid: string) => boolean = () => false;
  readonly #xen: FakeXen;

  constructor(xen: FakeXen) {
    this.#xen = xen;
  }

  open({ vm, ...door }: Parameters<VmMigration['open']>[0], guest: VmGuest) {
    if (this.opening.kind === 'done') this.doors.set(vm, { ...door, guest });
    return Promise.resolve(this.opening);
  }

  send(vm: string, { address, key }: Parameters<VmMigration['send']>[1], passport: VmPassport) {
    this.sent.push({ vm, address, key, passport });
    if (this.sending.kind === 'done') this.#xen.remove(vm);
    return Promise.resolve(this.sending);
  }

  sweep(isOurs: (vm: string, uuid: string) => boolean): void {
    this.isOurs = isOurs;
  }

  close() {
    return Promise.resolve();
  }
}

/** A Dom0 without a machine below it, its agent, and a manager whose part the test plays. */
export class FakeDom0 {
  readonly clock = new HeldClock();
  readonly log = new CapturedLog();
  readonly broker = new MemoryBroker({ clock: this.clock });
  readonly xen = new FakeXen();
  readonly migration = new FakeMigration(this.xen);
  readonly record = new KeptRecord();
  readonly heard: AgentMessage[] = [];
  readonly presences: Presence[] = [];
  readonly readiness = new Map<string, { readonly address?: string }>();
  readonly extracted = new Set<(extracted: Extracted) => void>();
  readonly networkCalls: string[] = [];
  fetched: Promise<FetchedFiles> | undefined;
  /** In the place of those that a test says by itself. */
  properties: PropertySource | undefined;
  held = 0;
  /** Of each time that files were asked for: what is wanted beside those that come ahead of need, `all` where it is not said. */
  readonly asksAhead: (readonly string[] | undefined)[] = [];
  rebooted: string | undefined;
  agent: Agent | undefined;
  readonly manager: Bus;
  readonly #latest: Extracted = { values: [], problems: [] };
  #connections = 0;
  #ids = 0;

  constructor() {
    this.manager = this.broker.connect('manager');
  }

  static async start(): Promise<FakeDom0> {
    const dom0 = new FakeDom0();
    await dom0.listen();
    await dom0.startAgent();
    return dom0;
  }

  async listen(): Promise<void> {
    await this.manager.subscribe(topics.everyAgentOut, ({ payload }) => void this.heard.push(JSON.parse(Buffer.from(payload).toString())));
    await this.manager.subscribe(
      topics.everyPresence,
      ({ payload }) => void this.presences.push(JSON.parse(Buffer.from(payload).toString())),
    );
  }

  async startAgent(): Promise<void> {
    const connection = `c${++this.#connections}`;
    this.agent = await Agent.start({
      identity: { machine, boot },
      bus: this.broker.connect(`agent-${this.#connections}`),
      connectionId: () => connection,
      clock: this.clock,
      log: this.log,
      hypervisor: this.xen,
      migration: this.migration,
      consoles: {
        begin: () => Promise.resolve(),
        tail: (vm, bytes) => Promise.resolve(vm === 'silent' ? undefined : `hello from ${vm}`.slice(-bytes)),
        ready: (vm) => Promise.resolve(this.readiness.get(vm)),
      },
      networks: {
        up: ({ bridge }) => Promise.resolve(this.#noted(`up ${bridge}`)),
        down: (bridge) => Promise.resolve(this.#noted(`down ${bridge}`)),
        list: () => Promise.resolve({ bridges: ['xenbr0'], nics: ['eth0'], address: '192.168.0.11' }),
      },
      images: {
        server: '192.168.0.5',
        ensure: (files, ahead) => {
          this.asksAhead.push(ahead && [...(ahead.wanted ?? ['all'])]);
          this.held++;
          const release = (): void => void this.held--;
          const paths = Object.fromEntries(files.map(({ name, sha256 }) => [name, `/flash/${sha256.slice(0, 4)}`]));
          return this.fetched ?? Promise.resolve({ kind: 'done', paths, release });
        },
      },
      properties: this.properties ?? {
        definitions: () => [{ name: 'ram_free', type: 'int', ticks: 60, command: 'ram', origin: 'built-in' }],
        latest: (names) => this.#answerTo(names),
        fetch: (names) => Promise.resolve(this.#answerTo(names)),
        onValues: (listener) => {
          this.extracted.add(listener);
          return () => void this.extracted.delete(listener);
        },
        setDefinitions: (definitions) => definitions.map(() => ({ code: 'definition', reason: 'it is none' })),
        close: () => Promise.resolve(),
      },
      record: this.record,
      host: {
        reboot: (reason) => {
          this.rebooted = reason;
          return Promise.resolve(done);
        },
      },
      version: '0.1.0',
      newId: () => `a${++this.#ids}`,
    });
    await settle();
  }

  /** As systemd ends it: at once. */
  async killAgent(): Promise<void> {
    await this.agent?.close();
    await settle();
  }

  /** Sends a message as a manager would, and lets all happen that takes no time. */
  async send(message: Readonly<Record<string, unknown>>, topic = topics.toAgent(machine)): Promise<void> {
    await this.sendRaw(JSON.stringify({ v: 1, id: `m${++this.#ids}`, ...message }), topic);
  }

  async sendRaw(payload: string, topic = topics.toAgent(machine)): Promise<void> {
    await this.manager.publish(topic, Buffer.from(payload));
    await settle();
  }

  session(session: number, more: Readonly<Record<string, unknown>> = {}): Promise<void> {
    return this.send({ kind: 'CONTROL', action: 'session', session, boot, manager: 'm1', ...more });
  }

  beat(nonce: string): Promise<void> {
    return this.send({ kind: 'CONTROL', action: 'beat', nonce }, topics.group('all'));
  }

  /** In session 1, unless it says otherwise. */
  execute(id: string, command: string, args: unknown, more: Readonly<Record<string, unknown>> = {}): Promise<void> {
    return this.send({ kind: 'EXECUTE', id, command, args, boot, session: 1, nonce: 'n1', withinMs: 60_000, ...more });
  }

  /** A session that is settled, and a fresh beat `n1`. */
  async ready(): Promise<void> {
    await this.session(1);
    await this.pass(6000);
    await this.beat('n1');
  }

  /** Time goes by; what each timer began comes to rest before the next one fires. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.clock.monotonic() + ms;
    while (this.clock.step(untilMs - this.clock.monotonic())) await settle();
    await settle();
  }

  answers(id: string): (AgentMessageOf<'EXECVAL'> | AgentMessageOf<'EXECERR'>)[] {
    return this.heard.filter((message) => message.kind === 'EXECVAL' || message.kind === 'EXECERR').filter(({ reply }) => reply === id);
  }

  /** The newest account of itself. */
  get report(): AgentMessageOf<'CONTROLVAL'> {
    const report = this.heard.findLast((message) => message.kind === 'CONTROLVAL');
    if (report === undefined) throw new Error('the agent has said nothing of itself');
    return report;
  }

  #noted(call: string): Outcome {
    this.networkCalls.push(call);
    return done;
  }

  #answerTo(names: readonly string[]): Extracted {
    if (!names.includes('ram_free'))
      return { values: [], problems: names.map((name) => ({ name, code: 'unknown', reason: 'there is none' })) };
    return { ...this.#latest, values: [{ name: 'ram_free', type: 'int', value: 42, atMs: this.clock.monotonic() }] };
  }
}

export async function settle(): Promise<void> {
  for (let round = 0; round < 3; round++)
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
}

export const kernel = { name: 'vmlinuz', path: '/images/worker@1/vmlinuz', sha256: 'a'.repeat(64), bytes: 10 };

export function createArgs(vm: string, more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const own = `${uuid.slice(0, -vm.length)}${Buffer.from(vm).toString('hex').slice(-vm.length)}`;
  const id = vm === 'worker-1' ? uuid : own;
  const config = [
    `name = "${vm}"`,
    `uuid = "${id}"`,
    'kernel = "{file:vmlinuz}"',
    'memory = 128',
    ...['poweroff', 'reboot', 'crash', 'watchdog'].map((event) => `on_${event} = "destroy"`),
  ].join('\n');
  return { vm, uuid: id, claim: 5, config, image: 'worker@1', files: [kernel], readySeconds: 60, ...more };
}
