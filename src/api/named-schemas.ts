import { applyResultSchema, applySchema, diffResultSchema, exportSchema, importResultSchema, importSchema } from './schemas/apply.ts';
import { auditEntrySchema } from './schemas/audit.ts';
import { bootSchema, bootSummarySchema } from './schemas/boot.ts';
import { bulkResultSchema } from './schemas/bulk.ts';
import { eventSchema } from './schemas/event.ts';
import { healthSchema } from './schemas/health.ts';
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
import { problemSchema } from './schemas/problem.ts';
import { profileSchema, profileWriteSchema } from './schemas/profile.ts';
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
import { userSchema } from './schemas/user.ts';

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
  DiffResult: diffResultSchema,
  Event: eventSchema,
  Explanation: explanationSchema,
  ExportResult: exportSchema,
  Health: healthSchema,
  Image: imageSchema,
  ImportRequest: importSchema,
  ImportResult: importResultSchema,
  Lease: leaseSchema,
  Machine: machineSchema,
  MachineCreate: machineCreateSchema,
  MachineFiles: machineFilesSchema,
  MachinePatch: machinePatchSchema,
  OneShot: oneShotSchema,
  Problem: problemSchema,
  Profile: profileSchema,
  ProfileWrite: profileWriteSchema,
  PublishResult: publishResultSchema,
  RenderResult: renderResultSchema,
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
  User: userSchema,
} as const;
