import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectPlain, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { connect } from 'node:tls';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { XlMigration } from '../../../src/agent/migration/xl-migration.ts';
import type { XlMigrationOptions } from '../../../src/agent/migration/xl-migration.ts';
import type { Domain, Outcome, VmPassport } from '../../../src/agent/parts.ts';
import { pskCiphers } from '../../../src/bus/psk.ts';
import { systemClock } from '../../../src/clock.ts';
import { CapturedLog } from '../../../src/log.ts';
import { freePort } from '../../free-port.ts';
import { ImitatedXl } from './imitated-xl.ts';
import type { XlMode } from './imitated-xl.ts';

const vm = 'worker-1';
const uuid = '00000000-0000-4000-8000-000000000001';
const key = 'k'.repeat(43);
const otherKey = 'o'.repeat(43);
const passport: VmPassport = {
  config: 'name = "worker-1"\ntype = "pvh"\n',
  files: [{ name: 'vmlinuz', path: '/images/worker@3/vmlinuz', sha256: '0'.repeat(64), bytes: 12 }],
  ready: { address: '10.12.0.10' },
};
const sourceAddress = '127.0.0.2';
const targetAddress = '127.0.0.3';

interface Side {
  readonly migration: XlMigration;
  readonly xl: ImitatedXl;
  readonly log: CapturedLog;
  readonly domains: Domain[];
  readonly destroyed: string[];
}

function side(address: string, port: number, mode: XlMode, options: Partial<XlMigrationOptions> & { readonly memory?: Buffer } = {}): Side {
  const xl = new ImitatedXl(options.memory, mode);
  const log = new CapturedLog();
  const domains: Domain[] = [];
  const destroyed: string[] = [];
  const hypervisor = {
    list: () => Promise.resolve(domains),
    destroy: (name: string): Promise<Outcome> => {
      destroyed.push(name);
      return Promise.resolve({ kind: 'done' });
    },
  };
  const { program } = xl;
  const migration = new XlMigration({
    hypervisor,
    clock: systemClock,
    log,
    address,
    port,
    program,
    connectMs: 1000,
    endingMs: 700,
    ...options,
  });
  onTestFinished(async () => {
    await migration.close();
    xl.endMonitor();
  });
  return { migration, xl, log, domains, destroyed };
}

interface FarmOptions {
  readonly source?: XlMode;
  readonly target?: XlMode;
  readonly memory?: Buffer;
  readonly ofSource?: Partial<XlMigrationOptions>;
  readonly ofTarget?: Partial<XlMigrationOptions>;
}

/** Two hosts, and what each has. */
async function farm({ source = 'good', target = 'good', memory, ofSource, ofTarget }: FarmOptions = {}) {
  const port = await freePort();
  const from = side(sourceAddress, port, source, { ...ofSource, ...(memory !== undefined && { memory }) });
  const to = side(targetAddress, port, target, ofTarget);
  const open = (guest: Guest, door: { readonly key?: string; readonly waitMs?: number; readonly vm?: string } = {}): Promise<Outcome> =>
    to.migration.open({ vm, uuid, key, waitMs: 20_000, ...door }, guest);
  const send = (
    address = targetAddress,
    way: { readonly key?: string; readonly uuid?: string; readonly timeoutMs?: number; readonly passport?: VmPassport } = {},
  ) => from.migration.send(vm, { address, key, uuid, ...way }, way.passport ?? passport, way.timeoutMs ?? 20_000);
  return { port, from, to, open, send };
}

class Guest {
  readonly arrived: VmPassport[] = [];
  overs = 0;
  #refusal: Error | undefined;

  refuse(reason: string): this {
    this.#refusal = new Error(reason);
    return this;
  }
  arrives(with_: VmPassport): Promise<void> {
    this.arrived.push(with_);
    return this.#refusal === undefined ? Promise.resolve() : Promise.reject(this.#refusal);
  }
  over(): void {
    this.overs++;
  }
  isOver(): Promise<unknown> {
    return vi.waitUntil(() => this.overs > 0, { timeout: 15_000 });
  }
}

