import { readFileSync } from 'node:fs';
import type { Clock } from '../../clock.ts';
import type { Log } from '../../log.ts';
import { ConfigError } from '../../documents/problems.ts';
import type { ConfigProblem } from '../../documents/problems.ts';
import type { PropertyProblem } from '../parts.ts';
import { readDefinitions } from './definition-files.ts';
import { localMachineView } from './local-machine-view.ts';
import { LocalProperties } from './local-properties.ts';
import { missingTools, pluginLimits } from './plugin-limits.ts';
import { PluginRunner } from './plugin-runner.ts';
import { findPluginUser } from './plugin-user.ts';
import { propertyCommands } from './property-commands.ts';

export interface LocalPropertySettings {
  readonly machine: string;
  readonly clock: Clock;
  readonly log: Log;
  /** `/etc/virtdom/properties.d` */
  readonly definitions: string;
  /** `/etc/virtdom/plugins` */
  readonly plugins: string;
  /** Who runs plugins, and nothing else; where there is no such user, nobody runs them. */
  readonly pluginUser: string;
}

const maxOutputBytes = 64 * 1024;
const maxProblemsTold = 32;

/** The properties of this machine by its own files. What is wrong in them is logged, and said to the manager; the rest works. */
export function openLocalProperties({ machine, clock, log, definitions, plugins, pluginUser }: LocalPropertySettings): LocalProperties {
  const files = readDefinitions(definitions, propertyCommands);
  if (files.problems.length > 0)
    log.warn({ problems: new ConfigError(files.problems).message }, 'definitions of properties are wrong and left out');
  const user = findPluginUser(readFileSync('/etc/passwd', 'utf8'), pluginUser);
  const hasPlugins = files.definitions.some(({ command }) => command === 'exec');
  if (!user.isOwn && hasPlugins)
    log.warn(
      { user: pluginUser },
      'plugins run as nobody, and what they leave running outside of their process group is not ended: give the image a user of their own',
    );
  const missing = missingTools();
  if (missing.length > 0 && hasPlugins)
    log.warn({ missing }, 'plugins run without limits of processes and memory: give the image util-linux');
  const limits = missing.length === 0 && { limits: pluginLimits };
  const runner = new PluginRunner({ folder: plugins, owner: 0, user, ...limits, maxOutputBytes });
  runner.clean().catch((error: unknown) => log.warn({ err: error }, 'what plugins left running cannot be ended'));
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
