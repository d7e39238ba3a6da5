import { addAgentCommandCommands } from '../../src/cli/agent-command.ts';
import { addApplyCommand, addDiffCommand, addExportCommand } from '../../src/cli/apply.ts';
import { addAuditCommands } from '../../src/cli/audit.ts';
import { addBootCommands } from '../../src/cli/boot.ts';
import { addEnvironmentCommands } from '../../src/cli/environment.ts';
import { addEventCommands } from '../../src/cli/event.ts';
import { addHostCommands } from '../../src/cli/host.ts';
import { addImageCommands } from '../../src/cli/image.ts';
import { addLeaseCommands } from '../../src/cli/lease.ts';
import { addLoginCommand, addLogoutCommand, addWhoamiCommand } from '../../src/cli/login.ts';
import { addMachineCommands } from '../../src/cli/machine.ts';
import { addManagerCommands } from '../../src/cli/manager.ts';
import { addProfileCommands, addSubnetCommands } from '../../src/cli/object.ts';
import { addPropertyCommands } from '../../src/cli/property.ts';
import { addRoleCommands } from '../../src/cli/role.ts';
import { runProgram } from '../../src/cli/program.ts';
import type { CommandTable } from '../../src/cli/program.ts';
import { addStatusCommand } from '../../src/cli/status.ts';
import { addTaskCommands } from '../../src/cli/task.ts';
import { addTemplateCommands } from '../../src/cli/template.ts';
import { addTriggerCommands } from '../../src/cli/trigger.ts';
import { addVmCommands } from '../../src/cli/vm.ts';
import type { Terminal } from '../../src/cli/terminal.ts';
import { addTokenCommands } from '../../src/cli/token.ts';
import { addUserCommands } from '../../src/cli/user.ts';

const adders = {
  machine: addMachineCommands,
  profile: addProfileCommands,
  subnet: addSubnetCommands,
  environment: addEnvironmentCommands,
  role: addRoleCommands,
  trigger: addTriggerCommands,
  host: addHostCommands,
  vm: addVmCommands,
  command: addAgentCommandCommands,
  property: addPropertyCommands,
  manager: addManagerCommands,
  template: addTemplateCommands,
  boot: addBootCommands,
  event: addEventCommands,
  audit: addAuditCommands,
  lease: addLeaseCommands,
  task: addTaskCommands,
  apply: addApplyCommand,
  diff: addDiffCommand,
  export: addExportCommand,
  user: addUserCommands,
  token: addTokenCommands,
  login: addLoginCommand,
  logout: addLogoutCommand,
  whoami: addWhoamiCommand,
  status: addStatusCommand,
  image: addImageCommands,
};

export const commands: CommandTable = Object.fromEntries(Object.entries(adders).map(([name, add]) => [name, () => Promise.resolve(add)]));

export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly error: string;
  /** What was asked on the terminal. */
  readonly questions: readonly string[];
}

export interface Circumstances {
  readonly socket: string;
  /** Answers of a person at the terminal; without them nobody sits there. */
  readonly answers?: readonly string[];
  readonly input?: string;
  readonly columns?: number;
  readonly colour?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
  readonly onOut?: (text: string) => void;
}

/** It is noon on the first of March 2026. */
export const nowMs = Date.UTC(2026, 2, 1, 12);

/** Runs one command line against a service, with a terminal that is read back. */
export async function runCommand(words: readonly string[], circumstances: Circumstances): Promise<Outcome> {
  const { socket, answers, input, columns, colour, environment, onOut } = circumstances;
  let out = '';
  let error = '';
  const questions: string[] = [];
  const left = [...(answers ?? [])];
  const terminal: Terminal = {
    out: (text) => {
      out += text;
      onOut?.(text);
    },
    error: (text) => void (error += text),
    ...(answers !== undefined && {
      ask: (question: string) => {
        questions.push(question);
        return Promise.resolve(left.shift());
      },
    }),
    ...(input !== undefined && { input: () => Promise.resolve(input) }),
    ...(columns !== undefined && { columns }),
    ...(colour !== undefined && { colour }),
    environment: { VIRTDOM_SERVER: `unix:${socket}`, HOME: '/nonexistent', ...environment },
    now: () => nowMs,
  };
  process.exitCode = undefined;
  const ended = await runProgram(commands, '0', words, { terminal });
  const found = exitCodeOf(process.exitCode);
  process.exitCode = undefined;
  return { code: ended === 0 ? found : ended, out, error, questions };
}

function exitCodeOf(found: typeof process.exitCode): number {
  return typeof found === 'number' ? found : 0;
}