/** Between both hosts, and may break. */
async function wire(port: number): Promise<{ readonly address: string; readonly carried: () => number; readonly cut: () => void }> {
  const address = '127.0.0.4';
  const ends: Socket[] = [];
  let carried = 0;
  const server = createServer((near) => {
    const far = connectPlain(port, targetAddress);
    ends.push(near, far);
    for (const end of [near, far]) end.on('error', () => undefined);
    near.on('data', (chunk) => (carried += chunk.length));
    near.pipe(far).pipe(near);
  }).listen(port, address);
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const cut = (): void => {
    server.close();
    for (const end of ends) end.resetAndDestroy();
  };
  return { address, carried: () => carried, cut };
}

/** Who has the key, and says what he wants. */
async function stranger(
  port: number,
  withKey = key,
): Promise<{ say(text: string): void; readonly heard: () => string; readonly shut: () => boolean }> {
  const socket = connect({
    ...pskCiphers,
    host: targetAddress,
    port,
    pskCallback: () => ({ identity: vm, psk: Buffer.from(withKey) }),
    checkServerIdentity: () => undefined,
  });
  let heard = '';
  socket.on('data', (chunk) => (heard += chunk.toString()));
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  onTestFinished(() => void socket.destroy());
  return { say: (text) => void socket.write(text), heard: () => heard, shut: () => socket.closed };
}

function domain(name: string, fields: Partial<Domain> = {}): Domain {
  return { name, uuid, domid: 7, state: 'paused', memoryMib: 128, vcpus: 1, ...fields };
}

const listens = async (port: number): Promise<boolean> => {
  const socket = connectPlain(port, targetAddress);
  socket.on('error', () => undefined);
  const [isOpen] = await Promise.race([once(socket, 'connect').then(() => [true]), once(socket, 'close').then(() => [false])]).catch(() => [
    false,
  ]);
  socket.destroy();
  return isOpen === true;
};

describe('a VM on its way to another host', () => {
  it('goes with all its memory, and what comes back comes back too', async () => {
    const memory = randomBytes(8 * 1024 * 1024);
    const { from, to, open, send } = await farm({ memory });
    const guest = new Guest();
    expect(await open(guest)).toEqual({ kind: 'done' });
    expect(await send()).toEqual({ kind: 'done' });
    await guest.isOver();
    expect(to.xl.received.equals(memory)).toBe(true);
    expect(from.xl.back.equals(memory)).toBe(true);
    expect(guest.arrived).toEqual([passport]);
    expect(guest.overs).toBe(1);
  });

  it('is given to a shell by words that are always the same', async () => {
    const { from, to, open, send } = await farm();
    await open(new Guest());
    await send();
    expect(from.xl.calls).toEqual([`migrate -s  ${vm} cat <&3 & exec cat >&3`]);
    expect(to.xl.calls).toEqual(['migrate-receive']);
  });

  it('goes to an address only, not to a name that somebody else may answer for', async () => {
    const { from, send } = await farm();
    expect(await send('post02')).toMatchObject({ code: 'bad-arguments' });
    expect(await send('127.0.0.1;reboot')).toMatchObject({ code: 'bad-arguments' });
    expect(from.xl.calls).toEqual([]);
  });

  it('leaves behind no process but the monitor of its domain, which lives on', async () => {
    const { from, to, open, send } = await farm();
    const guest = new Guest();
    await open(guest);
    await send();
    await guest.isOver();
    await to.migration.close();
    await from.xl.isGone();
    await to.xl.isGone();
    expect(to.xl.isMonitorAlive).toBe(true);
  });

  it('waits for a door that is opened later than it is sent', async () => {
    const { open, send } = await farm({ ofSource: { connectMs: 5000 } });
    const sent = send();
    await new Promise((resolve) => {
      setTimeout(resolve, 300);
    });
    await open(new Guest());
    expect(await sent).toEqual({ kind: 'done' });
  });

  it('is on its way once at a time', async () => {
    const { open, send } = await farm();
    await open(new Guest());
    const first = send();
    expect(await send()).toMatchObject({ code: 'refused', reason: /on its way already/ });
    expect(await first).toEqual({ kind: 'done' });
  });
});

