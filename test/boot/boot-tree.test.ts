import { cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatProblem, type TemplateProblem } from '../../src/boot/template-error.ts';
import { TemplateSet } from '../../src/boot/template-set.ts';
import { normalTreePath } from '../../src/boot/tree-path.ts';
import { address, dom0, later, mac, otherMac, post01, reasonOf, Rig, rom, secondMac, shippedTemplates, strangeMac, subnet } from './rig.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await new Rig().start();
});
afterEach(() => rig.remove());

const write = (name: string, text: string): void => writeFileSync(join(rig.templatesDir, `${name}.hbs`), text);
const open = (path: string, clientAddress = address): ReturnType<Rig['desk']['open']> => rig.desk.open({ clientAddress, path });

describe('the boot tree as an identified machine sees it', () => {
  it.each([
    '/grub/post01.conf',
    'grub/post01.conf',
    '//grub///post01.conf',
    '/./grub/./post01.conf',
    '/GRUB/POST01.conf',
    '/grub/menu.lst',
    '/boot/grub/menu.lst',
    'boot/grub/menu.lst',
  ])('has its GRUB Legacy menu at %s', async (path) => {
    rig.lease();
    expect(await rig.text(path)).toMatch(/^# post01: GRUB Legacy's menu/);
  });

  it.each([
    `/grub/${mac}/grub.cfg`,
    '/grub/52:54:00:00:00:01/GRUB.CFG',
    '/grub/grub.cfg',
    '/boot/grub/grub.cfg',
    '/grub/grub.cfg-01-52-54-00-00-00-01',
    '/boot/grub/grub.cfg-01-52-54-00-00-00-01',
  ])('has its GRUB 2 menu at %s', async (path) => {
    rig.lease();
    expect(await rig.text(path)).toMatch(/^# post01: GRUB 2's menu/);
  });

  it('has its iPXE script at /boot.ipxe', async () => {
    rig.lease();
    expect(await rig.text('/boot.ipxe')).toMatch(/^#!ipxe\n/);
  });

  it('has only the menus that its profile names', async () => {
    rig.objects = { ...rig.objects, profiles: [{ ...dom0, menus: [{ path: '/only.lst', template: 'menu.lst' }] }] };
    await rig.start();
    rig.lease();
    expect(await rig.text('/grub/menu.lst')).toMatch(/^# post01/);
    expect(await rig.text('/boot.ipxe')).toMatch(/^missing: .*post01 has no such menu/);
    expect(await rig.text('/grub/grub.cfg')).toMatch(/^missing: /);
  });

  it('has the same bytes and tag each time, in preview too but for the token', async () => {
    rig.lease();
    const first = await open('/grub/post01.conf');
    const second = await open('/grub/menu.lst');
    expect(second).toEqual(first);
    const preview = rig.desk.preview('post01', '/grub/post01.conf');
    const text = preview.kind === 'files' ? Buffer.from(preview.files[0]?.bytes ?? []).toString() : preview.reason;
    expect(text).toContain('virtdom.token=<boot-token>\n');
    expect(text.replaceAll('<boot-token>', await rig.token())).toBe(first.kind === 'rendered' ? Buffer.from(first.bytes).toString() : '');
    expect(first.kind === 'rendered' && first.etag).toMatch(/^"[\w-]{43}"$/);
  });

  it('is read without side effect (rule 7)', async () => {
    await open('/grub/post01.conf');
    rig.desk.preview('post01');
    expect(rig.events).toEqual([]);
    expect(rig.desk.attemptsOf('post01')).toEqual([]);
    rig.lease();
    const stored = rig.desk.attemptsOf('post01');
    rig.clock.advance(1);
    await open('/grub/post01.conf');
    rig.desk.preview('post01');
    expect(rig.desk.attemptsOf('post01')).toEqual(stored);
  });

  it('is found by a token before the path', async () => {
    rig.lease();
    const token = await rig.token();
    expect(await rig.text(`/by-token/${token}/boot.ipxe`, '10.9.9.9')).toContain(token);
    expect(await rig.text('/by-token/wrong/boot.ipxe', '10.9.9.9')).toMatch(/^missing/);
  });

  it.each(['/by-token/TOKEN/boot.ipxe', 'by-token//TOKEN', '/./by-token/TOKEN/../x', '/by-token/TOKEN/images/dom0@3/vmlinuz'])(
    'keeps the token of %s out of events, reasons and the store',
    async (form) => {
      rig.lease();
      const token = await rig.token();
      const path = form.replace('TOKEN', token);
      for (const clientAddress of [address, '10.9.9.9']) {
        const file = await rig.desk.open({ clientAddress, path });
        rig.fetch(path, { clientAddress });
        rig.fetch(path, { clientAddress, phase: 'missing', reason: reasonOf(file) });
      }
      expect(JSON.stringify([rig.events, rig.desk.attemptsOf('post01')])).not.toContain(token);
      expect(rig.stages().includes('kernel')).toBe(form.endsWith('vmlinuz'));
    },
  );
});

describe('who sees what (rule 3)', () => {
  it('refuses a menu that the path names to the address of another machine', async () => {
    rig.leases.set('192.168.0.12', otherMac);
    expect(await rig.text('/grub/post01.conf', '192.168.0.12')).toMatch(
      /^refused: the path names post01, but 192.168.0.12 is leased to post02/,
    );
    expect(await rig.text('/grub/grub.cfg-01-52-54-00-00-00-01', '192.168.0.12')).toMatch(/^refused: /);
  });

  it('does not fall through to a file for everybody at a path that names another machine', async () => {
    writeFileSync(join(rig.loadersDir, 'grub', 'post01.conf'), 'for everybody');
    rig.leases.set('192.168.0.12', otherMac);
    expect(await rig.text('/grub/post01.conf', '192.168.0.12')).toMatch(/^refused: /);
  });

  it('gives loaders and images, but nothing rendered, to a client that nobody knows', async () => {
    expect(await open('/pxegrub', '192.168.0.66')).toMatchObject({ kind: 'static', size: 6 });
    expect(await open('/images/dom0@3/vmlinuz', '192.168.0.66')).toMatchObject({
      kind: 'static',
      file: '/blobs/vmlinuz-dom0@3',
      size: 1000,
    });
    expect(await rig.text('/grub/menu.lst', '192.168.0.66')).toMatch(/^missing: .*nobody knows 192.168.0.66/);
    rig.neighbours.set('192.168.0.66', strangeMac);
    expect(await rig.text('/grub/post01.conf', '192.168.0.66')).toMatch(/^refused: /);
  });

  it('knows a machine by the neighbour table where it has its address from elsewhere', async () => {
    rig.neighbours.set('192.168.0.66', mac);
    expect(await rig.text('/grub/menu.lst', '192.168.0.66')).toMatch(/^# post01/);
  });

  it('renders for a machine without an attempt, with no token that could be redeemed', async () => {
    rig.leases.set(address, mac);
    expect(await rig.text('/grub/menu.lst')).toContain('virtdom.token=<boot-token>');
  });
});

describe('files for everybody', () => {
  it.each([
    ['pxegrub', 'pxegrub'],
    ['//grub/legacycfg.mod', 'grub/legacycfg.mod'],
  ])('%s is a loader', async (path, file) => {
    expect(await open(path)).toMatchObject({ kind: 'static', file: join(rig.loadersDir, file) });
  });

  it.each([
    ['/images/dom0@9/vmlinuz', /image dom0@9 is not published/],
    ['/images/dom0/vmlinuz', /NAME@VERSION/],
    ['/images/dom0@3', /NAME@VERSION/],
    ['/images/dom0@3/root/etc/shadow', /NAME@VERSION/],
    ['/images/dom0@3/memtest', /has no memtest; it has vmlinuz, initrd.gz, xen.gz/],
    ['/grub', /no loader is called/],
    ['/nothing', /no loader is called/],
  ])('%s is missing, and why', async (path, reason) => {
    const file = await open(path);
    expect(file.kind).toBe('missing');
    expect(reasonOf(file)).toMatch(reason);
  });

  it.each([
    '../secret',
    '/../secret',
    '/grub/../../secret',
    String.raw`..\secret`,
    '/%2e%2e/secret',
    '/grub/%2e%2e/%2e%2e/secret',
    '/pxegrub\0.lst',
    'a'.repeat(2000),
    '',
    '/',
  ])('refuses %j', async (path) => expect(await open(path)).toMatchObject({ kind: 'refused' }));

  it('does not follow links out of the folder of loaders, nor take a neighbour folder of like name for it', async () => {
    writeFileSync(join(rig.folder, 'secret'), 'secret');
    mkdirSync(`${rig.loadersDir}-private`);
    writeFileSync(join(`${rig.loadersDir}-private`, 'key'), 'secret');
    symlinkSync('../secret', join(rig.loadersDir, 'link'));
    symlinkSync(`${rig.loadersDir}-private`, join(rig.loadersDir, 'folder'));
    symlinkSync('pxegrub', join(rig.loadersDir, 'alias'));
    expect(await open('/link')).toMatchObject({ kind: 'missing' });
    expect(await open('/folder/key')).toMatchObject({ kind: 'missing' });
    expect(await open('/alias')).toMatchObject({ kind: 'static', size: 6 });
  });

  it('never opens anything outside the tree, whatever the path', async () => {
    writeFileSync(join(rig.folder, 'secret'), 'secret');
    const part = fc.oneof(
      fc.constantFrom(
        '..',
        '.',
        '',
        'grub',
        'secret',
        'pxegrub',
        '%2e%2e',
        '..%2f',
        '\\..',
        '...',
        '\0',
        'images',
        'dom0@3',
        'etc',
        'passwd',
        '~',
      ),
      fc.string({ maxLength: 6 }),
    );
    const path = fc.tuple(fc.array(part, { maxLength: 8 }), fc.constantFrom('/', '\\', '//')).map(([parts, slash]) => parts.join(slash));
    await fc.assert(
      fc.asyncProperty(path, async (wanted) => {
        const file = await open(wanted);
        expect(file.kind === 'static' ? file.file : '/blobs/').toMatch(/\/loaders\/|^\/blobs\//);
        expect(normalTreePath(wanted) ?? '/fine').toMatch(/^(?:\/(?!\.{1,2}(?:\/|$))[^/\\%\0]+)+$/);
      }),
      { numRuns: 500 },
    );
  });
});

/** As the library of templates does: only what renders for every machine is served. */
async function reload(): Promise<readonly TemplateProblem[]> {
  const read = await TemplateSet.read(rig.templatesDir);
  if (!(read instanceof TemplateSet)) return read;
  const { problems } = await rig.desk.checkTemplates(read);
  if (problems.length === 0) rig.desk.useTemplates(read);
  return problems;
}

describe('templates that are changed while machines boot', () => {
  beforeEach(async () => {
    rig.templatesDir = join(rig.folder, 'templates');
    cpSync(shippedTemplates, rig.templatesDir, { recursive: true });
    await rig.start();
  });

  it('serve attempts that begin after it; the one that goes on keeps its own (rule 5)', async () => {
    rig.lease();
    rig.fetch('pxegrub');
    write('menu.lst', 'new {{machine.name}} {{attempt.token}}\n');
    expect(await reload()).toEqual([]);
    expect(await rig.text('/grub/menu.lst')).toMatch(/^# post01/);
    expect(rig.desk.preview('post01', 'menu.lst')).toMatchObject({ files: [{ bytes: expect.objectContaining({}) }] });
    await rig.restart();
    expect(await rig.text('/grub/menu.lst')).toMatch(/^# post01/);
    rig.lease();
    expect(await rig.text('/grub/menu.lst')).toMatch(/^new post01 [\w-]{43}\n$/);
  });

  it('are not taken where they fail for one machine, which is named with template, line and variable', async () => {
    rig.objects = { ...rig.objects, machines: [{ ...post01, parameters: { rack: 'r1' } }, ...rig.objects.machines.slice(1)] };
    await rig.start();
    write('menu.lst', '# menu\n{{parameters.rack}}\n');
    const problems = await reload();
    expect(problems.map(formatProblem)).toEqual(['menu.lst.hbs:2: parameters.rack is missing (machine post02)']);
    expect(problems).toMatchObject([{ template: 'menu.lst.hbs', line: 2, variable: 'parameters.rack', machine: 'post02' }]);
    rig.lease();
    expect(await rig.text('/grub/menu.lst')).toMatch(/^# post01: GRUB/);
    write('menu.lst', '# good again\n');
    expect(await reload()).toEqual([]);
    rig.clock.advance(61_000);
    rig.lease();
    expect(await rig.text('/grub/menu.lst')).toBe('# good again\n');
  });

  it('are not taken where one cannot be parsed, or a profile names one that is gone', async () => {
    write('menu.lst', '{{#if x}}');
    expect(await reload()).toMatchObject([{ template: 'menu.lst.hbs', line: 1 }]);
    rmSync(join(rig.templatesDir, 'menu.lst.hbs'));
    expect((await reload()).map(formatProblem)[0]).toMatch(
      /^menu.lst.hbs:1: there is no such template; there are boot.ipxe, .* \(machine post01\)$/,
    );
    rig.lease();
    expect(await rig.text('/grub/menu.lst')).toMatch(/^# post01: GRUB/);
  });

  it('that fail for one machine are told at start-up, and the others are served', async () => {
    write('grub.cfg', '{{parameters.gone}}');
    await rig.start();
    expect((await rig.desk.checkTemplates()).problems.map(formatProblem)).toEqual([
      'grub.cfg.hbs:1: parameters.gone is missing (machine post01)',
      'grub.cfg.hbs:1: parameters.gone is missing (machine post02)',
    ]);
    rig.lease();
    expect(await rig.text('/grub/grub.cfg')).toMatch(/^missing: .*grub.cfg.hbs:1: parameters.gone is missing/);
    expect(await rig.text('/grub/menu.lst')).toMatch(/^# post01: GRUB/);
  });

  it('see the address that is reserved for the NIC that boots, and for no other', async () => {
    write('menu.lst', '{{default machine.address "none"}}\n');
    await rig.start();
    rig.lease({ ...rom, mac: secondMac }, '192.168.0.100');
    expect(await rig.text('/grub/menu.lst', '192.168.0.100')).toBe('none\n');
    rig.clock.advance(61_000);
    rig.lease();
    expect(await rig.text('/grub/menu.lst')).toBe(`${address}\n`);
  });

  it('need no published image to be checked', async () => {
    rig.published.length = 0;
    await rig.start();
    expect(await rig.desk.checkTemplates()).toEqual({ machines: 2, rendered: 2, problems: [] });
  });
});

describe('a preview', () => {
  it.each([
    ['post09', 'menu.lst', /there is no machine post09/],
    ['post01', 'domu.xl', /no menu domu.xl; it has menu.lst at \/grub\/post01.conf, grub.cfg at/],
    ['post01', '/../x', /no menu/],
  ])('of %s %s fails, and says why', (machine, wanted, reason) => {
    expect(rig.desk.preview(machine, wanted)).toMatchObject({ kind: 'failed', reason: expect.stringMatching(reason) });
  });

  it('shows all menus where none is named, in the order of the profile', () => {
    const preview = rig.desk.preview('POST01');
    expect(preview.kind === 'files' && preview.files.map((file) => file.path)).toEqual([
      '/grub/post01.conf',
      `/grub/${mac}/grub.cfg`,
      '/boot.ipxe',
    ]);
  });

  it('follows the newest image only when no attempt goes on (rule 5)', () => {
    const version = (): string | undefined => {
      const preview = rig.desk.preview('post01', 'menu.lst');
      return preview.kind === 'files' ? /dom0@\d/.exec(Buffer.from(preview.files[0]?.bytes ?? []).toString())?.[0] : preview.reason;
    };
    rig.lease(rom);
    rig.published.push({ image: 'dom0', version: 4 });
    expect(version()).toBe('dom0@3');
    rig.desk.advise(later, subnet, 'REQUEST');
    expect(version()).toBe('dom0@3');
  });

  it('says that an image is not published', () => {
    rig.published.length = 0;
    expect(rig.desk.preview('post01')).toMatchObject({
      kind: 'failed',
      reason: 'profile dom0 needs image dom0, which is not published: see virtdom image build',
    });
  });
});
