/** What a property's value may be, whoever defines the property. */
export const propertyTypes = ['int', 'float', 'string', 'bool', 'list', 'object'] as const;
export type PropertyType = (typeof propertyTypes)[number];

export const definitionLimits = { maxTicks: 86_400, maxTimeoutSeconds: 300, maxParameters: 32, maxParameterLetters: 256 } as const;
export const definitionDefaults = { ticks: 60, timeout: 10 } as const;
export const propertyNamePattern = /^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/;

type Word = string | number;

/** A property that a Role defines for its hosts, by the keys of a definition file. */
export interface RoleProperty {
  readonly name: string;
  readonly command: string;
  /** One text is cut at its spaces. */
  readonly parameters?: Word | readonly Word[];
  readonly return_type: PropertyType;
  readonly ticks: number;
  readonly timeout: number;
}