describe('a door for a VM', () => {
  it('does not open to a wrong key, and waits on for the right one', async () => {
    const { from, to, open, send } = await farm();
    const guest = new Guest();
    await open(guest);
    expect(await send(targetAddress, { key: otherKey })).toMatchObject({ code: 'failed', reason: /the key is not taken/ });
    expect([guest.overs, from.xl.calls, to.xl.calls]).toEqual([0, [], []]);
    expect(await send()).toEqual({ kind: 'done' });
  });

  it('lets in one, once', async () => {
    const { port, open, send } = await farm();
    await open(new Guest());
    expect(await send()).toEqual({ kind: 'done' });
    expect(await listens(port)).toBe(false);
    await open(new Guest(), { vm: 'worker-2', key: otherKey });
    expect(await send()).toMatchObject({ code: 'failed', reason: /the key is not taken/ });
  });

  it('is for one VM: another with its key is refused, and the door is shut', async () => {
    const { port, from, to, open, send } = await farm();
    const guest = new Guest();
    await open(guest);
    expect(await send(targetAddress, { uuid: uuid.replace(/1$/, '2') })).toMatchObject({ reason: /another VM is waited for here/ });
    await guest.isOver();
    expect([guest.arrived, from.xl.calls, to.xl.calls]).toEqual([[], [], []]);
    expect(await listens(port)).toBe(false);
  });

  it('shuts when nobody comes, and nothing listens where none is open', async () => {
    const { port, open } = await farm();
    const guest = new Guest();
    await open(guest, { waitMs: 100 });
    expect(await listens(port)).toBe(true);
    await guest.isOver();
    expect(await listens(port)).toBe(false);
  });

  it('stands beside others on one port, each with its own key', async () => {
    const { port, to, open, send } = await farm();
    await open(new Guest(), { vm: 'worker-2', key: otherKey });
    await open(new Guest());
    expect(await send()).toEqual({ kind: 'done' });
    expect(await listens(port)).toBe(true);
    await to.migration.close();
    expect(await listens(port)).toBe(false);
  });

  it('takes the place of one before it for that VM, whose key opens nothing any more', async () => {
    const { open, send } = await farm();
    const former = new Guest();
    await open(former, { key: otherKey });
    await open(new Guest());
    expect(former.overs).toBe(1);
    expect(await send(targetAddress, { key: otherKey })).toMatchObject({ reason: /the key is not taken/ });
    expect(await send()).toEqual({ kind: 'done' });
  });

  it('says that it cannot be opened where something else listens', async () => {
    const { port, open } = await farm();
    const other = createServer().listen(port, targetAddress);
    await once(other, 'listening');
    const guest = new Guest();
    expect(await open(guest)).toMatchObject({ kind: 'failed', reason: /something else listens there/ });
    other.close();
    await once(other, 'close');
    expect(await open(guest)).toEqual({ kind: 'done' });
    expect(guest.overs).toBe(0);
  });

  it('keeps a VM out whose host cannot keep the record of it', async () => {
    const { from, to, open, send } = await farm();
    const guest = new Guest().refuse('no space left on device');
    await open(guest);
    expect(await send()).toMatchObject({ code: 'failed', reason: /no space left on device/ });
    await guest.isOver();
    expect([from.xl.calls, to.xl.calls]).toEqual([[], []]);
  });

  it.each([
    ['is no JSON', 'hello\n', /no JSON/],
    ['is of another version', `${JSON.stringify({ v: 2, vm, uuid, timeoutMs: 1, passport })}\n`, /greeting is none/],
    ['has a path for a name of a VM', `${JSON.stringify({ v: 1, vm: '../x', uuid, timeoutMs: 1, passport })}\n`, /greeting is none/],
    ['has no end', 'x'.repeat(300_000), /longer than/],
    ['does not come in time', '{', /within 0.3 s/],
  ])('does not open to a greeting that %s', async (_name, text, why) => {
    const { port, to, open } = await farm({ ofTarget: { greetingMs: 300 } });
    const guest = new Guest();
    await open(guest);
    const who = await stranger(port);
    who.say(text);
    await guest.isOver();
    await vi.waitUntil(() => who.shut());
    expect(who.heard()).toMatch(why);
    expect([guest.arrived, to.xl.calls]).toEqual([[], []]);
  });

  it('does not keep who shows no key, and the newest has room before the oldest', async () => {
    const { port, open, send } = await farm({ ofTarget: { greetingMs: 400 } });
    await open(new Guest());
    const idle = Array.from({ length: 40 }, () => connectPlain(port, targetAddress).on('error', () => undefined));
    await Promise.all(idle.map((socket) => once(socket, 'connect')));
    await vi.waitUntil(() => idle.filter(({ closed }) => closed).length >= 8);
    expect(await send()).toEqual({ kind: 'done' });
    await vi.waitUntil(() => idle.every(({ closed }) => closed));
  });

  it('has no key in what it logs, nor has who sends', async () => {
    const { from, to, open, send } = await farm();
    await open(new Guest());
    await send(targetAddress, { key: otherKey });
    await send();
    const logged = JSON.stringify([from.log.lines, to.log.lines]);
    expect(logged).toMatch(/kept out/);
    expect(logged.includes(key) || logged.includes(otherKey)).toBe(false);
  });
});

