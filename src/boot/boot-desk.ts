import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { BootClient, BootDecision } from '../model/boot-decision.ts';
import type { BootFile, BootFileRequest } from '../model/boot-file.ts';
import type { BootObserver, Observation } from '../model/boot-trace.ts';
import { formatImageRef, parseImageName } from '../model/image-manifest.ts';
import type { Ipv4 } from '../model/ipv4.ts';
import type { Mac } from '../model/mac.ts';
import type { Subnet } from '../model/subnet.ts';
import type { Attempt } from './attempt.ts';
import { AttemptBook } from './attempt-book.ts';
import { lastStage, opensAttempt, stageIndex } from './attempt-rules.ts';
import type { AttemptStore, StoredAttempt } from './attempt-store.ts';
import type { BootListener } from './boot-event.ts';
import { BootFacts, type BootObjects, type ImageShelf } from './boot-facts.ts';
import { ClientTree, type Preview } from './client-tree.ts';
import { decideBoot, type DecisionFacts } from './decide.ts';
import type { ClientLookup } from './identify.ts';
import { KnownClients } from './known-clients.ts';
import { renderMenus } from './menu-rendering.ts';
import { LoaderFolder } from './static-files.ts';
import type { TemplateProblem } from './template-error.ts';
import type { TemplateSet } from './template-set.ts';
import { TemplateShelf } from './template-shelf.ts';
import { withoutToken } from './tree-path.ts';

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

