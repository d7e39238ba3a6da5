import { ImageError } from '../../images/image-error.ts';
import type { PublishedVersion } from '../../images/published-version.ts';
import { formatImageRef, parseImageName } from '../../model/image-manifest.ts';
import type { Api } from '../api.ts';
import type { ControlPlane } from '../control-plane.ts';
import { sendTagged } from '../etag.ts';
import { holds, pageOfItems } from '../listing.ts';
import { ProblemError } from '../problems.ts';
import { actorOf, note } from '../request-context.ts';
import { shape, text } from '../schemas/fields.ts';
import { imagePageSchema, imageQuerySchema, imageSchema } from '../schemas/image.ts';
import type { ImageResource } from '../schemas/image.ts';
import { dryRunQuery } from '../schemas/page.ts';
import { taskSchema } from '../schemas/task.ts';
import { answers, answersNothing, base } from './describe.ts';
import { notFound } from './outcomes.ts';
import { taskResource } from './tasks.ts';

const tags = ['images'];
const refParam = ':ref(^[^:/]+)';
const params = shape('Which version.', { ref: text('Name and version.', 'dom0@3', 200) });
const shownMachines = 100;

export function addImageRoutes(app: Api, plane: ControlPlane): void {
  const find = (ref: string): PublishedVersion => {
    const version = plane.images.list().find((each) => formatImageRef(each.ref) === ref);
    if (version === undefined) throw notFound('image version', ref);
    return version;
  };

  app.get(
    `${base}/images`,
    {
      config: { access: { role: 'viewer', noun: 'images' } },
      schema: {
        operationId: 'listImages',
        summary: 'List the published versions of images',
        tags,
        querystring: imageQuerySchema,
        ...answers(imagePageSchema),
      },
    },
    ({ query }) => {
      const users = usersOf(plane);
      const versions = plane.images
        .list()
        .filter(({ ref }) => (query.name === undefined || ref.image === query.name) && holds(query.q, ref.image));
      const { items, ...rest } = pageOfItems(versions, query, sortName);
      return { ...rest, items: items.map((version) => imageResource(plane, version, users)) };
    },
  );

  app.get(
    `${base}/images/${refParam}`,
    {
      config: { access: { role: 'viewer', noun: 'images' } },
      schema: { operationId: 'getImage', summary: 'Show a version of an image', tags, params, ...answers(imageSchema) },
    },
    (request, reply) => sendTagged(request, reply, imageResource(plane, find(request.params.ref), usersOf(plane))),
  );

  app.delete(
    `${base}/images/${refParam}`,
    {
      config: { access: { role: 'operator', noun: 'images' }, action: 'image.delete' },
      schema: {
        operationId: 'deleteImage',
        summary: 'Delete a version that is not the newest and that nothing runs on',
        tags,
        params,
        querystring: shape('How.', dryRunQuery),
        ...answersNothing('It is gone.'),
      },
    },
    async (request, reply) => {
      const { ref } = find(request.params.ref);
      const name = formatImageRef(ref);
      const { machines, profiles, environments, vms } = usersOf(plane);
      const usedBy = [
        ...(machines.get(name) ?? []),
        ...(profiles.get(name) ?? []).map((profile) => `profile ${profile}`),
        ...(environments.get(name) ?? []).map((environment) => `environment ${environment}`),
        ...(vms.get(name) ?? []).map((vm) => `VM ${vm}`),
      ];
      if (plane.images.newest(ref.image)?.version === ref.version)
        throw new ProblemError('conflict', `${name} is the newest version, which machines boot: publish another one first.`);
      if (usedBy.length > 0)
        throw new ProblemError('conflict', `${name} is in use by ${usedBy.slice(0, 20).join(', ')}: reboot or change them first.`);
      if (request.query.dryRun === true) return reply.code(204).send();
      try {
        const { contentsRemoved } = await plane.images.delete(ref, usedBy);
        note(request, `image/${name}`, { contentsRemoved });
      } catch (error) {
        if (error instanceof ImageError)
          throw new ProblemError(error.code === 'image-unknown' ? 'not-found' : 'conflict', `${error.message}.`);
        throw error;
      }
      return reply.code(204).send();
    },
  );

  app.post(
    `${base}/images/${refParam}::verify`,
    {
      config: { access: { role: 'operator', noun: 'images' }, action: 'image.verify' },
      schema: {
        operationId: 'verifyImage',
        summary: 'Read every content of a version again: a task, whose result has `problems`',
        tags,
        params,
        ...answers(taskSchema, 202),
      },
    },
    async (request, reply) => {
      const { ref } = find(request.params.ref);
      const object = `image/${formatImageRef(ref)}`;
      note(request, object);
      const task = await plane.tasks.start({
        kind: 'image.verify',
        object,
        createdBy: actorOf(request).name,
        unit: 'contents',
        requestId: request.id,
        work: async (handle) => ({
          problems: await plane.images.verify(ref, (done, total) => handle.progress(done, total), handle.signal),
        }),
      });
      return reply
        .code(202)
        .header('location', `${base}/tasks/${encodeURIComponent(task.id)}`)
        .send(taskResource(task));
    },
  );
}

