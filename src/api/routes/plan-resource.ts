import type { Plan } from '../../manager/manager-control.ts';
import type { PlanResource } from '../schemas/plan.ts';
import { reasonResource } from './vm-resource.ts';
import { sentence } from './wording.ts';

export function planResource({ steps, notes }: Plan): PlanResource {
  return {
    steps: steps.map(({ action, vm, environment, host, from, reason, reasons }) => ({
      action,
      vm,
      environment,
      ...(host !== undefined && { host }),
      ...(from !== undefined && { from }),
      reason: sentence(reason),
      reasons: reasons.map(reasonResource),
    })),
    notes: notes.map(reasonResource),
  };
}
