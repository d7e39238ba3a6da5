interface Node<Value> {
  readonly children: Map<string, Node<Value>>;
  readonly values: Set<Value>;
}

/** Who hears what: a tree of the levels of topic filters, so that a message is not compared with each of a thousand of them. */
export class TopicTree<Value> {
  readonly #root: Node<Value> = newNode();

  add(filter: string, value: Value): void {
    let node = this.#root;
    for (const level of filter.split('/')) {
      const child = node.children.get(level) ?? newNode<Value>();
      node.children.set(level, child);
      node = child;
    }
    node.values.add(value);
  }

  remove(filter: string, value: Value): void {
    this.#remove(this.#root, filter.split('/'), 0, value);
  }

  /** Each value once, in no order between filters; topics with `$` in front are only heard by name (MQTT 3.1.1, 4.7.2). */
  match(topic: string): Set<Value> {
    const found = new Set<Value>();
    const levels = topic.split('/');
    let nodes = [this.#root];
    for (const [at, level] of levels.entries()) {
      const next: Node<Value>[] = [];
      const wildcards = at > 0 || !topic.startsWith('$');
      for (const { children } of nodes) {
        const exact = children.get(level);
        const any = wildcards ? children.get('+') : undefined;
        if (exact !== undefined) next.push(exact);
        if (any !== undefined) next.push(any);
        if (wildcards) addAll(found, children.get('#'));
      }
      nodes = next;
    }
    for (const node of nodes) {
      addAll(found, node);
      addAll(found, node.children.get('#'));
    }
    return found;
  }

  #remove(node: Node<Value>, levels: readonly string[], at: number, value: Value): void {
    const level = levels[at];
    if (level === undefined) {
      node.values.delete(value);
      return;
    }
    const child = node.children.get(level);
    if (child === undefined) return;
    this.#remove(child, levels, at + 1, value);
    if (child.values.size === 0 && child.children.size === 0) node.children.delete(level);
  }
}

function newNode<Value>(): Node<Value> {
  return { children: new Map(), values: new Set() };
}

function addAll<Value>(found: Set<Value>, node: Node<Value> | undefined): void {
  if (node !== undefined) for (const value of node.values) found.add(value);
}
