import { describe, expect, it } from 'vitest';
import { CliError } from '../../src/cli/cli-error.ts';
import { runProgram } from '../../src/cli/program.ts';
import type { CommandTable } from '../../src/cli/program.ts';
import { ConfigError } from '../../src/config.ts';

/** A command `word` with an option and an argument, which does `action`. */
function commandsWith(action: () => unknown): CommandTable {
  return {
    word: () =>
      Promise.resolve((program) => {
        program
          .command('word <name>')
          .description('a word')
          .requiredOption('--size <n>', 'its size')
          .action(async () => {
            await action();
          });
      }),
  };
}

function commandsFailing(error: Error): CommandTable {
  return commandsWith(() => Promise.reject(error));
}

async function run(words: readonly string[], commands: CommandTable = commandsWith(() => {}), debug = false) {
  let out = '';
  let error = '';
  const terminal = { out: (text: string) => void (out += text), error: (text: string) => void (error += text) };
  const code = await runProgram(commands, '1.2.3', words, { terminal, debug });
  return { code, out, error };
}

const fine = ['word', 'x', '--size', '1'];

describe('the command line', () => {
  it('ends with 0 when the command does', async () => {
    expect(await run(fine)).toEqual({ code: 0, out: '', error: '' });
  });

  it('prints help and version on standard output, with 0', async () => {
    expect(await run(['--version'])).toEqual({ code: 0, out: '1.2.3\n', error: '' });
    for (const words of [['--help'], ['help'], ['word', '--help'], ['help', 'word']]) {
      const { code, out, error } = await run(words);
      expect({ code, error }).toEqual({ code: 0, error: '' });
      expect(out).toMatch(/^Usage: virtdom /);
    }
  });

  it.each([
    ['no command at all', [], /^Usage: virtdom/],
    ['an unknown command', ['wrod'], /^virtdom: unknown command 'wrod'\n\(Did you mean word\?\)/],
    ['an unknown option', [...fine, '--sise'], /^virtdom: unknown option '--sise'\n\(Did you mean --size\?\)/],
    ['an argument too few', ['word', '--size', '1'], /^virtdom: missing required argument 'name'/],
    ['an argument too many', [...fine, 'y'], /^virtdom: too many arguments/],
    ['a missing option', ['word', 'x'], /^virtdom: required option '--size <n>' not specified/],
  ])('ends with 2 and says what is wrong for %s', async (_, words, expected) => {
    const { code, out, error } = await run(words);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(error).toMatch(expected);
  });

  it.each([
    ['failed', 1],
    ['usage', 2],
    ['notFound', 3],
    ['conflict', 4],
    ['timeout', 5],
  ] as const)('ends a command that %s with %i, saying what to do next', async (reason, code) => {
    const commands = commandsFailing(new CliError(reason, 'machine post09: there is none', 'Look at lab.yaml'));
    expect(await run(fine, commands)).toEqual({
      code,
      out: '',
      error: 'virtdom: machine post09: there is none\nLook at lab.yaml\n',
    });
  });

  it('ends with 1 for any other error, with its causes and without a stack trace', async () => {
    const commands = commandsFailing(new Error('cannot build dom0', { cause: new Error('disk full', { cause: 'ENOSPC' }) }));
    const { code, error } = await run(fine, commands);
    expect({ code, error }).toEqual({ code: 1, error: "virtdom: cannot build dom0: disk full: 'ENOSPC'\n" });
  });

  it('does not repeat a cause that the message has already', async () => {
    const commands = commandsFailing(new Error('cannot open x: disk full', { cause: new Error('disk full') }));
    expect((await run(fine, commands)).error).toBe('virtdom: cannot open x: disk full\n');
  });

  it('adds the stack trace with VIRTDOM_DEBUG=1', async () => {
    const { error } = await run(fine, commandsFailing(new Error('broken')), true);
    expect(error).toMatch(/^virtdom: broken\nError: broken\n +at /);
  });

  it('lists the problems of a configuration, and counts them', async () => {
    const problem = { file: '/etc/lab.yaml', line: 3, column: 7, path: 'Subnet lab: cidr', message: 'expected a network' };
    const commands = commandsFailing(new ConfigError([problem]));
    expect(await run(fine, commands)).toEqual({
      code: 1,
      out: '',
      error: '/etc/lab.yaml:3:7: Subnet lab: cidr: expected a network\nvirtdom: 1 problem in the configuration, nothing was done\n',
    });
  });

  it('loads no other command than the one that is called', async () => {
    const commands: CommandTable = { ...commandsWith(() => {}), other: () => Promise.reject(new Error('loaded')) };
    expect((await run(fine, commands)).code).toBe(0);
  });
});
