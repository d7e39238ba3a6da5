import type { World } from './world.ts';

export type DomainState = 'building' | 'incoming' | 'running' | 'paused' | 'shutdown' | 'crashed';

export interface SimDomain {
  name: string;
  readonly uuid: string;
  domid: number;
  readonly memoryMib: number;
  readonly vcpus: number;
  state: DomainState;
  /** Until then `xl list` does not show it, though it is there: a guest that reboots. */
  hiddenUntilMs: number;
  /** When its guest says that it is ready; never where it is not a guest of ours. */
  readyAtMs: number;
  /** Made by a person with `xl create`. */
  readonly stray: boolean;
}

export interface DomainWish {
  readonly name: string;
  readonly uuid: string;
  readonly memoryMib: number;
  readonly vcpus: number;
}

export type XlCall = 'list' | 'create' | 'destroy' | 'shutdown' | 'migrate';
/** `hang`: never answers and does nothing; `mute`: does it and never answers; `fail`: does nothing; `fail-late`: does it and says that it failed. */
export type XlFault = 'fail' | 'hang' | 'mute' | 'fail-late';

export interface HostSpec {
  readonly name: string;
  readonly memoryMib: number;
  readonly cpus: number;
  readonly bootSeconds: number;
  readonly createSeconds: number;
  readonly guestSeconds: number;
}

/** A machine with Xen on it: what its hardware and its hypervisor do, and nothing of what its agent thinks. */
export class SimHost {
  readonly spec: HostSpec;
  readonly name: string;
  phase: 'off' | 'booting' | 'up' | 'crashed' = 'off';
  /** Counts power-ons and resets: what was begun in an earlier one never ends. */
  life = 0;
  /** Its `xl list` shows nothing, though all is there. */
  blind = false;
  /** Called when Linux and the agent's unit are up; and when all of that is gone at once. */
  onUp: () => void = () => {};
  onDown: () => void = () => {};
  readonly #world: World;
  readonly #faults: { readonly call: XlCall; readonly how: XlFault; readonly reason: string; times: number }[] = [];
  #domains: SimDomain[] = [];
  #domid = 0;

  constructor(world: World, spec: HostSpec) {
    this.#world = world;
    this.spec = spec;
    this.name = spec.name;
  }

  get powered(): boolean {
    return this.phase !== 'off';
  }

  get domains(): readonly SimDomain[] {
    return this.#domains;
  }

  get freeMib(): number {
    return this.spec.memoryMib - this.#domains.reduce((sum, domain) => sum + domain.memoryMib, 0);
  }

  /** Those whose guest runs or may run on without anybody starting it anew. */
  live(): readonly SimDomain[] {
    if (this.phase !== 'up') return [];
    return this.#domains.filter(({ state }) => state === 'running' || state === 'paused');
  }

  /** What `xl list` shows. */
  listed(): readonly SimDomain[] {
    return this.blind ? [] : this.#domains.filter((domain) => domain.hiddenUntilMs <= this.#world.elapsedMs);
  }

  find(name: string): SimDomain | undefined {
    return this.#domains.find((domain) => domain.name === name);
  }

  fault(call: XlCall, how: XlFault, times: number, reason: string): void {
    this.#faults.push({ call, how, times, reason });
  }

  clearFaults(): void {
    this.blind = false;
    this.#faults.length = 0;
  }

  powerOn(): void {
    if (this.powered) return;
    this.#world.say(this.name, 'is switched on');
    this.#boot();
  }

  powerOff(how = 'is switched off'): void {
    if (!this.powered) return;
    this.#die('off', how);
  }

  /** Xen is gone, and with it every domain; the machine stays as it is until somebody does something. */
  crash(): void {
    if (this.powered && this.phase !== 'crashed') this.#die('crashed', 'crashes');
  }

  reset(how = 'is reset'): void {
    if (!this.powered) return;
    this.#die('crashed', how);
    this.#boot();
  }

  /** A guest of somebody else, or one that a person started by hand. */
  addStray(wish: DomainWish): void {
    this.#add(wish, 'running', true);
    this.#world.say(this.name, `domain ${wish.name} is started by hand`);
  }

  async list(): Promise<readonly SimDomain[]> {
    await this.#spend(0.05, this.#take('list'), () => {});
    return this.listed();
  }

