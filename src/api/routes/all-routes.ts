import type { Api, ApiParts } from '../build-api.ts';
import type { ControlPlane } from '../control-plane.ts';
import { addAuditRoutes } from './audit.ts';
import { addBootRoutes } from './boots.ts';
import { addEventRoutes } from './events.ts';
import { addImageRoutes } from './images.ts';
import { addLeaseRoutes } from './leases.ts';
import { addMachineActionRoutes } from './machine-actions.ts';
import { addMachineBulkRoutes } from './machine-bulk.ts';
import { addMachineExplainRoutes } from './machine-explain.ts';
import { addMachineRoutes } from './machines.ts';
import { addMetaRoutes } from './meta.ts';
import { addObjectRoutes } from './objects.ts';
import { addProfileRoutes } from './profiles.ts';
import { addSessionRoutes } from './session.ts';
import { addSubnetRoutes } from './subnets.ts';
import { addTaskRoutes } from './tasks.ts';
import { addTokenRoutes } from './tokens.ts';
import { addUserRoutes } from './users.ts';

export function addRoutes(app: Api, plane: ControlPlane, parts: ApiParts): void {
  addMachineRoutes(app, plane);
  addMachineActionRoutes(app, plane);
  addMachineBulkRoutes(app, plane);
  addMachineExplainRoutes(app, plane);
  addProfileRoutes(app, plane);
  addSubnetRoutes(app, plane);
  addObjectRoutes(app, plane);
  addBootRoutes(app, plane);
  addEventRoutes(app, plane, parts);
  addAuditRoutes(app, plane);
  addLeaseRoutes(app, plane);
  addImageRoutes(app, plane);
  addTaskRoutes(app, plane);
  addSessionRoutes(app, plane, parts);
  addUserRoutes(app, plane, parts);
  addTokenRoutes(app, plane);
  addMetaRoutes(app, plane, parts);
}
