import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { InjectOptions, LightMyRequestResponse as InjectResponse } from 'fastify';
import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import type { ApiToken, Role } from '../../src/api/account-store.ts';
import { secretHash } from '../../src/api/authenticator.ts';
import { buildApi } from '../../src/api/build-api.ts';
import type { Api } from '../../src/api/api.ts';
import type { ApiOptions } from '../../src/api/build-api.ts';
import type { ControlPlane, LeaseList } from '../../src/api/control-plane.ts';
import { PasswordHasher } from '../../src/api/password.ts';
import { problemSchema } from '../../src/api/schemas/problem.ts';
import { TaskRunner } from '../../src/api/task-runner.ts';
import { BootDesk } from '../../src/boot/boot-desk.ts';
import { HeldClock } from '../../src/clock.ts';
import { AuditLog } from '../../src/events/audit-log.ts';
import { bootEventOf } from '../../src/events/boot-event.ts';
import { EventLog } from '../../src/events/event-log.ts';
import type { PublishedVersion } from '../../src/images/published-version.ts';
import { CapturedLog } from '../../src/log.ts';
import { MachineList } from '../../src/machines/machine-list.ts';
import { Machines } from '../../src/machines/machines.ts';
import { ObjectBook } from '../../src/machines/object-book.ts';
import type { ObjectDocument } from '../../src/machines/object-store.ts';
import { UnknownClients } from '../../src/machines/unknown-clients.ts';
import { formatImageRef } from '../../src/model/image-manifest.ts';
import type { Ipv4 } from '../../src/model/ipv4.ts';
import type { Subnet } from '../../src/model/subnet.ts';
import { openStore } from '../../src/store/store.ts';
import type { Store } from '../../src/store/store.ts';
import { templateUser } from '../../src/template-adapters.ts';
import { TemplateLibrary } from '../../src/templates/template-library.ts';
import { FakeManager } from './fake-manager.ts';

export const base = '/api/v1';
export const shippedTemplates = resolve(import.meta.dirname, '../../templates');

export const documents: readonly ObjectDocument[] = [
  {
    kind: 'Subnet',
    name: 'lab',
    cidr: '192.168.0.0/24',
    interface: 'br0',
    serverAddress: '192.168.0.5',
    pool: '192.168.0.100-192.168.0.199',
    unknown: 'ignore',
  },
  {
    kind: 'Profile',
    name: 'dom0',
    loaders: { bios: 'pxegrub' },
    menus: [{ path: '/grub/{name}.conf', template: 'menu.lst' }],
    menuByOption150: true,
    image: 'dom0',
  },
  { kind: 'Profile', name: 'installer', loaders: { bios: 'undionly.kpxe' }, menus: [{ path: '/boot.ipxe', template: 'boot.ipxe' }] },
  {
    kind: 'Machine',
    name: 'post01',
    nics: [{ mac: '52:54:00:00:00:01', address: '192.168.0.11' }],
    profile: 'dom0',
    labels: { rack: 'a3' },
  },
  { kind: 'Machine', name: 'post02', nics: [{ mac: '52:54:00:00:00:02' }], profile: 'dom0', labels: { rack: 'a4' } },
  { kind: 'Machine', name: 'spare', nics: [{ mac: '52:54:00:00:00:03' }] },
];

/** What a VM manager works with; only in rigs that have one. */
export const farmDocuments: readonly ObjectDocument[] = [
  {
    kind: 'Environment',
    name: 'worker',
    instances: 'at-least-one',
    image: 'worker',
    memoryMib: 512,
    networks: [{ bridge: 'xenbr0', address: 'dhcp' }],
    count: { min: 1, max: 8 },
  },
  { kind: 'Environment', name: 'gateway', instances: 'at-most-one', image: 'gateway@1', memoryMib: 256, count: 1, priority: 10 },
  { kind: 'Role', name: 'farm', environments: ['worker', 'gateway'], networks: [{ bridge: 'br12', vlan: 12 }] },
  { kind: 'Trigger', name: 'more-workers', expr: 'agents.size() > 0', cmd: { command: 'scale', environment: 'worker', by: 1 } },
];

export type Who = Role | 'nobody';
export type Asked = Omit<InjectOptions, 'method' | 'url'> & { readonly as?: Who; readonly body?: unknown };

/** The API over a database of its own and the real rooms; images and leases are lists that tests write. */
export class ApiRig {
  readonly clock: HeldClock;
  readonly log: CapturedLog;
  readonly plane: ControlPlane;
  readonly api: Api;
  readonly store: Store;
  readonly events: EventLog;
  readonly desk: BootDesk;
  readonly unknown: UnknownClients;
  readonly leases: ReturnType<LeaseList['list']>[number][];
  readonly images: PublishedVersion[];
  /** Only where the rig was started with one. */
  readonly manager: FakeManager | undefined;
  /** Answers that were not of their schema, as sentences. */
  readonly misfits: string[] = [];
  readonly tokens = new Map<Who, string>();
  readonly #close: () => Promise<void>;

