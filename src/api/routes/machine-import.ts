import { applyDocuments } from '../../machines/apply.ts';
import { importInThread } from '../../machines/import/import-in-thread.ts';
import type { NotUnderstood } from '../../machines/import/import-report.ts';
import type { ObjectDocument } from '../../machines/object-store.ts';
import type { Api } from '../build-api.ts';
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
      const left = update ? [] : machines.filter(({ document }) => current.find('Machine', document.name) !== undefined);
      const wanted = update ? documents : documents.filter(({ name }) => current.find('Machine', name) === undefined);
      const objects = appliedOf(await applyDocuments(plane.objects, wanted, { author: actorOf(request).name, dryRun: isDry }));
      request.auditNotes = objects
        .filter(({ outcome }) => outcome !== 'unchanged')
        .map(({ kind, name, outcome }) => ({ action: 'machine.import', object: objectKey(kind, name), detail: { outcome, format } }));
      return {
        ...applyResult(objects, isDry),
        notUnderstood: [
          ...notUnderstood.map(lineResource),
          ...left.map(({ line, document }) => ({
            line,
            text: document.name,
            detail: `there is a machine ${document.name} already: it was left as it is`,
          })),
        ],
      };
    },
  );
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
