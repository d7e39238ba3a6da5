/** Thrown by a write function: what it wrote so far is undone, that of others in its group is not, and `outcome` is its result. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly outcome: unknown;

  constructor(outcome: unknown) {
    super('refused');
    this.outcome = outcome;
  }
}
