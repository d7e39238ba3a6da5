import { createHash } from 'node:crypto';
import type { BootFile, BootFileRequest } from '../model/boot-file.ts';
import type { BootProfile } from '../model/boot-profile.ts';
import type { Mac } from '../model/mac.ts';
import type { Subnet } from '../model/subnet.ts';
import type { Attempt } from './attempt.ts';
import type { AttemptIndex } from './attempt-index.ts';
import type { PinnedMenu } from './attempt-store.ts';
import { type BootFacts, renderSubject } from './boot-facts.ts';
import type { NamedClient } from './identify.ts';
import type { KnownClients } from './known-clients.ts';
import { menuAt } from './menu-paths.ts';
import { renderMenus } from './menu-rendering.ts';
import { imageFile, type LoaderFolder } from './static-files.ts';
import { tokenPlaceholder } from './template-context.ts';
import type { TemplateSet } from './template-set.ts';
import type { TemplateShelf } from './template-shelf.ts';
import { normalTreePath } from './tree-path.ts';
import { grubLegacyMenuOf, madeUpMachine, rebootMenu, strangerOn } from './waiting.ts';

export interface ClientTreeDependencies {
  readonly facts: BootFacts;
  readonly attempts: AttemptIndex;
  readonly known: KnownClients;
  readonly templates: TemplateShelf;
  readonly loaders: LoaderFolder;
}

/** Menus as a machine would download them, with `<boot-token>` in place of its token. */
export type Preview =
  | { readonly kind: 'files'; readonly files: readonly { readonly path: string; readonly template: string; readonly bytes: Uint8Array }[] }
  | { readonly kind: 'failed'; readonly reason: string };

/** The menus that one client sees: of its attempt, or of one that would begin now. */
interface SeenMenus {
  readonly menus: readonly PinnedMenu[];
  readonly profile: BootProfile;
  readonly name: string;
  readonly mac: Mac;
}

/** The boot tree: menus by client, boot files of images, loaders. Reading it changes nothing. */
export class ClientTree {
  readonly #deps: ClientTreeDependencies;

  constructor(deps: ClientTreeDependencies) {
    this.#deps = deps;
  }

  async open(request: Pick<BootFileRequest, 'clientAddress' | 'path'>): Promise<BootFile> {
    const { facts, known, loaders } = this.#deps;
    const normal = normalTreePath(request.path);
    if (normal === undefined) return { kind: 'refused', reason: 'the path leaves the boot tree or holds characters of no boot file' };
    const { named, path } = known.readPath(normal);
    const ofImage = imageFile(path, facts.images);
    if (ofImage !== undefined) return ofImage;

    const identity = known.identify(request.clientAddress, named);
    const rendered = identity.kind === 'machine' ? this.#rendered(identity, path) : undefined;
    if (rendered !== undefined) return rendered;
    // A path that names a machine must not fall through to a file of the same name for everybody.
    if (identity.kind === 'conflict' && named !== undefined) return { kind: 'refused', reason: identity.reason };
    const loader = await loaders.find(path);
    if (loader !== undefined) return loader;
    if (identity.kind === 'conflict') return { kind: 'refused', reason: identity.reason };
    const who = identity.kind === 'machine' ? `${identity.machine.name} has no such menu` : identity.reason;
    return { kind: 'missing', reason: `no loader is called ${path}, and ${who}` };
  }

  /**
   * @param wanted one menu, by its path or by its template's name; without it all menus of the profile
   * @param templates in place of those that are served: what a boot that begins now would get of them
   */
  preview(machineName: string, wanted?: string, templates?: TemplateSet): Preview {
    const seen = this.#shown(machineName, templates);
    if (typeof seen === 'string') return failed(seen);
    const menus = wanted === undefined ? seen.menus : menusCalled(wanted, seen);
    const broken = menus.find((menu) => menu.problem !== undefined);
    if (broken !== undefined) return failed(`${broken.problem} (machine ${seen.name})`);
    if (menus.length > 0 || wanted === undefined)
      return { kind: 'files', files: menus.map(({ path, template, text }) => ({ path, template, bytes: Buffer.from(text) })) };
    const there = seen.menus.map((menu) => `${menu.template} at ${menu.path}`).join(', ');
    return failed(`profile ${seen.profile.name} of ${seen.name} has no menu ${wanted}; it has ${there === '' ? 'none' : there}`);
  }

