import { parseDocument } from '../../../src/machines/objects.ts';
import type { ObjectKind } from '../../../src/machines/object-schemas.ts';
import type { ManagerObjects } from '../../../src/manager/surroundings.ts';
import type { Document } from './cluster.ts';

/** What people said should be, and may change at any time. */
export class Documents {
  readonly #documents = new Map<string, Document>();
  readonly #listeners = new Set<() => void>();
  #current: ManagerObjects = { machines: [], environments: [], roles: [], triggers: [] };

  constructor(documents: readonly Document[]) {
    for (const document of documents) this.#documents.set(`${document.kind}/${document.name}`, document);
    this.#read();
  }

  get current(): ManagerObjects {
    return this.#current;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Keys that are not named stay as they are. */
  put(document: Document): void {
    const key = `${document.kind}/${document.name}`;
    this.#documents.set(key, { ...this.#documents.get(key), ...document });
    this.#changed();
  }

  remove(kind: string, name: string): void {
    if (!this.#documents.delete(`${kind}/${name}`)) throw new Error(`there is no ${kind} ${name}`);
    this.#changed();
  }

  #changed(): void {
    this.#read();
    for (const listener of this.#listeners) listener();
  }

  #read(): void {
    const all = [...this.#documents.values()].sort((a, b) => a.name.localeCompare(b.name));
    const of = <Kind extends ObjectKind>(kind: Kind) => all.filter((each) => each.kind === kind).map((each) => objectOf(kind, each));
    this.#current = { machines: of('Machine'), environments: of('Environment'), roles: of('Role'), triggers: of('Trigger') };
  }
}

function objectOf<Kind extends ObjectKind>(kind: Kind, document: Document) {
  const { object, problems } = parseDocument(kind, document);
  const [problem] = problems;
  if (problem !== undefined) throw new Error(`${kind} ${document.name}: ${JSON.stringify(problem)}`);
  if (object === undefined) throw new Error(`${kind} ${document.name} could not be read`);
  return object;
}
