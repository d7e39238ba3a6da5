import { Type } from 'typebox';
import type { Static, TProperties, TSchema } from 'typebox';
import { propertyTypes } from '../model/property-definition.ts';

/**
 * The messages between manager and agents: JSON, one object a message, over MQTT topics. The names of the kinds are those of the
 * first virtdom of 2008. Unknown fields are ignored, unknown kinds and versions are refused with PROPERR, EXECERR or CONTROLERR.
 */
export const protocolVersion = 1;
/** Of one message, in bytes. */
export const maxMessageBytes = 512 * 1024;

/** A dot in a name is a tilde in a topic: some brokers (NATS) cut names at dots, and no name of ours has a tilde. */
const level = (of: string): string => of.replaceAll('.', '~');

export const topics = {
  /** Manager to one agent: GETPROP, FETCHPROP, EXECUTE, CONTROL. */
  toAgent: (machine: string) => `virtdom/1/agent/${level(machine)}/in`,
  /** One agent to managers. */
  fromAgent: (machine: string) => `virtdom/1/agent/${level(machine)}/out`,
  /** Retained: here, or (its will) lost. */
  presence: (machine: string) => `virtdom/1/agent/${level(machine)}/presence`,
  /** Managers to all agents of a group: `all`, `role.worker`, `label.rack.b`. */
  group: (group: string) => `virtdom/1/group/${level(group)}/in`,
  /** Retained: which managers there are. */
  manager: (name: string) => `virtdom/1/manager/${level(name)}/presence`,
  everyAgentOut: 'virtdom/1/agent/+/out',
  everyPresence: 'virtdom/1/agent/+/presence',
  everyManager: 'virtdom/1/manager/+/presence',
  /** Whose topic it is. */
  machineOf: (topic: string): string | undefined =>
    /^virtdom\/1\/agent\/([A-Za-z0-9][A-Za-z0-9~_-]{0,63})\/(?:in|out|presence)$/.exec(topic)?.[1]?.replaceAll('~', '.'),
} as const;

const text = (maxLength: number) => Type.String({ maxLength });
/** A list that is mapped to literals has no type of its own. */
const oneOf = <const Value extends string>(values: readonly Value[]) =>
  Type.Unsafe<Value>(Type.Union(values.map((each) => Type.Literal(each))));
const name = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' });
const id = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$' });
const whole = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const propertyName = Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_.-]{0,63}$' });

function message<Kind extends string, Fields extends TProperties>(kind: Kind, fields: Fields) {
  return Type.Object({
    v: Type.Literal(protocolVersion),
    kind: Type.Literal(kind),
    /** Of this message; a command keeps its own when it is sent again. */
    id,
    ...fields,
  });
}

/** From the manager. */
export const getProp = message('GETPROP', {
  /** What was extracted last; of no names the answer is PROPLIST. */
  names: Type.Array(propertyName, { maxItems: 256 }),
});
export const fetchProp = message('FETCHPROP', {
  /** Extracted now. */
  names: Type.Array(propertyName, { minItems: 1, maxItems: 256 }),
});

const sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' });
const file = Type.Object({
  name,
  /** Below the boot HTTP server of the agent's own boot: `/images/worker@3/vmlinuz`. */
  path: text(512),
  sha256,
  bytes: whole,
});
const bridge = Type.String({ pattern: '^[A-Za-z][A-Za-z0-9_.-]{0,14}$' });
const vlan = Type.Integer({ minimum: 1, maximum: 4094 });
const interfaceName = Type.String({ pattern: '^[A-Za-z][A-Za-z0-9_.-]{0,14}$' });
const vmOnly = { vm: name };
/** A secret of one migration, by which both hosts know each other. */
const migrationKey = Type.String({ pattern: '^[A-Za-z0-9_-]{22,128}$' });

/** Where a host lets VMs in, while it waits for one: the port that Xen once had for relocation. */
export const migrationPort = 8002;

/** A manager that would have to name more names none. */
export const maxWantedFiles = 512;

