import type { BusSettings } from './config.ts';
import type { HostBoot } from './model/host.ts';
import { credential } from './bus/credential.ts';
import { readSecretFile } from './service/secret-file.ts';

export interface AgentSessionParts {
  readonly bus: BusSettings;
  /** Makes the credential of each boot: the broker that checks it has the same. */
  readonly key: Uint8Array;
}

/**
 * What a machine's agent is told in answer to its hello, as JSON: who it is, and how to reach the bus. It holds a secret of this
 * boot. The virtdom-hello script keeps it in /run/virtdom/session.json for root alone.
 */
export function agentSession({ bus, key }: AgentSessionParts, boot: HostBoot, httpUrl: string): string {
  const { machine, boot: number } = boot;
  const own = bus.url === undefined;
  const proof = credential(key, `${machine}/${number}`);
  const url = bus.agents.url ?? bus.url ?? `mqtts://${new URL(httpUrl).hostname}:${bus.port}`;
  const login = own
    ? { username: `${machine}/${number}`, password: proof, psk: true }
    : {
        username: (bus.agents.username ?? '{machine}').replaceAll('{machine}', machine.replaceAll('.', '~')),
        password: passwordOf(bus, machine) ?? proof,
      };
  const ca = bus.ca === undefined ? undefined : readSecretFile(bus.ca, { secret: false });
  return JSON.stringify({ machine, boot: number, server: httpUrl, bus: { url, ...login, ...(ca !== undefined && { ca }) } });
}

function passwordOf({ agents }: BusSettings, machine: string): string | undefined {
  return agents.passwordFile === undefined ? undefined : readSecretFile(agents.passwordFile.replaceAll('{machine}', machine));
}