interface ImageUsers {
  readonly machines: ReadonlyMap<string, readonly string[]>;
  /** By image name for those that take the newest, by version for the others. */
  readonly profiles: ReadonlyMap<string, readonly string[]>;
  readonly environments: ReadonlyMap<string, readonly string[]>;
  /** Those whose claim goes on: what they were started from. */
  readonly vms: ReadonlyMap<string, readonly string[]>;
}

function usersOf({ objects, boots, manager }: ControlPlane): ImageUsers {
  const { machines, profiles, environments } = objects.current;
  const booted = machines.map(({ name }) => {
    const boot = boots.stateOf(name);
    return { name, image: boot?.state === 'failed' ? undefined : boot?.image };
  });
  return {
    machines: byImage(booted),
    profiles: byImage(profiles),
    environments: byImage(environments),
    vms: byImage((manager?.vms() ?? []).filter(({ claims }) => claims.length > 0)),
  };
}

function byImage(users: readonly { readonly name: string; readonly image?: string | undefined }[]): Map<string, string[]> {
  const named = new Map<string, string[]>();
  for (const { name, image } of users) {
    if (image === undefined || parseImageName(image) === undefined) continue;
    const others = named.get(image);
    if (others === undefined) named.set(image, [name]);
    else others.push(name);
  }
  return named;
}

function imageResource(plane: ControlPlane, version: PublishedVersion, users: ImageUsers): ImageResource {
  const { ref, contentId, recipeSha256, builtMs, entryCount, writablePaths, bootFiles } = version;
  const name = formatImageRef(ref);
  const newest = plane.images.newest(ref.image)?.version === ref.version;
  const machines = users.machines.get(name) ?? [];
  return {
    ref: name,
    name: ref.image,
    version: ref.version,
    newest,
    contentId,
    recipeSha256,
    builtAt: new Date(builtMs).toISOString(),
    entries: entryCount,
    writablePaths: [...writablePaths],
    bootFiles: bootFiles.map((file) => ({ name: file.name, bytes: file.size, sha256: file.sha256 })),
    profiles: [...(users.profiles.get(name) ?? []), ...(newest ? (users.profiles.get(ref.image) ?? []) : [])],
    machines: machines.slice(0, shownMachines),
    machineCount: machines.length,
    environments: [...(users.environments.get(name) ?? []), ...(newest ? (users.environments.get(ref.image) ?? []) : [])],
    vms: [...(users.vms.get(name) ?? [])].slice(0, shownMachines),
  };
}

/** Version 10 comes after version 9. */
function sortName({ ref }: PublishedVersion): string {
  return `${ref.image}@${String(ref.version).padStart(9, '0')}`;
}