/** The closed list of what an agent does. Nothing in it is run by a shell. */
export const agentCommands = {
  /** `files` are in the image cache before `xl create` runs; `{file:vmlinuz}` in `config` is replaced by where they are, `{server}` by where they came from. */
  'vm.create': Type.Object({
    vm: name,
    uuid: text(36),
    claim: whole,
    config: text(64 * 1024),
    image: text(128),
    files: Type.Array(file, { maxItems: 8 }),
    readySeconds: whole,
  }),
  'vm.shutdown': Type.Object({ ...vmOnly, timeoutSeconds: whole }),
  'vm.destroy': Type.Object(vmOnly),
  'vm.reboot': Type.Object(vmOnly),
  'vm.pause': Type.Object(vmOnly),
  'vm.unpause': Type.Object(vmOnly),
  /** To the host that a VM migrates to: lets that one in, once, from who has the key. Answered when the door is open, and it shuts by itself. */
  'vm.receive': Type.Object({ ...vmOnly, uuid: text(36), claim: whole, key: migrationKey, waitSeconds: whole }),
  /** To the host that it leaves: `to` is the address of a host that was told to receive it with this key. */
  'vm.migrate': Type.Object({ ...vmOnly, to: text(64), key: migrationKey, timeoutSeconds: whole }),
  'vm.console': Type.Object({ ...vmOnly, bytes: Type.Integer({ minimum: 1, maximum: 64 * 1024 }) }),
  /** `wanted`: files that may still be needed on this host. Others that nothing uses may go for it; without it nothing does. */
  'image.fetch': Type.Object({
    image: text(128),
    files: Type.Array(file, { maxItems: 8 }),
    wanted: Type.Optional(Type.Array(sha256, { maxItems: maxWantedFiles })),
  }),
  'network.up': Type.Object({ bridge, vlan: Type.Optional(vlan), nic: Type.Optional(interfaceName) }),
  'network.down': Type.Object({ bridge }),
  'host.reboot': Type.Object({ reason: text(256) }),
} satisfies Record<string, TSchema>;
export type AgentCommandName = keyof typeof agentCommands;
export type AgentCommandArgs<Name extends AgentCommandName> = Static<(typeof agentCommands)[Name]>;

export const execute = message('EXECUTE', {
  command: Type.String({ maxLength: 64 }),
  args: Type.Unknown(),
  /** The boot and session that it is for; an agent of another boot or session refuses it. */
  boot: whole,
  session: whole,
  /** Of the newest beat; commands that start a domain are refused where the agent heard it more than 10 s ago. */
  nonce: Type.Optional(text(64)),
  /** How long the agent may wait before it begins, from when it arrives. */
  withinMs: whole,
});

/** Where agents stand to the manager. */
export const control = message('CONTROL', {
  action: Type.Union([
    Type.Literal('session'),
    Type.Literal('beat'),
    Type.Literal('groups'),
    Type.Literal('properties'),
    Type.Literal('cancel'),
  ]),
  /** `session`: this manager rules from now on; a lower number is refused, and commands of the one before are no longer begun. */
  session: Type.Optional(whole),
  boot: Type.Optional(whole),
  manager: Type.Optional(name),
  /** `beat`, to the group `all` every few seconds: answered at once by each agent. */
  nonce: Type.Optional(text(64)),
  groups: Type.Optional(Type.Array(name, { maxItems: 64 })),
  /** `properties`: definitions beside the agent's own. */
  definitions: Type.Optional(Type.Array(Type.Unknown(), { maxItems: 256 })),
  /** `cancel`: a command that has not begun. */
  command: Type.Optional(id),
});

/** From agents. A property's value is any JSON, of bounded size. */
const value = Type.Object({
  name: propertyName,
  type: oneOf(propertyTypes),
  value: Type.Unknown(),
  /** Seconds ago. */ age: Type.Number(),
});
/** Of the machine that says it: an older box may go on speaking by its name. */
const ofBoot = { boot: Type.Optional(whole) };
export const propVal = message('PROPVAL', { ...ofBoot, reply: Type.Optional(id), values: Type.Array(value, { maxItems: 256 }) });
export const propList = message('PROPLIST', {
  ...ofBoot,
  reply: Type.Optional(id),
  properties: Type.Array(Type.Object({ name: propertyName, type: text(16), ticks: Type.Number(), command: text(64), origin: text(256) }), {
    maxItems: 1024,
  }),
});
export const propErr = message('PROPERR', {
  ...ofBoot,
  reply: Type.Optional(id),
  name: Type.Optional(propertyName),
  code: text(32),
  reason: text(1024),
});

/** What an agent knows of a domain: it leaves the list only after two looks, 5 s apart, that did not find it. */
export const domainReport = Type.Object({
  name: text(128),
  uuid: text(36),
  domid: whole,
  state: oneOf(['starting', 'running', 'paused', 'shutdown', 'crashed', 'dying', 'missing']),
  memoryMib: whole,
  vcpus: whole,
  /** Of the start that made it, where this agent or one before it on this boot did. */
  claim: Type.Optional(whole),
  ready: Type.Optional(Type.Object({ address: Type.Optional(text(64)) })),
});
export type DomainReport = Static<typeof domainReport>;

