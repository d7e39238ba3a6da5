import Handlebars from 'handlebars';

/** The names of the partials that a text asks for; none where it cannot be parsed. */
function partialsOf(text: string): ReadonlySet<string> {
  const names = new Set<string>();
  class PartialNames extends Handlebars.Visitor {
    override PartialStatement(node: hbs.AST.PartialStatement): void {
      if (node.name.type === 'PathExpression') names.add(node.name.original);
    }
  }
  try {
    new PartialNames().accept(Handlebars.parse(text));
  } catch {
    // Whoever parses the set says so, with the line.
    return new Set();
  }
  return names;
}

/** Which templates go into which: asked again and again for texts that hardly change. */
export class PartialGraph {
  /** By text, of the texts that were asked about last. */
  #known = new Map<string, ReadonlySet<string>>();

  /** A template and all that go into it, partials of partials too. */
  closure(texts: ReadonlyMap<string, string>, name: string): ReadonlySet<string> {
    const reached = new Set([name]);
    for (const each of reached) for (const partial of this.#partials(texts.get(each))) reached.add(partial);
    return reached;
  }

  /** The templates that have this one as a partial themselves. */
  parents(texts: ReadonlyMap<string, string>, name: string): readonly string[] {
    return [...texts].flatMap(([each, text]) => (each !== name && this.#partials(text).has(name) ? [each] : []));
  }

  #partials(text: string | undefined): ReadonlySet<string> {
    if (text === undefined) return new Set();
    let partials = this.#known.get(text);
    if (partials === undefined) {
      if (this.#known.size > 1_000) this.#known = new Map();
      partials = partialsOf(text);
      this.#known.set(text, partials);
    }
    return partials;
  }
}
