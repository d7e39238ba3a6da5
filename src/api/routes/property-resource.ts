import type { PropertyReading } from '../../manager/manager-control.ts';
import type { PropertyResource } from '../schemas/property.ts';
import { sentence, timeOf } from './wording.ts';

export function propertyResource(reading: PropertyReading, nowMs: number, withHistory = false): PropertyResource {
  const { machine, name, type, value, atMs, problem, history } = reading;
  return {
    machine,
    name,
    type,
    value,
    at: timeOf(atMs),
    ageSeconds: Math.max(0, Math.round(nowMs - atMs)) / 1000,
    ...(problem !== undefined && { problem: { code: problem.code, reason: sentence(problem.reason), at: timeOf(problem.atMs) } }),
    ...(withHistory && { history: history.map((each) => ({ at: timeOf(each.atMs), value: each.value })) }),
  };
}
