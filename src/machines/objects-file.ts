import { isRecord } from '../documents/check-shape.ts';
import { didYouMean } from '../documents/problems.ts';
import type { ConfigProblem, SourcePosition } from '../documents/problems.ts';
import { pathOfPointer, reporter } from '../documents/report.ts';
import type { Report } from '../documents/report.ts';
import { parseYamlText, readYamlFile } from '../documents/yaml-source.ts';
import type { YamlDocument, YamlFile } from '../documents/yaml-source.ts';
import { crossCheck } from './cross-checks.ts';
import { objectKinds } from './object-schemas.ts';
import type { ObjectKind } from './object-schemas.ts';
import { namesPerKind, perKind } from './object-state.ts';
import type { ObjectDocument } from './object-store.ts';
import { parseDocument } from './objects.ts';
import type { Objects } from './objects.ts';

/** The objects of a file as they are written, everything that is wrong with them, and where each value stands. */
export interface ObjectsFile {
  readonly documents: readonly ObjectDocument[];
  readonly problems: readonly ConfigProblem[];
  /** Where the value of a JSON pointer stands, for problems that a server has found. */
  readonly placeOf: (kind: ObjectKind, name: string, pointer: string) => SourcePosition | undefined;
}

export interface ObjectsFileOptions {
  /** What to tell of a file that is not there. */
  readonly ifMissing?: string;
  /** Whether the file must stand by itself; `false` where it is laid over objects that are there already. */
  readonly whole?: boolean;
}

/** Reads a file of objects, one YAML document each. */
export function readObjectsFile(
  file: string,
  { ifMissing = 'name one that holds subnets, profiles, machines and other objects', whole = true }: ObjectsFileOptions = {},
): ObjectsFile {
  return objectsOf(readYamlFile(file, ifMissing), whole);
}

/** Likewise of a text that came another way; `source` is what to call it. */
export function readObjectsText(text: string, source: string, { whole = true }: Pick<ObjectsFileOptions, 'whole'> = {}): ObjectsFile {
  return objectsOf(parseYamlText(text, source), whole);
}

function objectsOf(source: YamlFile, whole: boolean): ObjectsFile {
  const problems = [...source.problems];
  const report = reporter(problems);
  const places = new Map<string, YamlDocument>();
  const objects = perKind<Objects[ObjectKind]>() as unknown as { readonly [Kind in ObjectKind]: Map<string, Objects[Kind]> };
  const broken = namesPerKind();
  const documents: ObjectDocument[] = [];
  for (const document of source.documents) {
    const kind = kindOf(document, report);
    if (kind === undefined) continue;
    const parsed = parseDocument(kind, document.value);
    for (const { path, message, at } of parsed.problems) report(document, path, message, at);
    const { name } = document.value as { readonly name: unknown };
    const key = `${kind}/${String(name)}`;
    const earlier = places.get(key);
    if (earlier !== undefined && typeof name === 'string') {
      const { line } = earlier.positionOf(['name']);
      report(document, ['name'], `expected a name of its own, ${name} is taken by the one at line ${line}`);
      continue;
    }
    places.set(key, document);
    if (parsed.object === undefined) {
      broken[kind].add(String(name));
      continue;
    }
    documents.push(document.value as ObjectDocument);
    (objects[kind] as Map<string, Objects[ObjectKind]>).set(parsed.object.name, parsed.object);
  }
  // After a syntax error the objects behind it are missing, and references to them would be blamed for nothing.
  if (whole && source.problems.length === 0) {
    const candidate = {
      subnets: objects.Subnet,
      profiles: objects.Profile,
      machines: objects.Machine,
      environments: objects.Environment,
      roles: objects.Role,
      triggers: objects.Trigger,
      broken,
      put: documents,
      deleted: [],
      oneShots: new Map<string, never>(),
      ownerOfMac: () => undefined,
      ownerOfAddress: () => undefined,
    };
    crossCheck(candidate, (kind, name, path, message) => {
      const document = places.get(`${kind}/${name}`);
      if (document !== undefined) report(document, path, message);
    });
  }
  return {
    documents,
    problems,
    placeOf: (kind, name, pointer) => places.get(`${kind}/${name}`)?.positionOf(pathOfPointer(pointer)),
  };
}

function kindOf(document: YamlDocument, report: Report): ObjectKind | undefined {
  if (!isRecord(document.value)) {
    report(document, [], `expected an object with kind: ${objectKinds.join(', ')}`);
    return undefined;
  }
  const { kind } = document.value;
  const known = objectKinds.find((each) => each === kind);
  if (known !== undefined) return known;
  const found = typeof kind === 'string' ? `, found ${kind}${didYouMean(kind, objectKinds)}` : '';
  report(document, ['kind'], `expected ${objectKinds.join(', ')}${found}`);
  return undefined;
}
