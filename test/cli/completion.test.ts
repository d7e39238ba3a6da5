import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addCompletionCommand, completeCommand } from '../../src/cli/completion.ts';
import { completionScripts } from '../../src/cli/completion-scripts.ts';
import { runProgram } from '../../src/cli/program.ts';
import type { CommandTable } from '../../src/cli/program.ts';
import { FakeService } from './fake-service.ts';
import { commands } from './run-command.ts';

const table: CommandTable = {
  ...commands,
  completion: () => Promise.resolve(addCompletionCommand),
  __complete: () => Promise.resolve(completeCommand(() => table)),
};

const named = (...names: string[]) => ({ body: { items: names.map((name) => ({ name })) } });

describe('completion', () => {
  let service: FakeService;
  beforeEach(async () => {
    service = await FakeService.start();
    service
      .on('GET /machines', named('post01', 'post02', 'gw'))
      .on('GET /profiles', named('dom0', 'installer'))
      .on('GET /templates', named('menu.lst'));
  });
  afterEach(() => service.close());

  async function complete(...words: string[]): Promise<string[]> {
    let out = '';
    const terminal = {
      out: (text: string) => void (out += text),
      error: (text: string) => void (out += `error: ${text}`),
      environment: { VIRTDOM_SERVER: `unix:${service.socket}`, HOME: '/nonexistent' },
    };
    await runProgram(table, '0', ['__complete', '--', ...words], { terminal });
    return out.split('\n').slice(0, -1);
  }

  it('completes commands, without those that are hidden', async () => {
    expect(await complete('mac')).toEqual(['machine']);
    expect(await complete('')).toContain('template');
    expect(await complete('_')).toEqual([]);
    expect(await complete('machine', 'as')).toEqual(['assign']);
    expect(await complete('nonsense', '')).toEqual([]);
    expect(await complete('vm', 'st')).toEqual([]);
    expect(await complete('image', '')).toEqual(['build', 'delete', 'digest', 'list', 'verify']);
  });

  it('completes options and their values', async () => {
    expect(await complete('machine', 'list', '--s')).toEqual(['--search', '--server', '--sort', '--state', '--subnet']);
    expect(await complete('machine', 'list', '-o', 'js')).toEqual(['json', 'jsonl']);
    expect(await complete('event', 'list', '--severity', '')).toEqual(['debug', 'error', 'info', 'warning']);
    expect(await complete('machine', 'import', '')).toEqual(['csv', 'dnsmasq', 'isc', 'kea']);
    expect(await complete('machine', 'list', '--limit', '')).toEqual([]);
  });

  it('completes names that the service knows, for arguments and for values of options', async () => {
    expect(await complete('machine', 'get', 'po')).toEqual(['post01', 'post02']);
    expect(await complete('machine', 'get', 'post01', '')).toEqual(['gw', 'post01', 'post02']);
    expect(await complete('machine', 'assign', 'gw', '--profile', 'i')).toEqual(['installer']);
    expect(await complete('template', 'render', 'menu.lst', '-m', '')).toEqual(['gw', 'post01', 'post02']);
    expect(await complete('template', 'publish', '')).toEqual(['menu.lst']);
    expect(service.requests[0]?.query).toEqual({ limit: '200', q: 'po' });
  });

  it('completes names of hosts, VMs, environments, roles, properties and numbers of commands', async () => {
    service
      .on('GET /hosts', named('post01', 'post02'))
      .on('GET /vms', named('worker-1'))
      .on('GET /environments', named('worker', 'gateway'))
      .on('GET /roles', named('farm'))
      .on('GET /triggers', named('more-workers'))
      .on('GET /properties', named('ram_free', 'ram_free', 'load'))
      .on('GET /commands', { body: { items: [{ id: 'c-1' }, { id: 'c-2' }] } });
    expect(await complete('vm', 'migrate', '')).toEqual(['worker-1']);
    expect(await complete('vm', 'migrate', 'worker-1', '')).toEqual(['post01', 'post02']);
    expect(await complete('environment', 'scale', 'w')).toEqual(['worker']);
    expect(await complete('vm', 'list', '--environment', '')).toEqual(['gateway', 'worker']);
    expect(await complete('host', 'role', 'post01', '')).toEqual(['farm']);
    expect(await complete('host', 'drain', 'post01', '')).toEqual(['post01', 'post02']);
    expect(await complete('host', 'reboot', '--role', '')).toEqual(['farm']);
    expect(await complete('vm', 'destroy', 'worker-1', '')).toEqual(['worker-1']);
    expect(await complete('vm', 'shutdown', '--environment', 'g')).toEqual(['gateway']);
    expect(await complete('vm', 'pause', '--host', '')).toEqual(['post01', 'post02']);
    expect(await complete('host', 'confirm-dead', '--yes-it-is-off', '')).toEqual(['post01', 'post02']);
    expect(await complete('trigger', 'pause', '')).toEqual(['more-workers']);
    expect(await complete('property', 'fetch', 'post01', '')).toEqual(['load', 'ram_free']);
    expect(await complete('command', 'get', 'c-')).toEqual(['c-1', 'c-2']);
    expect(await complete('manager', '')).toContain('hold');
    expect(await complete('help', '')).toEqual([]);
  });

  it('asks the service that the line names', async () => {
    expect(await complete('machine', 'get', '--server', '/nonexistent', '')).toEqual([]);
    expect(await complete('machine', 'get', '--server', service.socket, 'g')).toEqual(['gw']);
  });

  it('is silent where no service answers', async () => {
    service.on('GET /machines', { status: 500, body: 'x' });
    expect(await complete('machine', 'get', '')).toEqual([]);
    service.on('GET /machines', () => undefined);
    const began = performance.now();
    expect(await complete('machine', 'get', '')).toEqual([]);
    expect(performance.now() - began).toBeLessThan(3000);
  });

  it('leaves files to the shell', async () => {
    expect(await complete('apply', '-f', '')).toEqual([':file']);
    expect(await complete('machine', 'import', 'csv', '')).toEqual([':file']);
  });

  it('offers nothing that a shell would act on', async () => {
    service.on('GET /machines', { body: { items: [{ name: '$(rm -rf x)' }, { name: 'a;b' }, { name: 'a\nb' }, { name: 'fine' }] } });
    expect(await complete('machine', 'get', '')).toEqual(['fine']);
  });

  it('completes in a real bash', () => {
    const bin = join(service.folder, 'virtdom');
    writeFileSync(bin, '#!/bin/sh\nfor word in "$@"; do printf "%s\\n" "<$word>" >> "$0.words"; done\nprintf "post01\\npost02\\n"\n');
    chmodSync(bin, 0o755);
    const script = `${completionScripts.bash}
COMP_WORDS=(${bin} machine get po) COMP_CWORD=3
_virtdom
printf '%s\\n' "\${COMPREPLY[@]}"
cat ${bin}.words`;
    const out = execFileSync('bash', ['--norc', '-c', script], { encoding: 'utf8' });
    expect(out.split('\n')).toEqual(['post01', 'post02', '<__complete>', '<-->', '<machine>', '<get>', '<po>', '']);
  });

  it.each(['bash', 'zsh', 'fish'] as const)('prints a script that %s reads without a complaint, where there is one', async (shell) => {
    let out = '';
    const terminal = { out: (text: string) => void (out += text), error: () => {} };
    expect(await runProgram(table, '0', ['completion', shell], { terminal })).toBe(0);
    expect(out).toBe(completionScripts[shell]);
    const { status, error } = spawnSync(shell, ['-n'], { input: out });
    expect(error === undefined ? status : 0).toBe(0);
  });
});
