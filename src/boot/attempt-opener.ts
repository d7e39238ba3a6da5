import type { BootClient, BootDecision } from '../model/boot-decision.ts';
import { formatImageRef } from '../model/image-manifest.ts';
import type { Subnet } from '../model/subnet.ts';
import type { Attempt, AttemptStart } from './attempt.ts';
import type { AttemptBook } from './attempt-book.ts';
import type { BootFacts } from './boot-facts.ts';
import { renderMenus } from './menu-rendering.ts';
import type { TemplateShelf } from './template-shelf.ts';

/** What an attempt that begins knows beside its decision. */
type Beginning = Partial<Pick<AttemptStart, 'reason' | 'stages' | 'addresses' | 'polledAt'>> & {
  /** The newest attempt of the machine or of its NIC until now. */
  readonly before: Attempt | undefined;
};

/** Opens attempts: all that a decision says is pinned from here on, with the templates of this moment. */
export class AttemptOpener {
  readonly #facts: BootFacts;
  readonly #templates: TemplateShelf;
  readonly #book: AttemptBook;

  constructor(facts: BootFacts, templates: TemplateShelf, book: AttemptBook) {
    this.#facts = facts;
    this.#templates = templates;
    this.#book = book;
  }

  open(
    decision: Extract<BootDecision, { kind: 'boot' | 'local' }>,
    client: BootClient,
    subnet: Subnet,
    { before, reason = decision.reason, ...more }: Beginning,
  ): void {
    const { machine, profile, oneShot } = decision;
    const { mac } = client;
    const image = decision.kind === 'boot' ? decision.image : undefined;
    const subject = { machine, mac, subnet, profile, httpUrl: this.#facts.httpUrl(subnet), ...(image !== undefined && { image }) };
    const templates = this.#templates.current;
    this.#book.open(
      {
        ...more,
        pins: { machine, mac, subnet, profile, ...(image !== undefined && { image: formatImageRef(image) }) },
        state: decision.kind === 'boot' && decision.waiting === true ? 'waiting' : 'booting',
        reason,
        client,
        ...(oneShot !== undefined && { oneShot: oneShot.id }),
        render: () => (profile.boot === 'local' ? [] : renderMenus(templates, subject)),
      },
      before,
    );
  }
}
