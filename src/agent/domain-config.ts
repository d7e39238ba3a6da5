import { formatXlSettings, parseXlSettings } from './xl-config-syntax.ts';
import type { XlSettings, XlValue } from './xl-config-syntax.ts';

export interface ExpectedDomain {
  readonly name: string;
  readonly uuid: string;
  /** The names of the files that come with the command. */
  readonly files: readonly string[];
}

export type CheckedConfig =
  | {
      readonly kind: 'config';
      /** As xl reads it, with the paths of the files by their names, and the server that they came from. */
      write(paths: Readonly<Record<string, string>>, server: string): string;
    }
  | { readonly kind: 'refused'; readonly reason: string };

type Rule = (value: XlValue, expected: ExpectedDomain) => string | undefined;

const fileForm = /^\{file:([A-Za-z0-9][A-Za-z0-9._-]{0,63})\}$/;
const printable = /^[\x20-\x7e]*$/;

/** The closed list: nothing here names a program to run on the Dom0, a device of it, or another domain. */
const rules: Readonly<Record<string, Rule>> = {
  name: (value, { name }) => (value === name ? undefined : `it must be ${name}, the command's`),
  uuid: (value, { uuid }) => (value === uuid ? undefined : `it must be ${uuid}, the command's`),
  type: oneOf('pv', 'pvh', 'hvm'),
  kernel: ofFiles,
  ramdisk: ofFiles,
  extra: line(4096),
  cmdline: line(4096),
  root: line(256),
  memory: whole(1, 16 * 1024 * 1024),
  maxmem: whole(1, 16 * 1024 * 1024),
  vcpus: whole(1, 512),
  maxvcpus: whole(1, 512),
  cpus: like(/^(all|[0-9,^-]{1,256})$/, 'a list of processors'),
  cpus_soft: like(/^(all|[0-9,^-]{1,256})$/, 'a list of processors'),
  cpu_weight: whole(1, 65_535),
  cap: whole(0, 100_000),
  max_grant_frames: whole(0, 65_536),
  max_maptrack_frames: whole(0, 65_536),
  tsc_mode: oneOf('default', 'always_emulate', 'native'),
  acpi: whole(0, 1),
  apic: whole(0, 1),
  hap: whole(0, 1),
  pae: whole(0, 1),
  nomigrate: whole(0, 1),
  vif: each(vif),
  disk: each(disk),
  on_poweroff: oneOf('destroy'),
  on_reboot: oneOf('destroy'),
  on_crash: oneOf('destroy'),
  on_watchdog: oneOf('destroy'),
  on_soft_reset: oneOf('destroy'),
};
const required = ['name', 'uuid', 'memory', 'on_poweroff', 'on_reboot', 'on_crash', 'on_watchdog'];

/**
 * Reads an xl.cfg that came over the network, by a closed list of settings. A guest that ends is never started again by xl
 * (on_* = "destroy"): only the agent starts domains, so that there is never a second starter that nobody sees.
 */
export function readDomainConfig(text: string, expected: ExpectedDomain): CheckedConfig {
  const syntax = parseXlSettings(text);
  if (syntax.kind === 'malformed') return { kind: 'refused', reason: `its xl.cfg cannot be read: ${syntax.reason}` };
  const { settings } = syntax;
  for (const [key, value] of settings) {
    const rule = Object.hasOwn(rules, key) ? rules[key] : undefined;
    if (rule === undefined) return refused(`${key} is not among what an agent lets through to xl`);
    const problem = rule(value, expected);
    if (problem !== undefined) return refused(`${key}: ${problem}`);
  }
  const missing = required.find((key) => !settings.has(key));
  if (missing !== undefined) return refused(`${missing} is missing`);
  return { kind: 'config', write: (paths, server) => write(settings, paths, server) };
}

function write(settings: XlSettings, paths: Readonly<Record<string, string>>, server: string): string {
  const written = new Map(settings);
  for (const key of ['kernel', 'ramdisk']) {
    const name = fileForm.exec(String(settings.get(key)))?.[1];
    if (name === undefined) continue;
    const path = paths[name];
    if (path === undefined) throw new Error(`no path of the file ${name}`);
    written.set(key, path);
  }
  for (const key of ['extra', 'cmdline', 'root']) {
    const value = settings.get(key);
    if (typeof value === 'string')
      written.set(
        key,
        value.replaceAll('{server}', () => server),
      );
  }
  // A kernel that kexecs would else go on in the same domain.
  written.set('on_soft_reset', 'destroy');
  return formatXlSettings(written);
}

