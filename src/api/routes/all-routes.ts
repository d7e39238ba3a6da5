import type { Api, ApiParts } from '../api.ts';
import { bootsMachines } from '../control-plane.ts';
import type { ControlPlane, ServicePlane } from '../control-plane.ts';
import { addAuditRoutes } from './audit.ts';
import { addBootRoutes } from './boots.ts';
import { addCommandRoutes } from './commands.ts';
import { addEnvironmentRoutes } from './environments.ts';
import { addEventRoutes } from './events.ts';
import { addHostActionRoutes } from './host-actions.ts';
import { addHostBulkRoutes } from './host-bulk.ts';
import { addHostRoutes } from './hosts.ts';
import { addImageRoutes } from './images.ts';
import { addLeaseRoutes } from './leases.ts';
import { addMachineActionRoutes } from './machine-actions.ts';
import { addMachineBulkRoutes } from './machine-bulk.ts';
import { addMachineExplainRoutes } from './machine-explain.ts';
import { addMachineImportRoutes } from './machine-import.ts';
import { addMachineRoutes } from './machines.ts';
import { addManagerRoutes } from './manager.ts';
import { addMetaRoutes } from './meta.ts';
import { addObjectRoutes } from './objects.ts';
import { addProfileRoutes } from './profiles.ts';
import { addPropertyRoutes } from './properties.ts';
import { addRoleRoutes } from './roles.ts';
import { addSessionRoutes } from './session.ts';
import { addSubnetRoutes } from './subnets.ts';
import { addTaskRoutes } from './tasks.ts';
import { addTemplateChangeRoutes } from './template-changes.ts';
import { addTemplateRoutes } from './templates.ts';
import { addTokenRoutes } from './tokens.ts';
import { addTriggerRoutes } from './triggers.ts';
import { addUserRoutes } from './users.ts';
import { addVmActionRoutes } from './vm-actions.ts';
import { addVmRoutes } from './vms.ts';

/** The routes that the plane has parts for. */
export function addRoutes(app: Api, plane: ServicePlane | ControlPlane, parts: ApiParts): void {
  addServiceRoutes(app, plane, parts);
  if (bootsMachines(plane)) addMachineServiceRoutes(app, plane);
}

function addServiceRoutes(app: Api, plane: ServicePlane, parts: ApiParts): void {
  addObjectRoutes(app, plane);
  addProfileRoutes(app, plane);
  addEnvironmentRoutes(app, plane);
  addRoleRoutes(app, plane);
  addTriggerRoutes(app, plane);
  addHostRoutes(app, plane);
  addHostActionRoutes(app, plane);
  addHostBulkRoutes(app, plane);
  addVmRoutes(app, plane);
  addVmActionRoutes(app, plane);
  addCommandRoutes(app, plane);
  addPropertyRoutes(app, plane);
  addManagerRoutes(app, plane);
  addEventRoutes(app, plane, parts);
  addAuditRoutes(app, plane);
  addTaskRoutes(app, plane);
  addSessionRoutes(app, plane, parts);
  addUserRoutes(app, plane, parts);
  addTokenRoutes(app, plane);
  addMetaRoutes(app, plane, parts);
}

function addMachineServiceRoutes(app: Api, plane: ControlPlane): void {
  addMachineRoutes(app, plane);
  addMachineActionRoutes(app, plane);
  addMachineBulkRoutes(app, plane);
  addMachineExplainRoutes(app, plane);
  addMachineImportRoutes(app, plane);
  addSubnetRoutes(app, plane);
  addTemplateRoutes(app, plane);
  addTemplateChangeRoutes(app, plane);
  addBootRoutes(app, plane);
  addLeaseRoutes(app, plane);
  addImageRoutes(app, plane);
}
