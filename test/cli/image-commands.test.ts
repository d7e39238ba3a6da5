import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeService, problem } from './fake-service.ts';
import { runCommand } from './run-command.ts';

const image = {
  ref: 'dom0@3',
  name: 'dom0',
  version: 3,
  newest: true,
  contentId: 'e3b0c44298fc1c14',
  recipeSha256: 'a',
  builtAt: '2026-02-14T10:00:00.000Z',
  entries: 18_431,
  writablePaths: [],
  bootFiles: [{ name: 'vmlinuz', bytes: 8_388_608, sha256: 'x' }],
  profiles: ['dom0'],
  machines: ['post01'],
  environments: ['worker'],
  vms: ['worker-1'],
};

/** `image list` and `image delete`: a service that runs is asked, since it knows who uses what. */
describe('virtdom image', () => {
  let service: FakeService;
  let config: string;
  beforeEach(async () => {
    service = await FakeService.start();
    config = join(service.folder, 'virtdom.yaml');
    mkdirSync(join(service.folder, 'state'));
    writeFileSync(config, `stateDir: state\nruntimeDir: ${service.folder}\n`);
  });
  afterEach(() => service.close());
  const run = (words: string) =>
    runCommand(['image', ...words.split(' '), '-c', config], { socket: service.socket, environment: { VIRTDOM_SERVER: '' } });

  it('asks the service of the configuration', async () => {
    service.on('GET /images', { body: { items: [image] } });
    expect((await run('list -o wide')).out).toMatchInlineSnapshot(`
      "IMAGE   BUILT (UTC)          PATHS  BOOT FILES       CONTENT       PROFILES  MACHINES  ENVIRONMENTS  VMS
      dom0@3  2026-02-14 10:00:00  18431  vmlinuz 8.0 MiB  e3b0c44298fc  dom0      post01    worker        worker-1
      "
    `);
  });

  it('looks into the state directory where no service runs, or where it does not answer to us', async () => {
    service.on('GET /images', problem(401, 'Log in, or send a token.'));
    expect(await run('list -o json')).toMatchObject({ code: 0, out: '[]\n' });
    writeFileSync(config, `stateDir: state\nruntimeDir: nowhere\n`);
    expect(await run('list -o json')).toMatchObject({ code: 0, out: '[]\n' });
    expect(await run(`list --server unix:${service.folder}/nobody.sock`)).toMatchObject({ code: 1 });
  });

  it('lets the service refuse to delete what is in use, and never goes past it', async () => {
    service.on('GET /images/dom0@3', { body: image }).on('DELETE /images/dom0@3', problem(409, 'dom0@3 is in use by post01'));
    expect(await run('delete dom0@3 --yes')).toMatchObject({ code: 4, error: 'virtdom: dom0@3 is in use by post01\n' });
    expect(await run('delete dom0@3')).toMatchObject({ code: 2 });
    service.on('DELETE /images/dom0@3', { status: 204 });
    expect(await run('delete dom0@3 --yes')).toMatchObject({ code: 0 });
    service.on('GET /images/dom0@3', problem(401, 'Log in, or send a token.'));
    expect(await run('delete dom0@3 --yes --unused')).toMatchObject({ code: 1 });
    expect(await run('delete dom0 --yes')).toMatchObject({ code: 2, error: 'virtdom: say which version: dom0@1\n' });
  });

  it('takes the word of a person where no service runs', async () => {
    writeFileSync(config, `stateDir: state\nruntimeDir: nowhere\n`);
    expect(await run('delete dom0@3 --yes')).toMatchObject({ code: 2, error: expect.stringContaining('Say --unused if you know') });
    expect(await run('delete dom0@3 --unused')).toMatchObject({ code: 3 });
  });
});
