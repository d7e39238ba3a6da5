import type { SchemaNode } from '../documents/check-shape.ts';
import { settingsOf, variableName } from './environment.ts';
import { objectSchemas } from '../machines/object-schemas.ts';
import { processSchema } from './process-schema.ts';

/** docs/configuration.md, made from the schemas that check the files: it cannot say anything else than they do. */
export function configurationReference(): string {
  const settings = settingsOf(processSchema as SchemaNode);
  return `# Configuration

<!-- Made by \`npm run docs\` from src/config/*-schema(s).ts. Edit those. -->

Two files: **virtdom.yaml** says what a process needs, **lab.yaml** (or whatever \`objects\` names) holds the objects: subnets, profiles
and machines, environments, roles and triggers, one YAML document each. [Examples](examples/) of both can be copied.

\`\`\`
virtdom config check --config virtdom.yaml   # everything that is wrong, each with file:line; --elsewhere: without this machine's interfaces
virtdom config show --config virtdom.yaml    # everything with its defaults filled in
\`\`\`

An unknown key is an error. Relative paths start at the folder of virtdom.yaml, those in variables at the current folder.

## virtdom.yaml

An environment variable wins over the file; an empty one counts as not set. \`VIRTDOM_CONFIG\` stands for \`--config\`.

| key | variable | expected | default | |
|---|---|---|---|---|
${settings.map(({ path, schema }) => row([code(path.join('.')), code(variableName(path)), schema.expected, defaultOf(schema), schema.description])).join('\n')}

## lab.yaml

Each document has a \`kind\` and a \`name\`. Names are unique within their kind.
${Object.entries(objectSchemas)
  .map(([kind, schema]) => objectTable(kind, schema as SchemaNode))
  .join('')}`;
}

function objectTable(kind: string, schema: SchemaNode): string {
  const rows = keysOf(schema, '').map(({ key, node, required }) =>
    row([code(key), node.expected, required ? '**required**' : defaultOf(node), node.description]),
  );
  return `
### ${kind}

${schema.description}

| key | expected | default | |
|---|---|---|---|
${rows.join('\n')}
`;
}

interface Key {
  readonly key: string;
  readonly node: SchemaNode;
  readonly required: boolean;
}

/** The keys of an object with those inside it, as people write their paths: `nics[].mac`. */
function keysOf({ properties = {}, required = [] }: SchemaNode, prefix: string): Key[] {
  return Object.entries(properties)
    .filter(([key]) => key !== 'kind' || prefix !== '')
    .flatMap(([key, node]) => {
      const own = { key: prefix + key, node, required: required.includes(key) && node.default === undefined };
      const inner = node.properties === undefined ? keysOf(node.items ?? {}, `${own.key}[].`) : keysOf(node, `${own.key}.`);
      return [own].concat(inner);
    });
}

function defaultOf({ default: value, defaultText }: SchemaNode): string {
  if (defaultText !== undefined) return defaultText;
  if (value === undefined || (typeof value === 'object' && value !== null && Object.keys(value).length === 0)) return '';
  return code(typeof value === 'string' ? value : JSON.stringify(value));
}

function row(cells: readonly (string | undefined)[]): string {
  return `| ${cells.map((cell) => (cell ?? '').replaceAll('|', '\\|')).join(' | ')} |`;
}

function code(text: string): string {
  return `\`${text}\``;
}
