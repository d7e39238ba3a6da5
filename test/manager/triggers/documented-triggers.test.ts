import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { definitionsOf } from '../../../src/agent/properties/definition-files.ts';
import { propertyCommands } from '../../../src/agent/properties/property-commands.ts';
import type { ConfigProblem } from '../../../src/documents/problems.ts';
import { callable } from '../../../src/manager/expressions/expression-functions.ts';
import { checkTrigger } from '../../../src/manager/triggers/check-trigger.ts';
import { perMinute } from '../../../src/manager/triggers/storm-limits.ts';
import type { Trigger } from '../../../src/model/vm-environment.ts';
import { trigger } from './facts.ts';

const text = readFileSync('docs/triggers.md', 'utf8');

/** In place of what people leave out. */
const left: Partial<Trigger> = { forEach: 'once', onUpdateCheck: false, paused: false };

const documents = Array.from(text.matchAll(/```yaml\n(.*?)```/gs), ([, block = '']) => parseAllDocuments(block)).flatMap((each) =>
  Array.isArray(each) ? each.map((document) => document.toJS() as Trigger) : [],
);

describe('docs/triggers.md', () => {
  it.each(documents)('has an example that is taken: $name', (document) => {
    expect(checkTrigger(trigger({ ...left, ...document }))).toMatchObject({ kind: 'checked' });
  });

  it('names all that can be called, and all commands', () => {
    expect(callable.filter((name) => !text.includes(`${name}(`))).toEqual([]);
    expect(Object.keys(perMinute).filter((command) => !text.includes(`| \`${command}\``))).toEqual([]);
  });
});

describe('docs/properties.md', () => {
  it('names all commands', () => {
    const properties = readFileSync('docs/properties.md', 'utf8');
    expect([...propertyCommands.keys()].filter((command) => !properties.includes(`| \`${command}\``))).toEqual([]);
  });

  it.each(['docs/examples/properties.ini', 'docs/examples/properties.yaml'])('%s is without problems', (file) => {
    const problems: ConfigProblem[] = [];
    expect(definitionsOf(readFileSync(file, 'utf8'), file, propertyCommands, problems).length).toBeGreaterThan(3);
    expect(problems).toEqual([]);
  });
});
