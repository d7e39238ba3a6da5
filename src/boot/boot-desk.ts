import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { BootClient, BootDecision } from '../model/boot-decision.ts';
import type { BootFile, BootFileRequest } from '../model/boot-file.ts';
import type { BootProfile } from '../model/boot-profile.ts';
import type { BootObserver, Observation } from '../model/boot-trace.ts';
import { formatImageRef, type ImageRef, parseImageName } from '../model/image-manifest.ts';
import type { Ipv4 } from '../model/ipv4.ts';
import type { Mac } from '../model/mac.ts';
import type { Machine } from '../model/machine.ts';
import type { Subnet } from '../model/subnet.ts';
import type { Attempt } from './attempt.ts';
import { AttemptBook } from './attempt-book.ts';
import { opensAttempt, stageIndex, lastStage } from './attempt-rules.ts';
import type { AttemptStore, PinnedMenu, StoredAttempt } from './attempt-store.ts';
import type { BootListener } from './boot-event.ts';
import { BootFacts, type BootObjects, type ImageShelf } from './boot-facts.ts';
import { decideBoot, type DecisionFacts } from './decide.ts';
import { type ClientLookup, identifyClient, type Identity, type NamedClient } from './identify.ts';
import { menuAt, PathPatterns } from './menu-paths.ts';
import { checkMenus, renderMenus } from './menu-rendering.ts';
import { imageFile, LoaderFolder } from './static-files.ts';
import { type RenderSubject, tokenPlaceholder } from './template-context.ts';
import type { TemplateProblem } from './template-error.ts';
import { TemplateSet } from './template-set.ts';
import { normalTreePath } from './tree-path.ts';

export interface BootDeskDependencies {
  readonly objects: BootObjects;
  readonly images: ImageShelf;
  /** Static files for everybody: `pxegrub`, `undionly.kpxe`, `grub/i386-pc/*.mod`. */
  readonly loadersDir: string;
  readonly templatesDir: string;
  /** Of our boot HTTP server. */
  readonly httpPort: number;
  readonly clients: ClientLookup;
  /** When this address last read an image, wall-clock milliseconds: such an address is never given away. */
  readonly lastRead?: (address: Ipv4) => number | undefined;
  readonly store: AttemptStore;
  /** Signs boot tokens: 32 bytes that survive restarts. */
  readonly secret: Uint8Array;
  readonly clock: Clock;
  readonly log: Log;
  readonly listener: BootListener;
}

/** A file as a machine would download it, with `<boot-token>` in place of its token. */
export type Preview =
  | { readonly kind: 'files'; readonly files: readonly { readonly path: string; readonly template: string; readonly bytes: Uint8Array }[] }
  | { readonly kind: 'failed'; readonly reason: string };

/** An idle Dom0 reads nothing for a long time and still hangs on its address. */
const readingMs = 3_600_000;
/** Gives DHCP its turn after this many machines of a check. */
const machinesPerTurn = 4;

/**
 * The one place that says what a machine gets: DHCP asks `advise`, TFTP and HTTP `open`, the running system `hello`. It
 * sees all that servers observe and follows each power-on to its end.
 */
export class BootDesk implements BootObserver {
  readonly #deps: BootDeskDependencies;
  readonly #facts: BootFacts;
  readonly #attempts: AttemptBook;
  readonly #loaders: LoaderFolder;
  readonly #patterns: PathPatterns;
  #templates: TemplateSet;
  /** Told just before the DISCOVER is decided on. */
  #discoverBytes: { readonly mac: Mac; readonly bytes: number } | undefined;

  private constructor(deps: BootDeskDependencies, templates: TemplateSet) {
    this.#deps = deps;
    this.#templates = templates;
    this.#facts = new BootFacts(deps.objects, deps.images);
    this.#attempts = new AttemptBook(deps);
    this.#loaders = new LoaderFolder(deps.loadersDir);
    this.#patterns = new PathPatterns(deps.objects.profiles.flatMap((profile) => profile.menus.map((menu) => menu.path)));
  }

  /**
   * Reads the templates and the attempts of before. Templates that cannot be rendered for a machine are no obstacle to
   * the others: ask `checkAll`.
   * @throws TemplatesError where a template cannot be parsed
   */
  static async open(deps: BootDeskDependencies): Promise<BootDesk> {
    const templates = await TemplateSet.read(deps.templatesDir);
    if (!(templates instanceof TemplateSet)) throw new TemplatesError(templates);
    const desk = new BootDesk(deps, templates);
    await desk.#attempts.load();
    return desk;
  }

