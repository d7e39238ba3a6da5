import type { AgentCommandArgs } from '../manager/protocol.ts';
import type { Failed, HostNetworks, Outcome } from './parts.ts';
import type { ProgramEnd } from './run-program.ts';

/** As `ip -j -d link` says it, what counts here. */
interface Link {
  readonly ifname: string;
  readonly ifindex: number;
  readonly link_type: string;
  readonly flags: readonly string[];
  readonly master?: string;
  /** The interface below a VLAN. */
  readonly link?: string;
  readonly parentbus?: string;
  readonly linkinfo?: { readonly info_kind?: string; readonly info_data?: { readonly id?: number } };
}

export interface IpNetworksOptions {
  /** Runs `ip` with these words, and with this on its standard input. */
  readonly ip: (words: readonly string[], input?: string) => Promise<ProgramEnd>;
  /** The IPv4 address that this machine has on an interface. */
  readonly addressOf: (name: string) => string | undefined;
  /** The bridge that the root hangs on: it is never changed. */
  readonly rootBridge?: string;
}

/** Bridges and VLANs by `ip`. All it makes is gone with the machine's boot. */
export class IpNetworks implements HostNetworks {
  readonly #options: Required<IpNetworksOptions>;

  constructor(options: IpNetworksOptions) {
    this.#options = { rootBridge: 'xenbr0', ...options };
  }

  async list(): Promise<{ readonly bridges: readonly string[]; readonly nics: readonly string[]; readonly address?: string }> {
    const links = await this.#links();
    const address = this.#options.addressOf(this.#options.rootBridge);
    return {
      bridges: links.filter((link) => isBridge(link) && link.flags.includes('UP')).map(({ ifname }) => ifname),
      nics: links.filter(isNic).map(({ ifname }) => ifname),
      ...(address !== undefined && { address }),
    };
  }

  async up({ bridge, vlan, nic }: AgentCommandArgs<'network.up'>): Promise<Outcome> {
    const { rootBridge } = this.#options;
    const links = await this.#links();
    const found = links.find(({ ifname }) => ifname === bridge);
    if (found !== undefined && !isBridge(found)) return refused(`${bridge} is there, and no bridge`);
    if (bridge === rootBridge) {
      if (vlan !== undefined) return refused(`${bridge} carries the root of this machine and no VLAN`);
      return found === undefined ? refused(`${bridge} is the bridge of the root, and this machine has none`) : { kind: 'done' };
    }
    const below = nic ?? links.find((link) => link.master === rootBridge && isNic(link))?.ifname;
    const needsNic = nic !== undefined || vlan !== undefined;
    const base = links.find(({ ifname }) => ifname === below);
    if (needsNic && (base === undefined || !isNic(base))) return refused(`this machine has no NIC ${below ?? 'below its own bridge'}`);
    if (needsNic && vlan === undefined && base?.master === rootBridge)
      return refused(`${base.ifname} carries the root of this machine: a bridge of its own can only have a VLAN of it`);

    const steps: (readonly string[])[] = [];
    let port: string | undefined;
    if (needsNic && base !== undefined) {
      port = vlan === undefined ? base.ifname : vlanName(links, base, vlan);
      const existing = links.find(({ ifname }) => ifname === port);
      if (existing === undefined && vlan !== undefined) {
        // A VLAN is up only while the NIC below it is.
        steps.push(
          ['link', 'set', base.ifname, 'up'],
          ['link', 'add', 'link', base.ifname, 'name', port, 'type', 'vlan', 'id', String(vlan)],
        );
      }
      if (existing?.master !== undefined && existing.master !== bridge) return refused(`${port} is a port of ${existing.master} already`);
      const other = links.find((link) => link.master === bridge && link.ifname !== port && isUplink(link));
      if (other !== undefined) return refused(`${bridge} has ${other.ifname} already: with ${port} it would join two networks`);
    }
    if (found === undefined) {
      // The Dom0 has no address of its own on its guests' networks.
      steps.push(['link', 'add', 'name', bridge, 'type', 'bridge', 'forward_delay', '0'], ['link', 'set', bridge, 'addrgenmode', 'none']);
    }
    if (port !== undefined) steps.push(['link', 'set', port, 'master', bridge], ['link', 'set', port, 'up']);
    steps.push(['link', 'set', bridge, 'up']);
    return this.#do(steps);
  }

