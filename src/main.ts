import { readFileSync } from 'node:fs';
import { exitCodes } from './cli/cli-error.ts';
import { runProgram } from './cli/program.ts';
import type { CommandTable } from './cli/program.ts';

/** Every command by its first word. A file that is listed here exports a function that adds its commands to the program. */
const commands: CommandTable = {
  serve: async () => (await import('./cli/serve.ts')).addServeCommand,
  config: async () => (await import('./cli/config.ts')).addConfigCommands,
  image: async () => (await import('./cli/image.ts')).addImageCommands,
  status: async () => (await import('./cli/status.ts')).addStatusCommand,
  machine: async () => (await import('./cli/machine.ts')).addMachineCommands,
  profile: async () => (await import('./cli/object.ts')).addProfileCommands,
  subnet: async () => (await import('./cli/object.ts')).addSubnetCommands,
  environment: async () => (await import('./cli/environment.ts')).addEnvironmentCommands,
  role: async () => (await import('./cli/role.ts')).addRoleCommands,
  trigger: async () => (await import('./cli/trigger.ts')).addTriggerCommands,
  host: async () => (await import('./cli/host.ts')).addHostCommands,
  vm: async () => (await import('./cli/vm.ts')).addVmCommands,
  command: async () => (await import('./cli/agent-command.ts')).addAgentCommandCommands,
  property: async () => (await import('./cli/property.ts')).addPropertyCommands,
  manager: async () => (await import('./cli/manager-run.ts')).addManager,
  template: async () => (await import('./cli/template.ts')).addTemplateCommands,
  boot: async () => (await import('./cli/boot.ts')).addBootCommands,
  event: async () => (await import('./cli/event.ts')).addEventCommands,
  audit: async () => (await import('./cli/audit.ts')).addAuditCommands,
  lease: async () => (await import('./cli/lease.ts')).addLeaseCommands,
  task: async () => (await import('./cli/task.ts')).addTaskCommands,
  apply: async () => (await import('./cli/apply.ts')).addApplyCommand,
  diff: async () => (await import('./cli/apply.ts')).addDiffCommand,
  export: async () => (await import('./cli/apply.ts')).addExportCommand,
  backup: async () => (await import('./cli/backup.ts')).addBackupCommand,
  restore: async () => (await import('./cli/backup.ts')).addRestoreCommand,
  user: async () => (await import('./cli/user.ts')).addUserCommands,
  token: async () => (await import('./cli/token.ts')).addTokenCommands,
  login: async () => (await import('./cli/login.ts')).addLoginCommand,
  logout: async () => (await import('./cli/login.ts')).addLogoutCommand,
  whoami: async () => (await import('./cli/login.ts')).addWhoamiCommand,
  loader: async () => (await import('./cli/loader.ts')).addLoaderCommands,
  agent: async () => (await import('./cli/agent.ts')).addAgentCommand,
  lab: async () => (await import('./cli/lab.ts')).addLabCommands,
  completion: async () => (await import('./cli/completion.ts')).addCompletionCommand,
  __complete: async () => (await import('./cli/completion.ts')).completeCommand(() => commands),
};

// `virtdom config show | head`: the reader went away, which is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
const exitCode = await runProgram(commands, version, process.argv.slice(2), { debug: process.env['VIRTDOM_DEBUG'] === '1' });
// A command that ends well may have said in `process.exitCode` what it found.
if (exitCode !== exitCodes.ok) process.exitCode = exitCode;