  #shown(machineName: string, templates: TemplateSet | undefined): SeenMenus | string {
    const { facts, attempts } = this.#deps;
    const subnet = facts.objects.subnets.find((each) => strangerOn(each).name === machineName);
    if (subnet !== undefined) {
      const { mac } = strangerOn(subnet);
      return this.#menusNow({ machine: madeUpMachine(mac), mac }, templates, { subnet });
    }
    const known = facts.machineByName(machineName);
    const newest = attempts.newestOf(known?.name ?? machineName);
    if (newest?.goesOn === true && templates === undefined) return menusOfAttempt(newest);
    const machine = known ?? (newest?.goesOn === true ? newest.pins.machine : undefined);
    if (machine === undefined) return `there is no machine ${machineName}`;
    const [nic] = machine.nics;
    if (nic === undefined) return `${machine.name} has no NIC`;
    const once = facts.objects.oneShots.get(machine.name)?.profile;
    return this.#menusNow({ machine, mac: nic.mac }, templates, once === undefined ? {} : { profile: once });
  }

  #rendered(client: NamedClient, path: string): BootFile | undefined {
    const { attempts, known } = this.#deps;
    const attempt = known.attemptFor(client);
    const isPoll = path.toLowerCase() === attempt?.pollPath?.toLowerCase();
    if (isPoll && attempt?.sentOff !== undefined) return textFile(rebootMenu(attempt.sentOff));
    const seen = attempt === undefined ? this.#menusNow(client) : menusOfAttempt(attempt);
    if (typeof seen === 'string') return undefined;
    const menu = menuFor(path, seen) ?? (isPoll ? grubLegacyMenu(seen) : undefined);
    if (menu === undefined) return undefined;
    if (menu.problem !== undefined) return { kind: 'missing', reason: `${menu.path} cannot be rendered: ${menu.problem}` };
    const token = attempt === undefined ? tokenPlaceholder : attempts.tokenOf(attempt);
    return textFile(menu.text.replaceAll(tokenPlaceholder, token));
  }

  /** Of a boot that would begin now. */
  #menusNow(
    { machine, mac }: NamedClient,
    templates = this.#deps.templates.current,
    of: { readonly subnet?: Subnet; readonly profile?: string } = {},
  ): SeenMenus | string {
    const subject = renderSubject(this.#deps.facts, machine, mac, { standIn: false, ...of });
    if (typeof subject === 'string') return subject;
    return { menus: renderMenus(templates, subject), profile: subject.profile, name: machine.name, mac };
  }
}

function menusOfAttempt({ pins, menus }: Attempt): SeenMenus {
  return { menus, profile: pins.profile, name: pins.machine.name, mac: pins.mac };
}

function textFile(text: string): BootFile {
  const bytes = Buffer.from(text);
  const etag = `"${createHash('sha256').update(bytes).digest('base64url')}"`;
  return { kind: 'rendered', bytes, etag, contentType: 'text/plain; charset=utf-8' };
}

function failed(reason: string): Preview {
  return { kind: 'failed', reason };
}

function menusCalled(wanted: string, seen: SeenMenus): readonly PinnedMenu[] {
  const path = normalTreePath(wanted);
  const menu = seen.menus.find(({ template }) => template === wanted) ?? (path === undefined ? undefined : menuFor(path, seen));
  return menu === undefined ? [] : [menu];
}

function menuFor(path: string, { menus, profile, name, mac }: SeenMenus): PinnedMenu | undefined {
  const menu = menuAt(path, profile.menus, { name, mac });
  return menu === undefined ? undefined : menus[profile.menus.indexOf(menu)];
}

/** The menu that a GRUB which waited goes on with, at whatever path it asks. */
function grubLegacyMenu({ menus, profile }: SeenMenus): PinnedMenu | undefined {
  const menu = grubLegacyMenuOf(profile);
  return menu === undefined ? undefined : menus[profile.menus.indexOf(menu)];
}
