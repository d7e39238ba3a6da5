import type { Ipv4 } from '../model/ipv4.ts';

/** Who takes the report of a machine that is up. */
export interface HelloDesk {
  /** The token is the one that the machine got with its boot; the body is what it says of itself. */
  hello(request: { readonly token: string; readonly clientAddress: Ipv4; readonly body: string }): Promise<HelloAnswer>;
}

export type HelloAnswer =
  | { readonly accepted: true; /** JSON for the machine alone. */ readonly session?: string }
  | { readonly accepted: false; readonly reason: string };
