import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ImageRepository } from '../../src/images/repository.ts';
import { treeDigest } from '../../src/images/tree-digest.ts';
import { parseHello } from '../../src/lab/dom0-hello.ts';
import { labProfile } from '../../src/lab/lab-files.ts';
import type { PowerOn } from '../../src/lab/lab-machine.ts';
import { LabRun, machineDocument, profile, subnet } from './lab-run.ts';

const mac = '52:54:00:00:00:02';
const address = '192.168.0.12';
const awayMs = 30_000;
const leaseSeconds = 120;
/** How long the machine is up before it reads files that it has not cached: five leases. */
const longUpMs = 600_000;
/** From the end of the first reading, which takes at least as long as the server stays away. */
const pauseSeconds = (longUpMs - awayMs) / 1000;

let run: LabRun;
let power: PowerOn;

beforeAll(async () => {
  const { loaders, menus, menuByOption150, stageSeconds } = labProfile;
  const parameters = {
    xen: false,
    menuTimeout: 1,
    kernelArguments: `quiet mitigations=off systemd.show_status=0 virtdom.check=usr virtdom.check-every=${pauseSeconds}`,
  };
  run = await LabRun.start({
    name: 'linux-root',
    documents: [
      { ...subnet, leaseSeconds },
      profile('linux', { loaders, menus, menuByOption150, stageSeconds, image: 'dom0', parameters }),
      machineDocument('post02', [{ mac, address }], 'linux'),
    ],
    machines: [{ name: 'post02', nics: [{ mac, model: 'virtio-net-pci' }], memoryMib: 768 }],
  });
  power = run.powerOn('post02');
  await run.up('post02');
});
afterAll(() => run?.close());

const checkDone = /check done \/usr files=(\d+) errors=(\d+) sha256=([0-9a-f]{64})/;
const readFailures = /I\/O error|ESTALE|[Ss]tale file handle|Input\/output error/;
/** Where the console's text went on after the first reading. */
let firstCheckEnd = 0;

function resultOf(line: RegExpExecArray): Record<string, unknown> {
  return { files: Number(line[1]), errors: Number(line[2]), sha256: line[3] };
}

/** What the manifest says of /usr. */
async function published(): Promise<Record<string, unknown>> {
  const repository = await ImageRepository.open(join(run.stateDir, 'images'));
  const newest = repository.newest('dom0');
  if (newest === undefined) throw new Error('no image dom0');
  return { ...treeDigest((await repository.manifest(newest)).manifest, '/usr'), errors: 0 };
}

describe('plain Linux on the shared root', () => {
  it('says itself that no hypervisor is below it, and that its root is read-only over NFS', () => {
    const hello = parseHello(power.console.text);
    expect(hello?.facts).toMatchObject({ machine: 'post02', hypervisor: 'none' });
    expect(hello?.outputs.at(-1)?.lines.some((line) => / on \/ type nfs \(ro,.*vers=3/.test(line))).toBe(true);
  });

  it('reads all of /usr as published, although the server is killed in the middle and stays away for 30 s', async () => {
    const files = Number((await power.console.waitFor(/check begin \/usr files=(\d+)\n/, 120_000))[1]);
    const [, done] = await power.console.waitFor(/check progress (\d+)\/\d+\n/, 200_000);
    expect(Number(done)).toBeLessThan(files);
    await run.killServe();
    const killedMs = power.console.lines.at(-1)?.atMs ?? 0;
    await sleep(awayMs);
    expect(power.console.text).not.toContain('check done');
    await run.startServe();
    const result = await power.console.waitFor(checkDone, 500_000);
    firstCheckEnd = power.console.text.length;

    expect(resultOf(result)).toEqual(await published());
    expect((power.console.lines.at(-1)?.atMs ?? 0) - killedMs).toBeGreaterThan(awayMs);
    expect(power.console.text).not.toMatch(readFailures);
  });

  it(
    `still reads what it has not cached after 10 minutes on leases of ${leaseSeconds} s, at the same address`,
    { timeout: 1_500_000 },
    async () => {
      await power.console.waitFor(/check begin \/usr/, 900_000, firstCheckEnd);
      const upMs = run.eventsOf('post02', 'up')[0]?.atMs ?? 0;
      expect(Date.now() - upMs).toBeGreaterThan(longUpMs);
      expect(resultOf(await power.console.waitFor(checkDone, 500_000, firstCheckEnd))).toEqual(await published());
      expect(power.console.text).not.toMatch(readFailures);

      const database = new Database(join(run.dir, 'virtdom.db'), { readonly: true });
      const leases = database.prepare('select * from lease').all() as { readonly expires_ms: number }[];
      database.close();
      expect(leases).toMatchObject([{ mac, address, state: 'bound' }]);
      expect(Number(leases[0]?.expires_ms)).toBeGreaterThan(Date.now());
    },
  );
});
