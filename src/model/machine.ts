import type { Ipv4 } from './ipv4.ts';
import type { Mac } from './mac.ts';

/** What templates may use beside what we know ourselves. */
export type Parameters = Readonly<Record<string, ParameterValue>>;
export type ParameterValue = string | number | boolean | readonly string[];

export interface Nic {
  readonly mac: Mac;
  /** The address reserved for this NIC; without one it gets a free address of the pool. */
  readonly address?: Ipv4;
}

/** A computer that boots from us. */
export interface Machine {
  readonly name: string;
  /** At least one; the first is the one that a preview boots from. */
  readonly nics: readonly Nic[];
  /** As DMI prints it, lower case. UUIDs lie, so it identifies only together with a MAC. */
  readonly uuid?: string;
  /** What it boots; without one it is treated as its subnet treats clients that it does not know. */
  readonly profile?: string;
  /** What it may host once it runs. */
  readonly role?: string;
  /** It gets no answer, whatever it asks for. */
  readonly ignored?: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly parameters: Parameters;
}