  /** Stops all timers and writes what is not yet stored. */
  close(): Promise<void> {
    return this.#attempts.close();
  }

  /** Decides for a DHCP packet, and opens an attempt where it begins a power-on. From memory, at once. */
  advise(client: BootClient, subnet: Subnet, message: 'DISCOVER' | 'REQUEST' | 'INFORM'): BootDecision {
    const nowMs = this.#deps.clock.now();
    const known = this.#facts.machineByMac(client.mac);
    const previous = this.#attemptOf(client.mac);
    const opens =
      message !== 'INFORM' && opensAttempt(client.face, client.mac, previous === undefined ? undefined : seenOf(previous), nowMs);
    const facts: DecisionFacts = {
      subnet,
      httpUrl: this.#httpUrl(subnet),
      ...(known !== undefined && { machine: known }),
      ...(!opens && previous !== undefined && { pinned: pinsOf(previous) }),
      profile: (name) => this.#facts.profile(name),
      resolveImage: (name) => this.#facts.resolveImage(name),
    };
    const decision = decideBoot(client, facts);
    if (opens) this.#open(client, subnet, decision);
    else if (previous !== undefined) this.#attempts.touch(previous, `DHCP ${message} received`, nowMs);
    return decision;
  }

  reservedAddress(mac: Mac, subnet: Subnet): Ipv4 | undefined {
    return this.#facts.reservedAddress(mac, subnet);
  }

  isReserved(address: Ipv4): boolean {
    return this.#facts.isReserved(address);
  }

  /** Whether a root hangs on this address: its machine mounted it or is up, or reads from us. */
  addressInUse(address: Ipv4): boolean {
    const attempt = this.#attempts.atAddress(address);
    if (attempt !== undefined && attempt === this.#attempts.newestOf(attempt.pins.machine.name) && attempt.addresses.at(-1) === address) {
      if (attempt.state === 'up') return true;
      if (attempt.goesOn && stageIndex(lastStage(attempt.stages)) >= stageIndex('mount')) return true;
    }
    const readMs = this.#deps.lastRead?.(address);
    return readMs !== undefined && this.#deps.clock.now() - readMs < readingMs;
  }

