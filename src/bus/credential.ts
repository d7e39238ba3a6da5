import { createHmac } from 'node:crypto';

/** An agent on one boot of its machine. */
export interface AgentIdentity {
  readonly machine: string;
  readonly boot: number;
}

export function agentUsername({ machine, boot }: AgentIdentity): string {
  return `${machine}/${boot}`;
}

/** Nothing where it is no user name of an agent: `post01/17`, written in the one way that `agentUsername` writes it. */
export function parseAgentUsername(username: string): AgentIdentity | undefined {
  const parts = /^([A-Za-z0-9][A-Za-z0-9._-]{0,63})\/(0|[1-9][0-9]{0,15})$/.exec(username);
  const [, machine, digits] = parts ?? [];
  const boot = Number(digits);
  return machine === undefined || !Number.isSafeInteger(boot) ? undefined : { machine, boot };
}

/**
 * What proves an agent of this boot, as base64url: it follows from the key alone, so that nothing is stored for it.
 * @throws Error on a user name that is no agent's
 */
export function credential(key: Uint8Array, username: string): string {
  const identity = parseAgentUsername(username);
  if (identity === undefined) throw new Error(`${JSON.stringify(username)} is not MACHINE/BOOT`);
  return createHmac('sha256', key).update(`agent\0${identity.machine}\0${identity.boot}`).digest('base64url');
}