export type HelloResult = { readonly accepted: true } | { readonly accepted: false; readonly reason: string };

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
  readonly #attempts: AttemptBook;
  readonly #known: KnownClients;
  readonly #templates: TemplateShelf;
  readonly #tree: ClientTree;
  #minute = 0;
  #strangers = 0;

  private constructor(deps: BootDeskDependencies, facts: BootFacts, templates: TemplateShelf) {
    this.#deps = deps;
    this.#facts = facts;
    this.#templates = templates;
    this.#attempts = new AttemptBook(deps);
    this.#known = new KnownClients(facts, this.#attempts, deps.clients);
    const loaders = new LoaderFolder(deps.loadersDir);
    this.#tree = new ClientTree({ facts, attempts: this.#attempts, known: this.#known, templates, loaders });
  }

  /**
   * Reads the templates and the attempts of before. A template that fails for one machine is no obstacle to the others:
   * ask {@link checkAll}.
   * @throws TemplatesError where a template cannot be parsed; Error where a folder or the store cannot be read
   */
  static async open(deps: BootDeskDependencies): Promise<BootDesk> {
    const facts = new BootFacts(deps.objects, deps.images, deps.httpPort);
    const desk = new BootDesk(deps, facts, await TemplateShelf.open(deps.templatesDir, facts));
    await desk.#attempts.load();
    return desk;
  }

  /** Stops all timers and writes what is not yet stored. */
  close(): Promise<void> {
    return this.#attempts.close();
  }

  /**
   * Decides for a DHCP packet, and opens an attempt where it begins a power-on. From memory, at once. Ask before you tell
   * `observe` of the packet: how long the attempt before was silent counts.
   */
  advise(client: BootClient, subnet: Subnet, message: 'DISCOVER' | 'REQUEST' | 'INFORM'): BootDecision {
    const nowMs = this.#deps.clock.now();
    const machine = this.#facts.machineByMac(client.mac);
    const previous = this.#known.attemptOf(client.mac);
    const opens = message !== 'INFORM' && opensAttempt(client.face, client.mac, previous?.seen, nowMs);
    if (opens && machine === undefined && subnet.unknown.kind === 'profile' && !this.#admitsStranger(nowMs))
      return { kind: 'ignore', reason: `over ${maxStrangersPerMinute} unknown clients began to boot within a minute: it will ask again` };
    const decision = decideBoot(client, {
      subnet,
      httpUrl: this.#facts.httpUrl(subnet),
      ...(machine !== undefined && { machine }),
      ...(!opens && previous !== undefined && { pinned: pinsOf(previous) }),
      profile: (name) => this.#facts.profile(name),
      resolveImage: (name) => this.#facts.resolveImage(name),
    });
    if (opens) this.#begin(client, subnet, decision);
    else if (previous !== undefined) this.#attempts.touch(previous, `DHCP ${message} received`, nowMs);
    return decision;
  }

  reservedAddress(mac: Mac, subnet: Subnet): Ipv4 | undefined {
    return this.#facts.reservedAddress(mac, subnet);
  }

  isReserved(address: Ipv4): boolean {
    return this.#facts.isReserved(address);
  }

  /** Whether a root hangs on this address: its machine mounted it or is up, or it reads from us. */
  addressInUse(address: Ipv4): boolean {
    const attempt = this.#attempts.atAddress(address);
    const isNewest = attempt !== undefined && attempt === this.#attempts.newestOf(attempt.pins.machine.name);
    if (isNewest && attempt.addresses.at(-1) === address) {
      if (attempt.state === 'up') return true;
      if (attempt.goesOn && stageIndex(lastStage(attempt.stages)) >= stageIndex('mount')) return true;
    }
    const readMs = this.#deps.lastRead?.(address);
    return readMs !== undefined && this.#deps.clock.now() - readMs < readingMs;
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
    const identity = attempt === undefined ? undefined : this.#known.identify(clientAddress, attempt.pins);
    const result =
      identity?.kind === 'conflict'
        ? ({ accepted: false, reason: `this boot token is another machine's: ${identity.reason}` } as const)
        : this.#attempts.redeem(token, atMs);
    if (!result.accepted)
      this.#attempts.onIgnored(attempt, { kind: 'ignored', atMs, protocol: 'http', clientAddress, reason: result.reason });
    // The machine hears yes only when no restart of ours can make the token good again.
    else if (attempt !== undefined) await this.#attempts.saved(attempt);
    return result;
  }

  observe(observation: Observation): void {
    switch (observation.kind) {
      case 'dhcp': {
        const attempt = this.#known.attemptOf(observation.mac);
        if (attempt !== undefined) this.#attempts.onDhcp(attempt, observation);
        return;
      }
      case 'file': {
        const { atMs, protocol, clientAddress, phase } = observation;
        const attempt = this.#known.attemptAt(clientAddress, observation.path);
        const path = withoutToken(this.#known.pathOf(observation.path));
        const reason = observation.reason === undefined ? undefined : withoutToken(observation.reason);
        if (attempt !== undefined) this.#attempts.onFile(attempt, { ...observation, path, ...(reason !== undefined && { reason }) });
        else if (phase === 'refused' || phase === 'missing')
          this.#attempts.onIgnored(undefined, {
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
        if (attempt !== undefined) this.#attempts.onMount(attempt, observation);
        return;
      }
      case 'ignored': {
        const { mac, clientAddress } = observation;
        const byMac = mac === undefined ? undefined : this.#known.attemptOf(mac);
        this.#attempts.onIgnored(byMac ?? (clientAddress === undefined ? undefined : this.#known.attemptAt(clientAddress)), observation);
      }
    }
  }

  /** Renders every menu for every machine and returns all that is wrong, by template, line, variable and machine. */
  checkAll(): Promise<readonly TemplateProblem[]> {
    return this.#templates.checkAll();
  }

  /**
   * Reads the templates anew. Only a set that renders for every machine takes over, and only for attempts that begin
   * after it; otherwise the last good one keeps serving and the problems are returned.
   */
  reload(): Promise<readonly TemplateProblem[]> {
    return this.#templates.reload();
  }

  /** The same for a set that comes from elsewhere. */
  replaceTemplates(templates: TemplateSet): Promise<readonly TemplateProblem[]> {
    return this.#templates.replace(templates);
  }

  /**
   * Exactly what the machine would download, with `<boot-token>` for its token: of the attempt that goes on, else of one
   * that would begin now.
   * @param wanted one menu, by its path or by its template's name; without it all menus of the profile
   */
  preview(machineName: string, wanted?: string): Preview {
    return this.#tree.preview(machineName, wanted);
  }

  /** The attempts of a machine that are remembered, oldest first. */
  attemptsOf(machineName: string): readonly StoredAttempt[] {
    return this.#attempts.historyOf(machineName).map((attempt) => attempt.toStored());
  }

  #admitsStranger(nowMs: number): boolean {
    const minute = Math.floor(nowMs / 60_000);
    if (minute !== this.#minute) [this.#minute, this.#strangers] = [minute, 0];
    return this.#strangers++ < maxStrangersPerMinute;
  }

  #begin(client: BootClient, subnet: Subnet, decision: BootDecision): void {
    if (decision.kind !== 'boot' && decision.kind !== 'local') return;
    const { machine, reason } = decision;
    const { mac } = client;
    const profile = machine.profile === undefined ? undefined : this.#facts.profile(machine.profile);
    if (profile === undefined) return;
    const image = decision.kind === 'boot' ? decision.image : undefined;
    const subject = { machine, mac, subnet, profile, httpUrl: this.#facts.httpUrl(subnet), ...(image !== undefined && { image }) };
    const templates = this.#templates.current;
    const pins = { machine, mac, subnet, profile, ...(image !== undefined && { image: formatImageRef(image) }) };
    this.#attempts.open(pins, reason, () => (profile.boot === 'local' ? [] : renderMenus(templates, subject)));
  }
}

function pinsOf({ pins }: Attempt): NonNullable<DecisionFacts['pinned']> {
  const { machine, mac, profile } = pins;
  const { image, version } = parseImageName(pins.image ?? '') ?? {};
  return { machine, mac, profile, ...(image !== undefined && version !== undefined && { image: { image, version } }) };
}