  /** One path of the boot tree as this client sees it. Reading changes nothing. */
  async open(request: Pick<BootFileRequest, 'clientAddress' | 'path'>): Promise<BootFile> {
    const path = normalTreePath(request.path);
    if (path === undefined) return { kind: 'refused', reason: 'the path leaves the boot tree or holds characters of no boot file' };
    const ofImage = imageFile(path, this.#facts.images);
    if (ofImage !== undefined) return ofImage;

    const { named, rest } = this.#namedBy(path);
    const identity = this.#identify(request.clientAddress, named);
    if (identity.kind === 'machine') {
      const rendered = this.#renderedFor(identity, rest);
      if (rendered !== undefined) return rendered;
    }
    if (identity.kind === 'conflict' && named !== undefined) return { kind: 'refused', reason: identity.reason };
    const loader = await this.#loaders.find(rest);
    if (loader !== undefined) return loader;
    if (identity.kind === 'conflict') return { kind: 'refused', reason: identity.reason };
    const who = identity.kind === 'machine' ? `${identity.machine.name} has no such file` : identity.reason;
    return { kind: 'missing', reason: `no loader is called ${rest}, and ${who}` };
  }

  /** The running system reports: its boot token ends the attempt, once. */
  hello(request: {
    readonly token: string;
    readonly clientAddress: Ipv4;
    readonly body: string;
  }): Promise<{ readonly accepted: true } | { readonly accepted: false; readonly reason: string }> {
    const atMs = this.#deps.clock.now();
    const attempt = this.#attempts.ofToken(request.token);
    const refuse = (reason: string): { accepted: false; reason: string } => {
      this.#attempts.onIgnored(attempt, { kind: 'ignored', atMs, protocol: 'http', clientAddress: request.clientAddress, reason });
      return { accepted: false, reason };
    };
    if (attempt !== undefined) {
      const { machine, mac } = attempt.pins;
      const identity = this.#identify(request.clientAddress, { machine, mac });
      if (identity.kind === 'conflict') return Promise.resolve(refuse(`this boot token is another machine's: ${identity.reason}`));
    }
    const answer = this.#attempts.redeem(request.token, atMs);
    return Promise.resolve(answer.accepted ? answer : refuse(answer.reason));
  }

  observe(observation: Observation): void {
    switch (observation.kind) {
      case 'dhcp': {
        const { mac, direction, message, bytes } = observation;
        if (direction === 'received' && message === 'DISCOVER') {
          // Whose power-on it belongs to is decided in a moment.
          this.#discoverBytes = { mac, bytes };
          return;
        }
        const attempt = this.#attemptOf(mac);
        if (attempt !== undefined) this.#attempts.onDhcp(attempt, observation);
        return;
      }
      case 'file': {
        const attempt = this.#attemptAt(observation.clientAddress, observation.path);
        if (attempt !== undefined) this.#attempts.onFile(attempt, observation);
        else if (observation.phase === 'refused' || observation.phase === 'missing') {
          const { atMs, protocol, clientAddress, path, phase, reason } = observation;
          this.#attempts.onIgnored(undefined, {
            kind: 'ignored',
            atMs,
            protocol,
            clientAddress,
            reason: `${path} was ${phase}: ${reason ?? 'no reason given'}`,
          });
        }
        return;
      }
      case 'mount': {
        const attempt = this.#attemptAt(observation.clientAddress);
        if (attempt !== undefined) this.#attempts.onMount(attempt, observation);
        return;
      }
      case 'ignored': {
        const { mac, clientAddress } = observation;
        const byMac = mac === undefined ? undefined : this.#attemptOf(mac);
        this.#attempts.onIgnored(byMac ?? (clientAddress === undefined ? undefined : this.#attemptAt(clientAddress)), observation);
      }
    }
  }

  /** Renders every template for every machine that uses it, in turns. Images that are not published yet are no problem here. */
  async checkAll(templates: TemplateSet = this.#templates): Promise<readonly TemplateProblem[]> {
    const problems: TemplateProblem[] = [];
    for (const [index, machine] of this.#facts.objects.machines.entries()) {
      if (index % machinesPerTurn === machinesPerTurn - 1) await nextTurn();
      for (const { mac } of machine.nics) {
        const subject = this.#subject(machine, mac, { standIn: true });
        if (typeof subject === 'string') problems.push({ template: '', line: 0, machine: machine.name, message: subject });
        else problems.push(...checkMenus(templates, subject));
      }
    }
    return problems;
  }

  /**
   * Reads the templates anew. Only a set that renders for every machine takes over, and only for attempts that begin
   * after it; otherwise the last good one keeps serving.
   */
  async reload(): Promise<readonly TemplateProblem[]> {
    const templates = await TemplateSet.read(this.#deps.templatesDir);
    return templates instanceof TemplateSet ? this.replaceTemplates(templates) : templates;
  }

  async replaceTemplates(templates: TemplateSet): Promise<readonly TemplateProblem[]> {
    if (templates.sha256 === this.#templates.sha256) return [];
    const problems = await this.checkAll(templates);
    if (problems.length === 0) this.#templates = templates;
    return problems;
  }

  /**
   * Exactly what the machine would download: of the attempt that goes on, else of one that would begin now.
   * @param wanted one menu, by its path or by its template's name; without it all menus of the profile
   */
  preview(machineName: string, wanted?: string): Preview {
    const machine = this.#facts.machineByName(machineName);
    if (machine === undefined) return { kind: 'failed', reason: `there is no machine ${machineName}` };
    const attempt = this.#attempts.newestOf(machine.name);
    const mac = attempt?.goesOn === true ? attempt.pins.mac : machine.nics[0]?.mac;
    if (mac === undefined) return { kind: 'failed', reason: `${machine.name} has no NIC` };
    const seen = this.#menusOf({ machine, mac }, attempt?.goesOn === true ? attempt : undefined);
    if (typeof seen === 'string') return { kind: 'failed', reason: seen };
    const path = normalTreePath(wanted ?? '/');
    const one =
      wanted === undefined
        ? undefined
        : (seen.menus.find((menu) => menu.template === wanted) ?? (path === undefined ? undefined : menuFor(path, seen)));
    const menus = wanted === undefined ? seen.menus : one === undefined ? [] : [one];
    const broken = menus.find((menu) => menu.problem !== undefined);
    if (broken !== undefined) return { kind: 'failed', reason: `${broken.problem} (machine ${machine.name})` };
    if (menus.length === 0) {
      const known = seen.menus.map((menu) => `${menu.template} at ${menu.path}`).join(', ');
      return {
        kind: 'failed',
        reason: `profile ${seen.profile.name} of ${machine.name} has no menu ${wanted ?? ''}; it has ${known === '' ? 'none' : known}`,
      };
    }
    return { kind: 'files', files: menus.map((menu) => ({ path: menu.path, template: menu.template, bytes: Buffer.from(menu.text) })) };
  }

  /** The attempts of a machine that are remembered, oldest first. */
  attemptsOf(machineName: string): readonly StoredAttempt[] {
    return this.#attempts.historyOf(machineName).map((attempt) => attempt.toStored());
  }

  #open(client: BootClient, subnet: Subnet, decision: BootDecision): void {
    if (decision.kind !== 'boot' && decision.kind !== 'local') return;
    const { machine } = decision;
    const profile = decision.kind === 'boot' ? decision.profile : this.#facts.profile(machine.profile);
    if (profile === undefined) return;
    const image = decision.kind === 'boot' ? decision.image : undefined;
    const templates = this.#templates;
    const subject: RenderSubject = {
      machine,
      mac: client.mac,
      subnet,
      profile,
      httpUrl: this.#httpUrl(subnet),
      ...(image !== undefined && { image }),
    };
    const pins = { machine, mac: client.mac, subnet, profile, ...(image !== undefined && { image: formatImageRef(image) }) };
    const heard = this.#discoverBytes?.mac === client.mac ? this.#discoverBytes.bytes : undefined;
    this.#attempts.open(pins, decision.reason, () => (profile.boot === 'local' ? [] : renderMenus(templates, subject)), heard);
  }

  #renderedFor(client: NamedClient, path: string): BootFile | undefined {
    const attempt = this.#attempts.newestOf(client.machine.name);
    const seen = this.#menusOf(client, attempt);
    if (typeof seen === 'string') return { kind: 'missing', reason: seen };
    const menu = menuFor(path, seen);
    if (menu === undefined) return undefined;
    if (menu.problem !== undefined) return { kind: 'missing', reason: `${menu.path} cannot be rendered: ${menu.problem}` };
    const text = attempt === undefined ? menu.text : menu.text.replaceAll(tokenPlaceholder, this.#attempts.tokenOf(attempt));
    const bytes = Buffer.from(text);
    const etag = `"${createHash('sha256').update(bytes).digest('base64url')}"`;
    return { kind: 'rendered', bytes, etag, contentType: 'text/plain; charset=utf-8' };
  }

  /** The menus of an attempt, or without one those that would be made now; a text says why there are none. */
  #menusOf({ machine, mac }: NamedClient, attempt: Attempt | undefined): SeenMenus | string {
    if (attempt !== undefined)
      return { menus: attempt.menus, profile: attempt.pins.profile, name: attempt.pins.machine.name, mac: attempt.pins.mac };
    const subject = this.#subject(machine, mac, { standIn: false });
    if (typeof subject === 'string') return subject;
    return { menus: renderMenus(this.#templates, subject), profile: subject.profile, name: machine.name, mac };
  }

  /** What a machine's files would be rendered from now; a text says why nothing can be rendered. */
  #subject(machine: Machine, mac: Mac, { standIn }: { readonly standIn: boolean }): RenderSubject | string {
    const profile = this.#facts.profile(machine.profile);
    const subnet = this.#facts.homeSubnet(machine, mac);
    if (profile === undefined) return `${machine.name} has profile ${machine.profile}, which is not defined`;
    if (subnet === undefined) return `there is no subnet for ${machine.name}`;
    const subject = { machine, mac, subnet, profile, httpUrl: this.#httpUrl(subnet) };
    if (profile.image === undefined) return subject;
    const image = this.#facts.resolveImage(profile.image) ?? (standIn ? standInFor(profile) : undefined);
    return image === undefined ? `profile ${profile.name} needs image ${profile.image}, which is not published` : { ...subject, image };
  }

  /** A path may begin with `/by-token/TOKEN`, or hold a name or MAC by a menu's pattern. */
  #namedBy(path: string): { readonly named?: NamedClient; readonly rest: string } {
    const [, token, rest] = /^\/by-token\/([\w-]+)(\/.+)$/.exec(path) ?? [];
    if (token !== undefined && rest !== undefined) {
      const attempt = this.#attempts.ofToken(token);
      return { rest, ...(attempt !== undefined && { named: { machine: attempt.pins.machine, mac: attempt.pins.mac } }) };
    }
    for (const { name, mac } of this.#patterns.read(path)) {
      const machine = mac === undefined ? this.#machineNamed(name ?? '') : this.#machineOf(mac);
      const first = mac ?? (machine === undefined ? undefined : (this.#attempts.newestOf(machine.name)?.pins.mac ?? machine.nics[0]?.mac));
      if (machine !== undefined && first !== undefined) return { named: { machine, mac: first }, rest: path };
    }
    return { rest: path };
  }

  #identify(address: Ipv4, named: NamedClient | undefined): Identity {
    const { clients } = this.#deps;
    return identifyClient(address, named, {
      leaseOwner: (of) => clients.leaseOwner(of),
      neighbourMac: (of) => clients.neighbourMac(of),
      machineOf: (mac) => this.#machineOf(mac),
    });
  }

  #attemptAt(address: Ipv4, path?: string): Attempt | undefined {
    const normal = path === undefined ? undefined : normalTreePath(path);
    const identity = this.#identify(address, normal === undefined ? undefined : this.#namedBy(normal).named);
    return identity.kind === 'machine' ? this.#attempts.newestOf(identity.machine.name) : this.#attempts.atAddress(address);
  }

  /** The newest attempt of the machine that has this MAC, whichever of its NICs booted. */
  #attemptOf(mac: Mac): Attempt | undefined {
    const machine = this.#facts.machineByMac(mac);
    return (machine === undefined ? undefined : this.#attempts.newestOf(machine.name)) ?? this.#attempts.newestOfMac(mac);
  }

  #machineOf(mac: Mac): Machine | undefined {
    return this.#facts.machineByMac(mac) ?? this.#attempts.newestOfMac(mac)?.pins.machine;
  }

  #machineNamed(name: string): Machine | undefined {
    return this.#facts.machineByName(name) ?? this.#attempts.newestOf(name)?.pins.machine;
  }

  #httpUrl(subnet: Subnet): string {
    return `http://${subnet.serverAddress}:${this.#deps.httpPort}`;
  }
}

