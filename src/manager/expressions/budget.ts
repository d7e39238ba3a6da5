/** What evaluations may still cost, in steps: about one for each operator, element and 64 letters. Shared by those that it is handed to. */
export interface Budget {
  steps: number;
}

/** Of one expression, once or for one agent: some milliseconds. */
export const stepsPerEvaluation = 100_000;

/** Of all triggers that are evaluated at one moment. */
export const stepsAtOnce = 2 * stepsPerEvaluation;

export function newBudget(steps = stepsPerEvaluation): Budget {
  return { steps };
}

/** Why a part of an expression has no value. `fatal` is not made up for by the other side of an `||`. */
export class Failure {
  readonly reason: string;
  readonly fatal: boolean;

  constructor(reason: string, fatal = false) {
    this.reason = reason;
    this.fatal = fatal;
  }
}

export const exhausted = new Failure(
  'it takes too many steps: read fewer agents or shorter texts, or split it into several triggers',
  true,
);

/** False when there are not that many steps left; then there are none. */
export function spend(budget: Budget, steps: number): boolean {
  budget.steps -= steps;
  if (budget.steps >= 0) return true;
  budget.steps = -1;
  return false;
}
