import { applyResultSchema, applySchema, diffResultSchema, exportSchema, importResultSchema, importSchema } from './schemas/apply.ts';
import { auditEntrySchema } from './schemas/audit.ts';
import { bootSchema, bootSummarySchema } from './schemas/boot.ts';
import { bulkResultSchema } from './schemas/bulk.ts';
import { commandSchema, commandSummarySchema } from './schemas/command.ts';
import { environmentSchema, environmentStatusSchema, environmentWriteSchema } from './schemas/environment.ts';
import { eventSchema } from './schemas/event.ts';
import { healthSchema } from './schemas/health.ts';
import { confirmedDeadSchema, hostDetailSchema, hostSchema } from './schemas/host.ts';
import { hostBulkResultSchema } from './schemas/host-bulk.ts';
import { imageSchema } from './schemas/image.ts';
import { leaseSchema } from './schemas/lease.ts';
import {
  assignSchema,
  explanationSchema,
  machineCreateSchema,
  machineFilesSchema,
  machinePatchSchema,
  machineSchema,
  oneShotSchema,
  selectionSchema,
} from './schemas/machine.ts';
import { managerSchema } from './schemas/manager.ts';
import { planSchema } from './schemas/plan.ts';
import { problemSchema } from './schemas/problem.ts';
import { profileSchema, profileWriteSchema } from './schemas/profile.ts';
import { propertyAnswerSchema, propertySchema } from './schemas/property.ts';
import { roleSchema, roleWriteSchema } from './schemas/role.ts';
import { sessionSchema } from './schemas/session.ts';
import { subnetSchema, subnetWriteSchema } from './schemas/subnet.ts';
import { taskSchema } from './schemas/task.ts';
import {
  checkResultSchema,
  publishResultSchema,
  renderResultSchema,
  templateDiffSchema,
  templateProblemSchema,
  templateSchema,
  templateSummarySchema,
  templateVersionSchema,
  templateVersionSummarySchema,
} from './schemas/template.ts';
import { tokenCreatedSchema, tokenSchema } from './schemas/token.ts';
import { evaluationSchema, triggerCheckSchema, triggerSchema, triggerWriteSchema } from './schemas/trigger.ts';
import { userSchema } from './schemas/user.ts';
import { reasonSchema, vmConsoleSchema, vmExplanationSchema, vmSchema } from './schemas/vm.ts';

/** What the OpenAPI document calls its schemas. */
export const namedSchemas = {
  ApplyRequest: applySchema,
  ApplyResult: applyResultSchema,
  Assignment: assignSchema,
  AuditEntry: auditEntrySchema,
  Boot: bootSchema,
  BootSummary: bootSummarySchema,
  BulkResult: bulkResultSchema,
  CheckResult: checkResultSchema,
  Command: commandSchema,
  CommandSummary: commandSummarySchema,
  ConfirmedDead: confirmedDeadSchema,
  DiffResult: diffResultSchema,
  Environment: environmentSchema,
  EnvironmentStatus: environmentStatusSchema,
  EnvironmentWrite: environmentWriteSchema,
  Event: eventSchema,
  Explanation: explanationSchema,
  ExportResult: exportSchema,
  Health: healthSchema,
  Host: hostSchema,
  HostBulkResult: hostBulkResultSchema,
  HostDetail: hostDetailSchema,
  Image: imageSchema,
  ImportRequest: importSchema,
  ImportResult: importResultSchema,
  Lease: leaseSchema,
  Machine: machineSchema,
  MachineCreate: machineCreateSchema,
  MachineFiles: machineFilesSchema,
  MachinePatch: machinePatchSchema,
  Manager: managerSchema,
  OneShot: oneShotSchema,
  Plan: planSchema,
  Problem: problemSchema,
  Profile: profileSchema,
  ProfileWrite: profileWriteSchema,
  Property: propertySchema,
  PropertyAnswer: propertyAnswerSchema,
  PublishResult: publishResultSchema,
  Reason: reasonSchema,
  RenderResult: renderResultSchema,
  Role: roleSchema,
  RoleWrite: roleWriteSchema,
  Selection: selectionSchema,
  Session: sessionSchema,
  Subnet: subnetSchema,
  SubnetWrite: subnetWriteSchema,
  Task: taskSchema,
  Template: templateSchema,
  TemplateDiff: templateDiffSchema,
  TemplateProblem: templateProblemSchema,
  TemplateSummary: templateSummarySchema,
  TemplateVersion: templateVersionSchema,
  TemplateVersionSummary: templateVersionSummarySchema,
  Token: tokenSchema,
  TokenCreated: tokenCreatedSchema,
  Trigger: triggerSchema,
  TriggerCheck: triggerCheckSchema,
  TriggerEvaluation: evaluationSchema,
  TriggerWrite: triggerWriteSchema,
  User: userSchema,
  Vm: vmSchema,
  VmConsole: vmConsoleSchema,
  VmExplanation: vmExplanationSchema,
} as const;