  async create(wish: DomainWish): Promise<SimDomain> {
    const fault = this.#take('create');
    if (fault?.how === 'hang') return await new Promise(() => {});
    if (fault?.how === 'fail') {
      await this.#wait(0.5);
      throw new Error(fault.reason);
    }
    if (this.find(wish.name) !== undefined) throw new Error(`Domain with name "${wish.name}" already exists.`);
    if (this.freeMib < wish.memoryMib) throw new Error('failed to free memory for the domain');
    const domain = this.#add(wish, 'building', false);
    await this.#wait(this.spec.createSeconds);
    if (!this.#domains.includes(domain)) throw new Error('the domain went away while it was built');
    this.#begin(domain, 'starts');
    if (fault?.how === 'mute') return await new Promise(() => {});
    if (fault?.how === 'fail-late') throw new Error(fault.reason);
    return domain;
  }

  async destroy(name: string): Promise<void> {
    await this.#spend(0.5, this.#take('destroy'), () => this.#drop(name, 'is destroyed'));
  }

  /** Returns when the guest has been told; it ends when it likes. */
  async shutdown(name: string): Promise<void> {
    await this.#spend(0.1, this.#take('shutdown'), () => {
      const domain = this.find(name);
      this.#later(4, () => {
        if (domain !== undefined && this.find(name) === domain) this.#drop(name, 'shuts down');
      });
    });
  }

  pause(name: string, paused: boolean): void {
    const domain = this.find(name);
    if (domain === undefined) throw new Error(`${name} is an invalid domain identifier`);
    domain.state = paused ? 'paused' : 'running';
  }

  /** The guest says `reboot`, and an old agent or a person let it: it is not to be seen for a while, and then has a new number. */
  blink(name: string, seconds: number): void {
    const domain = this.find(name);
    if (domain === undefined) throw new Error(`${name} does not run on ${this.name}`);
    domain.hiddenUntilMs = this.#world.elapsedMs + seconds * 1000;
    domain.domid = ++this.#domid;
    this.#world.say(this.name, `domain ${name} is not to be seen for ${seconds} s while it reboots`);
  }

  /** By on_crash and on_reboot = destroy, and of itself when it halts. */
  endGuest(name: string, how: string): void {
    this.#drop(name, how);
  }

  /**
   * The memory goes over while the source runs; at the end the source stops and the target goes on, and there is no moment between.
   */
  async migrate(name: string, target: SimHost, reachable: () => boolean): Promise<void> {
    const domain = this.find(name);
    const fault = this.#take('migrate');
    if (fault?.how === 'hang') return await new Promise(() => {});
    if (domain === undefined) throw new Error(`${name} is an invalid domain identifier`);
    if (target.phase !== 'up' || !reachable()) throw new Error(`migration target ${target.name} does not answer`);
    if (target.freeMib < domain.memoryMib) throw new Error('migration target: failed to free memory');
    const targetLife = target.life;
    const incoming = target.#add({ ...domain, name: `${name}--incoming` }, 'incoming', false);
    const abandon = () => {
      if (target.life === targetLife) target.#domains = target.#domains.filter((each) => each !== incoming);
    };
    const life = this.life;
    await this.#world.wait(8);
    const broken = this.life !== life || target.life !== targetLife || !reachable() || !this.#domains.includes(domain);
    if (broken || fault?.how === 'fail') abandon();
    if (this.life !== life) return await new Promise(() => {});
    if (broken) throw new Error(`migration to ${target.name} failed: the connection was lost`);
    if (fault?.how === 'fail') throw new Error(fault.reason);
    this.#domains = this.#domains.filter((each) => each !== domain);
    incoming.name = name;
    incoming.state = 'running';
    incoming.readyAtMs = domain.readyAtMs;
    this.#world.say(this.name, `domain ${name} moves to ${target.name}`);
    if (fault?.how === 'mute') return await new Promise(() => {});
    if (fault?.how === 'fail-late') throw new Error(fault.reason);
  }

  #add(wish: DomainWish, state: DomainState, stray: boolean): SimDomain {
    const { name, uuid, memoryMib, vcpus } = wish;
    const domain = { name, uuid, memoryMib, vcpus, state, stray, domid: ++this.#domid, hiddenUntilMs: -Infinity, readyAtMs: Infinity };
    this.#domains.push(domain);
    return domain;
  }

  #begin(domain: SimDomain, how: string): void {
    domain.state = 'running';
    domain.readyAtMs = this.#world.elapsedMs + this.spec.guestSeconds * 1000;
    this.#world.say(this.name, `domain ${domain.name} ${how}`);
  }

  #drop(name: string, how: string): void {
    const domain = this.find(name);
    if (domain === undefined) throw new Error(`${name} is an invalid domain identifier`);
    this.#domains = this.#domains.filter((each) => each !== domain);
    this.#world.say(this.name, `domain ${name} ${how}`);
  }

  #boot(): void {
    this.phase = 'booting';
    this.#later(this.spec.bootSeconds, () => {
      this.phase = 'up';
      this.#world.say(this.name, 'is up');
      this.onUp();
    });
  }

  #die(phase: 'off' | 'crashed', how: string): void {
    const dead = this.live().map(({ name }) => name);
    this.life++;
    this.phase = phase;
    this.#domains = [];
    this.#domid = 0;
    this.#world.say(this.name, `${how}${dead.length > 0 ? `, and with it ${dead.sort((a, b) => a.localeCompare(b)).join(', ')}` : ''}`);
    this.onDown();
  }

  /** Runs it unless the machine has died in between. */
  #later(seconds: number, action: () => void): void {
    const life = this.life;
    this.#world.clock.after(seconds * 1000, () => {
      if (this.life === life) action();
    });
  }

  /** Never comes back in a machine that died. */
  async #wait(seconds: number): Promise<void> {
    await new Promise<void>((resolve) => this.#later(seconds, resolve));
  }

  async #spend(seconds: number, fault: { readonly how: XlFault; readonly reason: string } | undefined, action: () => void): Promise<void> {
    if (fault?.how === 'hang') return await new Promise(() => {});
    await this.#wait(seconds);
    if (fault?.how === 'fail') throw new Error(fault.reason);
    action();
    if (fault?.how === 'mute') return await new Promise(() => {});
    if (fault?.how === 'fail-late') throw new Error(fault.reason);
  }

  #take(call: XlCall): { readonly how: XlFault; readonly reason: string } | undefined {
    const fault = this.#faults.find((each) => each.call === call && each.times > 0);
    if (fault !== undefined) fault.times--;
    return fault;
  }
}
