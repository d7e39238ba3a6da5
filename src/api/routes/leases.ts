import { Type } from 'typebox';
import { parseIpv4 } from '../../model/ipv4.ts';
import type { Mac } from '../../model/mac.ts';
import { parseMac } from '../../model/mac.ts';
import type { ObjectSnapshot } from '../../machines/object-state.ts';
import type { Api } from '../api.ts';
import type { ControlPlane, LeaseList } from '../control-plane.ts';
import { holds, pageOfItems, valuesOf } from '../listing.ts';
import { ProblemError } from '../problems.ts';
import { optional, shape, text } from '../schemas/fields.ts';
import { leasePageSchema, leaseQuerySchema, leaseStates } from '../schemas/lease.ts';
import type { LeaseResource } from '../schemas/lease.ts';
import { dryRunQuery } from '../schemas/page.ts';
import { answers, answersNothing, base } from './describe.ts';

const tags = ['leases'];

export function addLeaseRoutes(app: Api, plane: ControlPlane): void {
  app.get(
    `${base}/leases`,
    {
      config: { access: { role: 'viewer', noun: 'leases' } },
      schema: {
        operationId: 'listLeases',
        summary: 'List who has which address',
        tags,
        querystring: leaseQuerySchema,
        ...answers(leasePageSchema),
      },
    },
    ({ query }) => {
      const states = valuesOf('state', query.state, leaseStates);
      const mac = query.mac === undefined ? undefined : (parseMac(query.mac) ?? query.mac);
      const owners = ownersOf(plane.objects.current);
      const leases = plane.leases
        .list()
        .filter(
          (lease) =>
            (states === undefined || states.includes(lease.state)) &&
            (query.subnet === undefined || lease.subnet === query.subnet) &&
            (query.machine === undefined || owners.get(lease.mac) === query.machine) &&
            (mac === undefined || lease.mac === mac) &&
            holds(query.q, lease.address, lease.mac, owners.get(lease.mac), lease.hostName),
        );
      const page = pageOfItems(leases, { ...query, sort: query.sort ?? 'address' }, ({ address }) => address, {
        address: ({ address }) => parseIpv4(address) ?? 0,
        expiresAt: ({ expiresMs }) => expiresMs,
        grantedAt: ({ grantedMs }) => grantedMs,
      });
      return { ...page, items: page.items.map((lease) => leaseResource(lease, owners)) };
    },
  );

  app.delete(
    `${base}/leases/:address`,
    {
      config: { access: { role: 'operator', noun: 'leases' }, action: 'lease.delete' },
      schema: {
        operationId: 'deleteLease',
        summary: 'End a lease, so that its address is free',
        tags,
        params: shape('Which lease.', { address: text('Its address.', '192.168.0.111', 64) }),
        querystring: shape('How.', {
          ...dryRunQuery,
          force: optional(
            Type.Boolean({
              description: 'Also one that is bound: its client goes on using the address until it asks again.',
              examples: [true],
            }),
          ),
        }),
        ...answersNothing('It is gone.'),
      },
    },
    async (request, reply) => {
      const { address } = request.params;
      const { force = false } = request.query;
      const lease = plane.leases.list().find((each) => each.address === address);
      if (lease === undefined) throw noLease(address);
      if (lease.state === 'bound' && !force) throw inUse(address);
      if (request.query.dryRun === true) return reply.code(204).send();
      const { kind } = await plane.leases.remove(address, force);
      if (kind === 'none') throw noLease(address);
      if (kind === 'in-use') throw inUse(address);
      if (kind === 'renewed') throw new ProblemError('conflict', `${address} was given to its client again meanwhile.`);
      return reply.code(204).send();
    },
  );
}

function noLease(address: string): ProblemError {
  return new ProblemError('not-found', `There is no lease of ${address}.`);
}

function inUse(address: string): ProblemError {
  return new ProblemError('conflict', `${address} is in use: end it by force only where its client is gone for good.`);
}

const ownersBySnapshot = new WeakMap<ObjectSnapshot, ReadonlyMap<Mac, string>>();

/** Gathered once for each state of the objects. */
function ownersOf(snapshot: ObjectSnapshot): ReadonlyMap<Mac, string> {
  const known = ownersBySnapshot.get(snapshot);
  if (known !== undefined) return known;
  const owners = new Map(snapshot.machines.flatMap(({ name, nics }) => nics.map(({ mac }) => [mac, name] as const)));
  ownersBySnapshot.set(snapshot, owners);
  return owners;
}

function leaseResource(lease: ReturnType<LeaseList['list']>[number], owners: ReadonlyMap<Mac, string>): LeaseResource {
  const { address, subnet, mac, hostName, state, grantedMs, expiresMs } = lease;
  const machine = owners.get(mac);
  const expiresAt = new Date(expiresMs).toISOString();
  const grantedAt = new Date(grantedMs).toISOString();
  const reason = {
    bound: `granted until ${expiresAt}`,
    expired: `it ended at ${expiresAt} and was not renewed`,
    released: 'its client gave it back',
    declined: `a client found it in use; it is tried again at ${expiresAt}`,
  }[state];
  return {
    address,
    subnet,
    mac,
    ...(machine !== undefined && { machine }),
    ...(hostName !== undefined && { hostName }),
    state,
    reason,
    since: state === 'expired' ? expiresAt : grantedAt,
    grantedAt,
    expiresAt,
  };
}
