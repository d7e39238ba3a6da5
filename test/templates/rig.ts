import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Preview } from '../../src/boot/client-tree.ts';
import { TemplateError, type TemplateProblem } from '../../src/boot/template-error.ts';
import type { TemplateSet } from '../../src/boot/template-set.ts';
import type { TemplateValue } from '../../src/boot/template-interpreter.ts';
import { HeldClock } from '../../src/clock.ts';
import { CapturedLog } from '../../src/log.ts';
import type { GrubCheck } from '../../src/templates/grub-script.ts';
import { TemplateLibrary } from '../../src/templates/template-library.ts';
import type { TemplateUse, TemplateUser } from '../../src/templates/template-user.ts';
import type { TemplateChangeResult, TemplateNotice, TemplateView } from '../../src/templates/template-view.ts';
import { MemoryTemplateStore } from './memory-template-store.ts';

interface FakeMachine {
  readonly profile: string;
  readonly context: { readonly [name: string]: TemplateValue };
}

/** Machines with nothing but what templates name. */
export class FakeUser implements TemplateUser {
  readonly profiles = new Map<string, readonly string[]>([
    ['dom0', ['menu.lst', 'grub.cfg']],
    ['spare', ['spare.cfg']],
  ]);
  readonly machines = new Map<string, FakeMachine>();
  readonly sets: TemplateSet[] = [];
  /** What is wrong with machines themselves. */
  readonly faults: TemplateProblem[] = [];
  checks = 0;

  constructor() {
    for (const name of ['post01', 'post02']) this.machines.set(name, { profile: 'dom0', context: { name, serial: 'S1' } });
  }

  uses(): readonly TemplateUse[] {
    return [...this.profiles].map(([profile, templates]) => ({
      profile,
      templates,
      machines: [...this.machines].flatMap(([name, machine]) => (machine.profile === profile ? [name] : [])),
    }));
  }

  check(set: TemplateSet, templates: ReadonlySet<string>): Promise<readonly TemplateProblem[]> {
    this.checks++;
    const problems: TemplateProblem[] = [...this.faults];
    for (const [machine, { profile, context }] of this.machines) {
      for (const template of this.profiles.get(profile)?.filter((name) => templates.has(name)) ?? []) {
        try {
          set.render(template, context);
        } catch (error) {
          if (!(error instanceof TemplateError)) throw error;
          problems.push({ ...error.place, machine, message: error.detail });
        }
      }
    }
    return Promise.resolve(problems);
  }

  preview(machine: string, wanted: string | undefined, set: TemplateSet): Preview {
    const { profile, context } = this.machines.get(machine) ?? {};
    const templates = this.profiles.get(profile ?? '')?.filter((name) => wanted === undefined || name === wanted) ?? [];
    try {
      const files = templates.map((template) => ({
        path: `/${template}`,
        template,
        bytes: Buffer.from(set.render(template, context ?? {})),
      }));
      return { kind: 'files', files };
    } catch (error) {
      return { kind: 'failed', reason: (error as Error).message };
    }
  }

  use(set: TemplateSet): void {
    this.sets.push(set);
  }
}

export const anna = { author: 'anna' } as const;

/** A library over a folder of its own, with hands on its clock, its database and its machines. */
export class Rig {
  readonly clock = new HeldClock();
  readonly log = new CapturedLog();
  readonly user = new FakeUser();
  readonly notices: TemplateNotice[] = [];
  readonly folder = mkdtempSync(join(tmpdir(), 'virtdom-templates-'));
  readonly store: MemoryTemplateStore;
  readonly scripts: string[] = [];
  grubCheck: GrubCheck = (script) => {
    this.scripts.push(script);
    return Promise.resolve({ kind: 'sound' });
  };
  #library: TemplateLibrary | undefined;

  constructor(store = new MemoryTemplateStore()) {
    this.store = store;
    this.ship({
      'menu.lst': 'title {{name}}\n{{> arguments}}\n',
      arguments: 'console={{default console "hvc0"}}\n',
      'grub.cfg': 'set a={{name}}\n',
      'spare.cfg': 'set b=1\n',
    });
  }

  get library(): TemplateLibrary {
    if (this.#library === undefined) throw new Error('start it first');
    return this.#library;
  }

  ship(texts: Readonly<Record<string, string | undefined>>): void {
    for (const [name, text] of Object.entries(texts)) {
      const file = join(this.folder, `${name}.hbs`);
      if (text === undefined) rmSync(file);
      else writeFileSync(file, text);
    }
  }

  async start(): Promise<this> {
    this.#library = await TemplateLibrary.open({
      store: this.store,
      folder: this.folder,
      user: this.user,
      clock: this.clock,
      log: this.log,
      grubCheck: (script) => this.grubCheck(script),
      listener: (notice) => void this.notices.push(notice),
    });
    return this;
  }

  /** As after a restart: what was not stored is gone. */
  async restart(): Promise<void> {
    await this.library.close();
    await this.start();
  }

  async remove(): Promise<void> {
    await this.#library?.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  revision(name: string): number {
    return this.library.get(name)?.revision ?? 0;
  }

  draft(name: string, text: string): Promise<TemplateChangeResult> {
    return this.library.saveDraft(name, { ...anna, revision: this.revision(name), text });
  }

  async publish(name: string, text: string, more: { tryMs?: number; force?: boolean; note?: string } = {}): Promise<TemplateChangeResult> {
    await this.draft(name, text);
    return this.library.publish(name, { ...anna, note: 'why not', ...more, revision: this.revision(name) });
  }

  /** What a boot of post01 would get that begins now. */
  served(name: string): string {
    const set = this.user.sets.at(-1) ?? this.library.current;
    return set.has(name) ? set.render(name, this.user.machines.get('post01')?.context ?? {}) : 'nothing';
  }

  view(name: string): Partial<TemplateView> {
    return this.library.get(name) ?? {};
  }
}
