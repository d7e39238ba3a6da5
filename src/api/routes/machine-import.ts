import { applyDocuments } from '../../machines/apply.ts';
import { importInThread } from '../../machines/import/import-in-thread.ts';
import type { NotUnderstood } from '../../machines/import/import-report.ts';
import type { ObjectSnapshot } from '../../machines/object-state.ts';
import type { ObjectDocument } from '../../machines/object-store.ts';
import type { Api } from '../api.ts';
import type { ControlPlane } from '../control-plane.ts';
import { actorOf } from '../request-context.ts';
import { importResultSchema, importSchema } from '../schemas/apply.ts';
import type { ImportRequest, ImportResult } from '../schemas/apply.ts';
import { answers, base } from './describe.ts';
import { dryRun } from './machines.ts';
import { appliedOf, applyResult } from './objects.ts';
import { objectKey } from './outcomes.ts';

const formats = { csv: 'csv', dnsmasq: 'dnsmasq', isc: 'isc-dhcpd', kea: 'kea' } as const;

export function addMachineImportRoutes(app: Api, plane: ControlPlane): void {
  app.post(
    `${base}/machines::import`,
    {
      bodyLimit: 8 * 1024 * 1024,
      config: { access: { role: 'operator', noun: 'machines' }, action: 'machine.import' },
      schema: {
        operationId: 'importMachines',
        summary: 'Take machines over from a file of another system, all or none, and tell what was not understood',
        tags: ['machines'],
        querystring: dryRun,
        body: importSchema,
        ...answers(importResultSchema),
      },
    },
    async (request): Promise<ImportResult> => {
      const { format, text, update = false } = request.body;
      const isDry = request.query.dryRun === true;
      const { machines, notUnderstood } = await importInThread(formats[format], text);
      const { current } = plane.objects;
      const documents = machines.map(({ document }) => completed(document, request.body));
      const left = update ? new Map<string, string>() : knownAlready(current, documents);
      const wanted = documents.filter(({ name }) => !left.has(name));
      const objects = appliedOf(await applyDocuments(plane.objects, wanted, { author: actorOf(request).name, dryRun: isDry }));
      request.auditNotes = objects
        .filter(({ outcome }) => outcome !== 'unchanged')
        .map(({ kind, name, outcome }) => ({ action: 'machine.import', object: objectKey(kind, name), detail: { outcome, format } }));
      return {
        ...applyResult(objects, isDry),
        notUnderstood: [
          ...notUnderstood.map(lineResource),
          ...machines.flatMap(({ line, document: { name } }) => {
            const detail = left.get(name);
            return detail === undefined ? [] : [{ line, text: name, detail }];
          }),
        ],
      };
    },
  );
}

/** By name, what is said of machines that are there: a second import of a file adds what is new in it. */
function knownAlready(now: ObjectSnapshot, documents: readonly ObjectDocument[]): ReadonlyMap<string, string> {
  const owners = new Map(now.machines.flatMap((machine) => machine.nics.map(({ mac }): [string, string] => [mac, machine.name])));
  const known = new Map<string, string>();
  for (const { name, nics } of documents) {
    const macs = (nics as readonly { readonly mac: string }[] | undefined)?.map(({ mac }) => mac) ?? [];
    const taken = macs.find((mac) => owners.has(mac));
    if (now.find('Machine', name) !== undefined) known.set(name, `there is a machine ${name} already: it was left as it is`);
    else if (taken !== undefined) known.set(name, `${taken} is machine ${owners.get(taken) ?? ''} already: it was left as it is`);
  }
  return known;
}

/** With profile and role for those that name none. */
function completed(document: ObjectDocument, { profile, role }: ImportRequest): ObjectDocument {
  return {
    ...document,
    ...(profile !== undefined && document['profile'] === undefined && { profile }),
    ...(role !== undefined && document['role'] === undefined && { role }),
  };
}

function lineResource({ line, text, reason }: NotUnderstood): ImportResult['notUnderstood'][number] {
  return { line, text, detail: reason };
}
