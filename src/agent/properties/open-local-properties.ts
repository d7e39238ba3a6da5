import { readFileSync } from 'node:fs';
import type { Clock } from '../../clock.ts';
import type { Log } from '../../log.ts';
import { ConfigError } from '../../documents/problems.ts';
import type { ConfigProblem } from '../../documents/problems.ts';
import type { PropertyProblem } from '../parts.ts';
import { readDefinitions } from './definition-files.ts';
import { localMachineView } from './local-machine-view.ts';
import { LocalProperties } from './local-properties.ts';
import { findUser, PluginRunner } from './plugin-runner.ts';
import { propertyCommands } from './property-commands.ts';

export interface LocalPropertySettings {
  readonly machine: string;
  readonly clock: Clock;
  readonly log: Log;
  /** `/etc/virtdom/properties.d` */
  readonly definitions: string;
  /** `/etc/virtdom/plugins` */
  readonly plugins: string;
  /** Who runs plugins. */
  readonly pluginUser: string;
}

const maxOutputBytes = 64 * 1024;
const maxProblemsTold = 32;

/** The properties of this machine by its own files. What is wrong in them is logged, and said to the manager; the rest works. */
export function openLocalProperties({ machine, clock, log, definitions, plugins, pluginUser }: LocalPropertySettings): LocalProperties {
  const files = readDefinitions(definitions, propertyCommands);
  if (files.problems.length > 0)
    log.warn({ problems: new ConfigError(files.problems).message }, 'definitions of properties are wrong and left out');
  const user = findUser(readFileSync('/etc/passwd', 'utf8'), pluginUser);
  if (user === undefined) throw new Error(`there is no user ${pluginUser} in /etc/passwd to run plugins as`);
  const runner = new PluginRunner({ folder: plugins, owner: 0, user, maxOutputBytes });
  return new LocalProperties({
    machine,
    clock,
    log,
    view: localMachineView({ clock, plugins: runner }),
    commands: propertyCommands,
    definitions: files.definitions,
    problems: files.problems.slice(0, maxProblemsTold).map(problemOf),
  });
}

function problemOf(problem: ConfigProblem): PropertyProblem {
  return { code: 'definition', reason: new ConfigError([problem]).message };
}