/** Templates that cannot be parsed: all problems at once. */
export class TemplatesError extends Error {
  readonly code = 'TEMPLATES';
  readonly problems: readonly TemplateProblem[];

  constructor(problems: readonly TemplateProblem[]) {
    super(problems.map(formatProblem).join('\n'));
    this.name = 'TemplatesError';
    this.problems = problems;
  }
}

/** `menu.lst.hbs:12: machine.serial is missing (machine post01)`. */
export function formatProblem({ template, line, machine, message }: TemplateProblem): string {
  const place = template === '' ? '' : `${template}:${line}: `;
  return `${place}${message}${machine === undefined ? '' : ` (machine ${machine})`}`;
}

interface SeenMenus {
  readonly menus: readonly PinnedMenu[];
  readonly profile: BootProfile;
  readonly name: string;
  readonly mac: Mac;
}

function menuFor(path: string, { menus, profile, name, mac }: SeenMenus): PinnedMenu | undefined {
  const menu = menuAt(path, profile.menus, { name, mac });
  return menu === undefined ? undefined : menus[profile.menus.indexOf(menu)];
}

function seenOf(attempt: Attempt): Parameters<typeof opensAttempt>[2] {
  return { mac: attempt.pins.mac, stages: attempt.stages, lastSeenMs: attempt.lastSeenMs };
}

function pinsOf(attempt: Attempt): NonNullable<DecisionFacts['pinned']> {
  const { machine, mac, profile, image } = attempt.pins;
  const ref = image === undefined ? undefined : refOf(image);
  return { machine, mac, profile, ...(ref !== undefined && { image: ref }) };
}

function refOf(text: string): ImageRef | undefined {
  const name = parseImageName(text);
  return name?.version === undefined ? undefined : { image: name.image, version: name.version };
}

/** So that templates can be checked before the first image is built. */
function standInFor(profile: BootProfile): ImageRef {
  const name = parseImageName(profile.image ?? '');
  return { image: name?.image ?? 'image', version: name?.version ?? 1 };
}