describe('a way that breaks off', () => {
  const memory = randomBytes(4 * 1024 * 1024);

  it('says why xl did not send it, and the other host has nothing of it', async () => {
    const { from, to, open, send } = await farm({ source: 'fails' });
    to.domains.push(
      domain(`${vm}--incoming`),
      domain(`${vm}-2--incoming`),
      domain(`${vm}--incoming`, { uuid: uuid.replace(/1$/, '2'), domid: 8 }),
    );
    const guest = new Guest();
    await open(guest);
    expect(await send()).toMatchObject({ kind: 'failed', code: 'failed', reason: /guest did not suspend/ });
    await guest.isOver();
    expect(to.destroyed).toEqual([`${vm}--incoming`]);
    await from.xl.isGone();
    await to.xl.isGone();
    expect(to.log.lines.at(-1)).toMatchObject({ message: 'a VM has not come from another host', fields: { reason: /no header/ } });
  });

  it('ends where the xl of the other host fails', async () => {
    const { from, to, open, send } = await farm({ target: 'refuses' });
    const guest = new Guest();
    await open(guest);
    expect(await send()).toMatchObject({ kind: 'failed', reason: /no banner, resuming/ });
    await guest.isOver();
    await from.xl.isGone();
    await to.xl.isGone();
  });

  it('ends on both hosts when the connection breaks in the middle', async () => {
    const { port, from, to, open, send } = await farm({ memory, source: 'breaks' });
    const { address, carried, cut } = await wire(port);
    const guest = new Guest();
    await open(guest);
    const sent = send(address);
    await vi.waitUntil(() => carried() > 900_000, { timeout: 5000 });
    cut();
    await guest.isOver();
    expect(await sent).toMatchObject({ kind: 'failed' });
    expect(to.log.lines.at(-1)?.fields).toMatchObject({ reason: /stream broke off at 1000000/ });
    await from.xl.isGone();
    await to.xl.isGone();
  });

  it('is heard to its end on the target: an xl that cannot say that it has failed leaves its domain there', async () => {
    const { port, to, open, send } = await farm({ memory, source: 'stalls', ofSource: { endingMs: 300 } });
    const { address, cut } = await wire(port);
    const guest = new Guest();
    await open(guest);
    const sent = send(address);
    await vi.waitUntil(() => to.xl.received.length === memory.length, { timeout: 5000 });
    cut();
    await guest.isOver();
    await sent;
    expect(to.xl.calls).toEqual(['migrate-receive', 'cleaned']);
  });

  it('removes on the source what was given away and did not arrive: it may run elsewhere', async () => {
    const { from, open, send } = await farm({ source: 'fails' });
    from.domains.push(domain(`${vm}--migratedaway`), domain('worker-2--migratedaway'), domain(vm, { state: 'running' }));
    await open(new Guest());
    await send();
    expect(from.destroyed).toEqual([`${vm}--migratedaway`]);
  });

  it('cuts an xl that does not end in time, and it goes on with the VM', async () => {
    const { to, open, send } = await farm({ memory, target: 'deaf', ofTarget: { endingMs: 300 } });
    const guest = new Guest();
    await open(guest);
    expect(await send(targetAddress, { timeoutMs: 500 })).toMatchObject({ code: 'timeout', reason: /in time: .*resuming at sender/ });
    await guest.isOver();
    await to.xl.isGone();
  });

  it('does not wait for a host that is gone: the guest may stand still meanwhile', async () => {
    const { to, open, send } = await farm({ memory, target: 'deaf', ofSource: { stallMs: 300 }, ofTarget: { stallMs: 600 } });
    await open(new Guest());
    expect(await send()).toMatchObject({ code: 'timeout', reason: /nothing came or went any more: .*resuming at sender/ });
    await to.xl.isGone();
  });

  it('kills an xl with all that it started that does not even end then, and resumes a VM that it had stopped', async () => {
    const { from, open, send } = await farm({ memory, source: 'breaks', ofSource: { endingMs: 300 } });
    const guest = new Guest();
    await open(guest);
    const sent = send(targetAddress, { timeoutMs: 500 });
    await vi.waitUntil(() => guest.arrived.length === 1);
    from.domains.push(domain(vm));
    expect(await sent).toMatchObject({ code: 'timeout', reason: /killed/ });
    expect(from.xl.calls.slice(1)).toEqual([`resume ${vm}`, `unpause ${vm}`]);
    await from.xl.isGone();
  });

  it('resumes no VM that runs, and one that stands still also where its xl has ended by itself', async () => {
    const running = await farm({ memory, source: 'breaks', ofSource: { endingMs: 300 } });
    running.from.domains.push(domain(vm, { state: 'running' }));
    const ended = await farm({ source: 'fails' });
    for (const { from, open, send } of [running, ended]) {
      const guest = new Guest();
      await open(guest);
      const sent = send(targetAddress, { timeoutMs: 500 });
      await vi.waitUntil(() => guest.arrived.length === 1);
      if (from === ended.from) from.domains.push(domain(vm));
      await sent;
    }
    expect(running.from.xl.calls).toHaveLength(1);
    expect(ended.from.xl.calls.slice(1)).toEqual([`resume ${vm}`, `unpause ${vm}`]);
  });

  it.each(['from', 'to'] as const)('ends when an agent ends (%s)', async (which) => {
    const hosts = await farm({ memory, source: 'breaks', ofSource: { endingMs: 300 }, ofTarget: { endingMs: 300 } });
    const guest = new Guest();
    await hosts.open(guest);
    const sent = hosts.send();
    await vi.waitUntil(() => guest.arrived.length === 1);
    await hosts[which].migration.close();
    expect(await sent).toMatchObject({ kind: 'failed' });
    await guest.isOver();
    await hosts.from.xl.isGone();
    await hosts.to.xl.isGone();
  });

  it('opens no door in an agent that ends, and sends nothing from it', async () => {
    const { from, to, open, send } = await farm();
    await Promise.all([from.migration.close(), to.migration.close()]);
    expect(await open(new Guest())).toMatchObject({ kind: 'failed' });
    expect(await send()).toMatchObject({ kind: 'failed', reason: /the agent ends/ });
  });

  it('is swept up by the next agent: halves of its own VMs that are not on their way, and of nobody else', async () => {
    const { to, from } = await farm({ ofTarget: { sweepMs: 50 } });
    to.domains.push(domain('byhand--incoming'), domain('worker-7--incoming'), domain('worker-8--migratedaway'), domain('worker-9'));
    to.migration.sweep((name) => name.startsWith('worker-'));
    await vi.waitUntil(() => to.destroyed.length === 2);
    expect([to.destroyed, from.destroyed]).toEqual([['worker-7--incoming', 'worker-8--migratedaway'], []]);
  });
});

