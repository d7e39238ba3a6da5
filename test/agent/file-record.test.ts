import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { FileRecord } from '../../src/agent/file-record.ts';
import { CapturedLog, silentLog } from '../../src/log.ts';
import { scratchFolder } from './scratch.ts';

const answer = { kind: 'EXECVAL', result: { domain: 'present' } } as const;
const vm = { name: 'worker-1', uuid: 'u', claim: 5, config: 'name = "worker-1"', files: [] };

it('what an agent remembers outlives its process, in its order, for root alone', async () => {
  const dir = join(scratchFolder(), 'record');
  const record = new FileRecord(dir, silentLog);
  expect(await record.load()).toEqual({ session: 0, commands: [], vms: [] });
  await record.keepSession(3);
  for (const id of ['z', 'a', 'm']) await record.keepCommand({ id, session: 3, command: 'vm.create', vm: 'worker-1' });
  await Promise.all([
    record.keepCommand({ id: 'z', session: 3, command: 'vm.create', answer }),
    record.keepVm(vm),
    record.forgetCommand('m'),
  ]);

  const kept = await new FileRecord(dir, silentLog).load();
  expect(kept).toMatchObject({ session: 3, commands: [{ id: 'a' }, { id: 'z', answer }], vms: [vm] });
  expect(statSync(join(dir, 'vms/worker-1.json')).mode & 0o777).toBe(0o600);
  await record.forgetVm('worker-1');
  expect(readdirSync(join(dir, 'vms'))).toEqual([]);
});

it('what cannot be read is left out, and said', async () => {
  const dir = join(scratchFolder(), 'record');
  await new FileRecord(dir, silentLog).load();
  writeFileSync(join(dir, 'vms/broken.json'), '{');
  writeFileSync(join(dir, 'vms/half.json.new'), '{');
  const log = new CapturedLog();
  expect((await new FileRecord(dir, log).load()).vms).toEqual([]);
  expect(log.lines).toMatchObject([{ level: 'error', fields: { file: 'broken.json' } }]);
});