/** A longer list is cut, those that the agent itself has started first: then what is not in it may be there all the same. */
export const maxDomains = 512;

/** Everything about its domains, whole, so that one message is enough. */
const domains = {
  domains: Type.Array(domainReport, { maxItems: maxDomains }),
  /**
   * The list is whole, two looks 5 s apart have been made in this session, nothing is being started, and nothing of an earlier session
   * will be.
   */
  settled: Type.Boolean(),
  /** Commands that are being done now. */
  busy: Type.Array(id, { maxItems: 64 }),
};

export const execVal = message('EXECVAL', { reply: id, session: whole, repeated: Type.Boolean(), result: Type.Unknown() });
export const execErrCodes = [
  'unknown-command',
  'bad-arguments',
  'wrong-boot',
  'wrong-session',
  'stale',
  'expired',
  'cancelled',
  'busy',
  'no-such-domain',
  'exists',
  'checksum',
  'unreachable',
  'no-memory',
  'refused',
  'timeout',
  'failed',
] as const;
export type ExecErrCode = (typeof execErrCodes)[number];
export const execErr = message('EXECERR', {
  reply: id,
  session: whole,
  repeated: Type.Boolean(),
  code: oneOf(execErrCodes),
  reason: text(4096),
  /** Whether the domain that it was about is surely not there (two looks), surely there, or neither. */
  domain: Type.Union([Type.Literal('absent'), Type.Literal('present'), Type.Literal('unknown')]),
});

export const controlVal = message('CONTROLVAL', {
  reply: id,
  action: text(16),
  boot: whole,
  session: whole,
  nonce: Type.Optional(text(64)),
  ...domains,
  /** Sent with `session`, and when they change. */
  facts: Type.Optional(
    Type.Object({
      agent: text(32),
      hypervisor: text(64),
      memoryMib: whole,
      freeMib: whole,
      cpus: whole,
      bridges: Type.Array(bridge, { maxItems: 256 }),
      nics: Type.Array(interfaceName, { maxItems: 64 }),
      address: Type.Optional(text(64)),
    }),
  ),
});
export const controlErr = message('CONTROLERR', {
  reply: id,
  action: text(16),
  boot: whole,
  session: whole,
  code: text(32),
  reason: text(1024),
});

/** What stands retained on an agent's presence topic. `lost` is its will: that of another connection or boot counts for nothing. */
export const presence = Type.Object({
  v: Type.Literal(protocolVersion),
  kind: Type.Literal('PRESENCE'),
  state: Type.Union([Type.Literal('here'), Type.Literal('left'), Type.Literal('lost')]),
  reason: text(256),
  boot: whole,
  /** Of this connection: random. */
  connection: id,
  agent: text(32),
});
export type Presence = Static<typeof presence>;

/** What stands retained on a manager's presence topic. `lost` is its will. */
export const managerPresence = Type.Object({
  v: Type.Literal(protocolVersion),
  kind: Type.Literal('PRESENCE'),
  manager: Type.String({ minLength: 1, maxLength: 256 }),
  state: oneOf(['leading', 'standby', 'left', 'lost']),
  reason: text(1024),
});
export type ManagerPresence = Static<typeof managerPresence>;

export const managerMessages = { GETPROP: getProp, FETCHPROP: fetchProp, EXECUTE: execute, CONTROL: control } as const;
export const agentMessages = {
  PROPVAL: propVal,
  PROPLIST: propList,
  PROPERR: propErr,
  EXECVAL: execVal,
  EXECERR: execErr,
  CONTROLVAL: controlVal,
  CONTROLERR: controlErr,
} as const;
export type ManagerMessage = {
  [Kind in keyof typeof managerMessages]: Static<(typeof managerMessages)[Kind]>;
}[keyof typeof managerMessages];
export type AgentMessage = { [Kind in keyof typeof agentMessages]: Static<(typeof agentMessages)[Kind]> }[keyof typeof agentMessages];
export type ManagerMessageOf<Kind extends ManagerMessage['kind']> = Extract<ManagerMessage, { kind: Kind }>;
export type AgentMessageOf<Kind extends AgentMessage['kind']> = Extract<AgentMessage, { kind: Kind }>;
