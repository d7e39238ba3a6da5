export interface TemplatePlace {
  /** File name, such as `menu.lst.hbs`. */
  readonly template: string;
  readonly line: number;
  /** The path or helper that was at fault, where it was one. */
  readonly variable?: string;
}

/** A template that cannot be parsed or rendered. */
export class TemplateError extends Error {
  readonly code = 'TEMPLATE';
  readonly place: TemplatePlace;
  /** What is wrong, without the place. */
  readonly detail: string;

  constructor(detail: string, place: TemplatePlace, options?: ErrorOptions) {
    super(`${place.template}:${place.line}: ${detail}`, options);
    this.name = 'TemplateError';
    this.place = place;
    this.detail = detail;
  }
}

/** One thing that is wrong with a template for one machine, or with the template itself. */
export interface TemplateProblem extends TemplatePlace {
  readonly machine?: string;
  readonly message: string;
}

/** `menu.lst.hbs:12: machine.serial is missing (machine post01)`. */
export function formatProblem({ template, line, machine, message }: TemplateProblem): string {
  const place = template === '' ? '' : `${template}:${line}: `;
  return `${place}${message}${machine === undefined ? '' : ` (machine ${machine})`}`;
}

/** Templates that cannot be parsed: all problems at once. */
export class TemplatesError extends Error {
  readonly code = 'TEMPLATES';
  readonly problems: readonly TemplateProblem[];

  constructor(problems: readonly TemplateProblem[]) {
    super(problems.map(formatProblem).join('\n'));
    this.name = 'TemplatesError';
    this.problems = problems;
  }
}
