import type { TemplateSet } from '../boot/template-set.ts';

/** A template and all that go into it, partials of partials too. */
export function partsOf(set: TemplateSet, name: string): ReadonlySet<string> {
  const reached = new Set([name]);
  for (const each of reached) for (const partial of set.partialsOf(each)) reached.add(partial);
  return reached;
}

/** All templates that one of these goes into, themselves among them. */
export function wholesOf(set: TemplateSet, names: readonly string[]): ReadonlySet<string> {
  const wholes = set.names.filter((each) => {
    const parts = partsOf(set, each);
    return names.some((name) => parts.has(name));
  });
  return new Set([...wholes, ...names]);
}

/** The templates that name this one as their partial themselves. */
export function parentsOf(set: TemplateSet, name: string): readonly string[] {
  return set.names.filter((each) => each !== name && set.partialsOf(each).has(name));
}