  private constructor(
    parts: Pick<ApiRig, 'clock' | 'log' | 'plane' | 'api' | 'store' | 'events' | 'desk' | 'unknown' | 'leases' | 'images' | 'manager'>,
    close: () => Promise<void>,
  ) {
    this.clock = parts.clock;
    this.log = parts.log;
    this.plane = parts.plane;
    this.api = parts.api;
    this.store = parts.store;
    this.events = parts.events;
    this.desk = parts.desk;
    this.unknown = parts.unknown;
    this.leases = parts.leases;
    this.images = parts.images;
    this.manager = parts.manager;
    this.#close = close;
  }

  static async start(
    options: ApiOptions & Partial<Pick<ControlPlane, 'firstAdmin' | 'unserved'>> & { readonly withManager?: true } = {},
  ): Promise<ApiRig> {
    const stack = new AsyncDisposableStack();
    const folder = mkdtempSync(join(tmpdir(), 'virtdom-api-'));
    stack.defer(() => rmSync(folder, { recursive: true }));
    const clock = new HeldClock();
    const log = new CapturedLog();
    const store = await openStore({ database: join(folder, 'virtdom.db'), serverId: 'one', log });
    stack.defer(() => store.close());
    const events = await EventLog.open({ store: store.events, keepDays: 30, clock, log });
    stack.defer(() => events.close());
    const audit = new AuditLog({ store: store.audit, keepDays: 30, clock, log });
    stack.defer(() => audit.close());
    const objects = await ObjectBook.open({ store: store.objects, clock, log });
    stack.defer(() => objects.close());
    await objects.commit(
      [...documents, ...(options.withManager === true ? farmDocuments : [])].map((document) => ({
        kind: document.kind,
        name: document.name,
        revision: 0,
        document,
      })),
      { author: 'setup' },
    );
    const unknown = await UnknownClients.open({ store: store.unknownClients, book: objects, clock, log });
    stack.defer(() => unknown.close());
    const held: { desk?: BootDesk } = {};
    const templates = await TemplateLibrary.open({
      store: store.templates,
      folder: shippedTemplates,
      user: templateUser(
        () => held.desk,
        () => objects.current.environments,
      ),
      grubCheck: () => Promise.resolve({ kind: 'sound' }),
      clock,
      log,
    });
    stack.defer(() => templates.close());
    const leases: ApiRig['leases'] = [];
    const images: PublishedVersion[] = [version(1), version(2)];
    const newest = (image: string) => images.findLast(({ ref }) => ref.image === image)?.ref;
    const bootObjects = () => ({ ...snapshotOf(objects) });
    const desk = await BootDesk.open({
      objects: bootObjects(),
      images: {
        newest,
        version: (ref) => images.find((each) => formatImageRef(each.ref) === formatImageRef(ref)),
        blobFile: (sha256) => `/blobs/${sha256}`,
      },
      loadersDir: folder,
      templates: templates.current,
      httpPort: 8080,
      clients: { leaseOwner: (address) => leases.find((lease) => lease.address === address)?.mac, neighbourMac: () => undefined },
      sightings: unknown,
      oneShotUsed: (id) => objects.oneShotUsed(id),
      store: store.attempts,
      secret: randomBytes(32),
      clock,
      log,
      listener: (event) => events.append(bootEventOf(event)),
    });
    held.desk = desk;
    stack.defer(() => desk.close());
    stack.defer(objects.subscribe(() => desk.setObjects(bootObjects())));
    const tasks = await TaskRunner.open({ store: store.tasks, clock, log, serverId: 'one' });
    stack.defer(() => tasks.close());
    const manager = options.withManager === true ? new FakeManager(() => objects.current) : undefined;
    const plane: ControlPlane = {
      clock,
      log,
      objects,
      machines: new Machines({ book: objects, unknown, leases: { removeLeases: () => Promise.resolve(0) } }),
      machineList: new MachineList({ book: objects, boots: desk, unknown }),
      unknown,
      boots: desk,
      archive: store.archive,
      templates,
      events,
      audit,
      leases: {
        list: () => leases,
        addressOf: (mac) => leases.find((lease) => lease.mac === mac)?.address,
        remove: (address) => Promise.resolve(removeLease(leases, address)),
      },
      images: {
        list: () => images,
        newest,
        delete: (ref) => {
          images.splice(
            images.findIndex((each) => formatImageRef(each.ref) === formatImageRef(ref)),
            1,
          );
          return Promise.resolve({ contentsRemoved: 1 });
        },
        verify: (_ref, onProgress) => {
          onProgress(1, 1);
          return Promise.resolve([]);
        },
      },
      accounts: store.accounts,
      idempotency: store.idempotency,
      tasks,
      hasher: new PasswordHasher({ memory: 64, passes: 1 }),
      ...(options.firstAdmin !== undefined && { firstAdmin: options.firstAdmin }),
      ...(options.unserved !== undefined && { unserved: options.unserved }),
      ...(manager !== undefined && { manager }),
    };
    const api = await buildApi(plane, { ownUid: 1000, ...options });
    const rig = new ApiRig({ clock, log, plane, api, store, events, desk, unknown, leases, images, manager }, () => stack.disposeAsync());
    api.addHook('onSend', async (request, reply, payload: unknown) => {
      const { response } = (request.routeOptions.schema ?? {}) as { readonly response?: Readonly<Record<string, object>> };
      rig.#compare(`${request.method} ${request.routeOptions.url ?? '?'}`, response, reply.statusCode, payload);
      return payload;
    });
    for (const role of ['viewer', 'operator', 'admin'] as const) rig.tokens.set(role, await rig.addToken(role));
    return rig;
  }