describe('a VM that Xen cannot follow while it runs', () => {
  const memory = randomBytes(4 * 1024 * 1024);
  const pv: VmPassport = { ...passport, config: 'name = "worker-1"\n' };

  it('stands still on its way, goes whole, and is removed at the source when it runs elsewhere', async () => {
    const { from, to, open, send } = await farm({ memory });
    const guest = new Guest();
    await open(guest);
    expect(await send(targetAddress, { passport: pv })).toEqual({ kind: 'done' });
    await guest.isOver();
    expect(to.xl.received.equals(memory)).toBe(true);
    expect(from.xl.calls).toEqual([`save -p ${vm} /proc/self/fd/4`, `rename ${vm} ${vm}--migratedaway`, `destroy ${vm}--migratedaway`]);
    await from.xl.isGone();
  });

  it.each([
    ['xl cannot save it, which lets it go on by itself', { source: 'fails' }, /guest did not suspend/, []],
    ['the other host has no xl that receives', { target: 'refuses' }, /not ready to receive/, undefined],
    ['the other host has not got all of it', { target: 'mute' }, /not got all of it: it goes on here/, [`unpause ${vm}`]],
    [
      'the other host cannot start it and gives it back',
      { target: 'cannot' },
      /could not start it: it goes on here/,
      [`rename ${vm} ${vm}--migratedaway`, `rename ${vm}--migratedaway ${vm}`, `unpause ${vm}`],
    ],
    [
      'nobody knows whether it runs there: it must not go on here',
      { target: 'silent' },
      /broke off in the final handshake/,
      [`rename ${vm} ${vm}--migratedaway`],
    ],
  ] as const)('does as xl migrate does where %s', async (_name, modes, why, calls) => {
    const { from, to, open, send } = await farm({ memory, ...modes });
    const guest = new Guest();
    await open(guest);
    expect(await send(targetAddress, { passport: pv })).toMatchObject({ kind: 'failed', reason: why });
    await guest.isOver();
    expect(from.xl.calls.slice(1)).toEqual(calls ?? []);
    await from.xl.isGone();
    await to.xl.isGone();
  });

  it('goes on at the source when the connection breaks in the middle', async () => {
    const { port, from, open, send } = await farm({ memory, source: 'breaks' });
    const { address, carried, cut } = await wire(port);
    await open(new Guest());
    const sent = send(address, { passport: pv });
    await vi.waitUntil(() => carried() > 900_000, { timeout: 5000 });
    cut();
    expect(await sent).toMatchObject({ kind: 'failed' });
    await from.xl.isGone();
  });

  it('is not sent while it is paused: it could not be asked to stand still', async () => {
    const { from, send } = await farm();
    from.domains.push(domain(vm));
    expect(await send(targetAddress, { passport: pv })).toMatchObject({ code: 'refused', reason: /paused/ });
    expect(from.xl.calls).toEqual([]);
  });
});