function refused(reason: string): CheckedConfig {
  return { kind: 'refused', reason: `its xl.cfg is refused: ${reason}` };
}

function ofFiles(value: XlValue, { files }: ExpectedDomain): string | undefined {
  const name = typeof value === 'string' ? fileForm.exec(value)?.[1] : undefined;
  if (name === undefined) return '{file:NAME} of a file that comes with the command, and nothing else';
  return files.includes(name) ? undefined : `the command brings no file ${name}`;
}

function oneOf(...values: readonly string[]): Rule {
  return (value) => (typeof value === 'string' && values.includes(value) ? undefined : `only ${values.join(', ')}`);
}

function whole(least: number, most: number): Rule {
  return (value) => (typeof value === 'number' && value >= least && value <= most ? undefined : `a number from ${least} to ${most}`);
}

function line(most: number): Rule {
  return (value) =>
    typeof value === 'string' && value.length <= most && printable.test(value)
      ? undefined
      : `one line of at most ${most} printable characters`;
}

function like(form: RegExp, what: string): Rule {
  return (value) => (form.test(String(value)) && !Array.isArray(value) ? undefined : what);
}

function each(rule: (text: string) => string | undefined): Rule {
  return (value) => {
    if (typeof value !== 'object') return 'a list';
    if (value.length > 16) return 'at most 16 of them';
    for (const text of value) {
      const problem = printable.test(text) ? rule(text) : 'only printable characters';
      if (problem !== undefined) return `${JSON.stringify(text)}: ${problem}`;
    }
    return undefined;
  };
}

const bridgeForm = /^[A-Za-z][A-Za-z0-9_.-]{0,14}$/;
const vifParts: Readonly<Record<string, RegExp>> = {
  mac: /^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$/,
  bridge: bridgeForm,
  // Programs of Xen's own folder, by name.
  script: /^vif-(bridge|route|nat|openvswitch)$/,
  ip: /^[0-9a-fA-F.:/ ]{1,64}$/,
  type: /^(vif|ioemu)$/,
  model: /^[a-z0-9-]{1,32}$/,
  rate: /^[0-9]+[KMG]?[Bb]\/s(@[0-9]+[mu]?s)?$/,
  mtu: /^[0-9]{2,5}$/,
  trusted: /^[01]$/,
};

function vif(text: string): string | undefined {
  return parts(text, vifParts);
}

const diskParts: Readonly<Record<string, RegExp>> = {
  format: /^(raw|qcow2|vhd)$/,
  vdev: /^(xvd[a-z]{1,2}|sd[a-z]|hd[a-z])[0-9]{0,2}$/,
  access: /^(r|ro|w|rw)$/,
  backendtype: /^(phy|qdisk)$/,
  devtype: /^(disk|cdrom)$/,
  script: /^block-(iscsi|nbd)$/,
};
const targetForm = /^(\/[\w@%+.:/-]{1,400}|rbd:[\w.-]{1,100}\/[\w.@-]{1,200}|iqn=[\w.:-]{1,230},portal=[\w.:[\]-]{1,80})$/;

/** `target=` comes last and takes the rest (xl-disk-configuration(5)). */
function disk(text: string): string | undefined {
  const [, before = text, target] = /^(.*?),target=(.*)$/.exec(text) ?? [];
  if (target === undefined) return 'it ends with target=';
  if (!targetForm.test(target) || target.split('/').includes('..')) return 'target= is a path, rbd:POOL/IMAGE, or iqn=...,portal=...';
  if (target.startsWith('iqn=') && !before.includes('script=block-iscsi')) return 'a target of iSCSI goes with script=block-iscsi';
  return parts(before, diskParts);
}

function parts(text: string, known: Readonly<Record<string, RegExp>>): string | undefined {
  const seen = new Set<string>();
  for (const part of text.split(',')) {
    const [, key = '', value = ''] = /^([a-z-]+)=(.*)$/.exec(part) ?? [];
    const form = Object.hasOwn(known, key) ? known[key] : undefined;
    if (form === undefined) return `${JSON.stringify(part)} is none of ${Object.keys(known).join(', ')}`;
    if (!form.test(value)) return `${key} has another form`;
    if (seen.has(key)) return `${key} stands there twice`;
    seen.add(key);
  }
  return undefined;
}
