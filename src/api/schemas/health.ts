import type { Static } from 'typebox';
import { count, shape, standing, text } from './fields.ts';

export const healthSchema = shape(
  'Whether the service does its work. Nobody has to log in to ask.',
  { ...standing('How it is.', ['ok', 'degraded']), version: text('Of virtdom.', '0.1.0'), uptimeSeconds: count('Since it started.', 3600) },
  { state: 'ok', reason: 'serving', since: '2026-03-01T09:30:00.000Z', version: '0.1.0', uptimeSeconds: 3600 },
);
export type Health = Static<typeof healthSchema>;
