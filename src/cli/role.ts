import type { Command } from 'commander';
import type { RoleResource } from '../api/schemas/role.ts';
import { addObjectCommands, changedColumns } from './object.ts';
import { yamlText } from './output.ts';
import type { View } from './output.ts';
import type { Terminal } from './terminal.ts';

const roleView: View<RoleResource> = {
  columns: [
    { head: 'NAME', cell: ({ name }) => name },
    { head: 'ENVIRONMENTS', cell: ({ environments = [] }) => environments.join(',') },
    { head: 'NETWORKS', cell: ({ networks = [] }) => networks.map(networkText).join(',') },
    { head: 'HOSTS', cell: ({ hosts }) => hosts?.length, align: 'right' },
    { head: 'MACHINES', cell: ({ machines }) => machines, align: 'right' },
    { head: 'GIVEN', cell: givenText },
    { head: 'PROPERTIES', cell: ({ properties = [] }) => properties.map(({ name }) => name).join(','), wide: true },
    { head: 'RESERVE', cell: ({ reserveMib = 0 }) => `${reserveMib} MiB`, align: 'right', wide: true },
    { head: 'PRIORITY', cell: ({ priority = 0 }) => priority, align: 'right', wide: true },
    ...changedColumns,
  ],
  name: ({ name }) => name,
  empty: 'there is no role: virtdom role create -f FILE, or virtdom apply -f FILE',
  detail: yamlText,
};

function networkText({ bridge, vlan }: NonNullable<RoleResource['networks']>[number]): string {
  return vlan === undefined ? bridge : `${bridge}(${vlan})`;
}

/** Which hosts get it that no machine document names one for. */
function givenText({ match }: RoleResource): string {
  if (match === undefined) return 'by name';
  const labels = Object.entries(match.labels ?? {}).map(([name, value]) => `${name}=${value}`);
  return [...labels, ...(match.when === undefined ? [] : [match.when])].join(' and ');
}

/** Adds `virtdom role …`. */
export function addRoleCommands(program: Command, terminal: Terminal): void {
  addObjectCommands(program, terminal, 'Role', 'see and change what Dom0s may host', roleView, { sorts: ['priority'] });
}