  async down(bridge: string): Promise<Outcome> {
    if (bridge === this.#options.rootBridge) return refused(`${bridge} carries the root of this machine`);
    const links = await this.#links();
    const found = links.find(({ ifname }) => ifname === bridge);
    if (found === undefined) return { kind: 'done' };
    if (!isBridge(found)) return refused(`${bridge} is no bridge`);
    const ports = links.filter(({ master }) => master === bridge);
    const guests = ports.filter((port) => !isUplink(port)).map(({ ifname }) => ifname);
    if (guests.length > 0) return refused(`${bridge} has guests on it: ${guests.join(', ')}`);
    const vlans = ports.filter((port) => port.linkinfo?.info_kind === 'vlan');
    return this.#do([['link', 'del', bridge], ...vlans.map(({ ifname }) => ['link', 'del', ifname])]);
  }

  /** In one run: each start of a program costs, and a Dom0 has little to spare. */
  async #do(steps: readonly (readonly string[])[]): Promise<Outcome> {
    const lines = steps.map((words) => words.join(' '));
    const { kind, code, error } = await this.#options.ip(['-batch', '-'], `${lines.join('\n')}\n`);
    if (kind === 'ended' && code === 0) return { kind: 'done' };
    const failed = lines[Number(/Command failed -:(\d+)/.exec(error)?.[1]) - 1];
    const said =
      error
        .replace(/Command failed.*/s, '')
        .trim()
        .slice(0, 500) || kind;
    return { kind: 'failed', code: kind === 'timeout' ? 'timeout' : 'failed', reason: `ip ${failed ?? '-batch'}: ${said}` };
  }

  async #links(): Promise<readonly Link[]> {
    return this.#read<Link>(['-j', '-d', 'link']);
  }

  async #read<Row>(words: readonly string[]): Promise<readonly Row[]> {
    const { kind, code, out, error } = await this.#options.ip(words);
    if (kind !== 'ended' || code !== 0) throw new Error(`ip ${words.join(' ')} failed: ${error.trim().slice(0, 500) || kind}`);
    return JSON.parse(out === '' ? '[]' : out) as readonly Row[];
  }
}

function isBridge({ linkinfo }: Link): boolean {
  return linkinfo?.info_kind === 'bridge';
}

/** A network card, or a bond of such; not a guest's end. */
function isNic({ ifname, link_type: type, parentbus, linkinfo }: Link): boolean {
  if (type !== 'ether' || parentbus === 'xen-backend' || /^(vif|tap)\d/.test(ifname)) return false;
  return linkinfo?.info_kind === undefined || linkinfo.info_kind === 'bond';
}

/** What leads out of the machine. */
function isUplink(link: Link): boolean {
  return isNic(link) || link.linkinfo?.info_kind === 'vlan';
}

/** The VLAN that is there already, whatever its name; else `eth0.12`, or by the NIC's number where that is too long for Linux. */
function vlanName(links: readonly Link[], base: Link, vlan: number): string {
  const there = links.find(
    ({ link, linkinfo }) => link === base.ifname && linkinfo?.info_kind === 'vlan' && linkinfo.info_data?.id === vlan,
  );
  if (there !== undefined) return there.ifname;
  const name = `${base.ifname}.${vlan}`;
  return name.length <= 15 ? name : `nic${base.ifindex}.${vlan}`;
}

function refused(reason: string): Failed {
  return { kind: 'failed', code: 'refused', reason };
}