  async close(): Promise<void> {
    await this.api.close();
    await this.#close();
  }

  /** A token of a user of that role, whose name is the role. */
  async addToken(role: Role, scopes: readonly string[] = []): Promise<string> {
    const { accounts } = this.store;
    const nowMs = this.clock.now();
    await accounts.addUser({ name: role, role, passwordHash: '', disabled: false, createdMs: nowMs, updatedMs: nowMs });
    const secret = `vd_${randomBytes(32).toString('base64url')}`;
    const token: ApiToken = {
      id: randomBytes(6).toString('hex'),
      hash: secretHash(secret),
      name: `${role}-test`,
      owner: role,
      role,
      scopes,
      createdMs: nowMs,
      expiresMs: nowMs + 365 * 86_400_000,
    };
    await accounts.addToken(token);
    return secret;
  }

  async ask(method: string, path: string, { as = 'admin', body, headers, ...more }: Asked = {}): Promise<InjectResponse> {
    const token = this.tokens.get(as);
    const answer = await this.api.inject({
      method: method as 'GET',
      url: path.startsWith('/api') ? path : base + path,
      headers: { ...(token !== undefined && { authorization: `Bearer ${token}` }), ...headers },
      ...(body !== undefined && { payload: body as object }),
      ...more,
    });
    if (this.misfits.length > 0) throw new Error(`an answer is not of its schema: ${this.misfits.join('\n')}`);
    return answer;
  }

  async etag(path: string): Promise<string> {
    return String((await this.ask('GET', path)).headers['etag']);
  }

  #compare(route: string, response: Readonly<Record<string, object>> | undefined, status: number, payload: unknown): void {
    if (status === 304 || (status === 204 && !isText(payload))) return;
    if (!isText(payload)) {
      this.misfits.push(`${route} ${status}: no text`);
      return;
    }
    const schema = status >= 400 ? problemSchema : (response?.[status] ?? (status === 200 ? response?.[201] : undefined));
    if (schema === undefined) this.misfits.push(`${route} ${status}: has no schema`);
    else {
      const value: unknown = JSON.parse(payload);
      const compiled = Compile(schema as TSchema);
      if (!compiled.Check(value))
        this.misfits.push(`${route} ${status}: ${JSON.stringify(compiled.Errors(value).slice(0, 3))} in ${payload.slice(0, 500)}`);
    }
  }
}

function isText(payload: unknown): payload is string {
  return typeof payload === 'string' && payload !== '';
}

function snapshotOf(objects: ObjectBook) {
  const { subnets, profiles, machines, oneShots } = objects.current;
  return { subnets: subnets as readonly Subnet[], profiles, machines, oneShots };
}

function removeLease(leases: { readonly address: Ipv4 }[], address: Ipv4): { readonly kind: 'removed' | 'none' } {
  const index = leases.findIndex((lease) => lease.address === address);
  if (index < 0) return { kind: 'none' };
  leases.splice(index, 1);
  return { kind: 'removed' };
}

function version(number: number): PublishedVersion {
  return {
    ref: { image: 'dom0', version: number },
    contentId: String(number).repeat(64),
    recipeSha256: 'c'.repeat(64),
    builtMs: 1_700_000_000_000,
    entryCount: 10,
    writablePaths: ['/var'],
    bootFiles: ['vmlinuz', 'initrd.gz', 'xen.gz'].map((name) => ({ name, size: 1000, sha256: 'd'.repeat(64) })),
  };
}
