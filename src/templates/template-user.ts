import type { Preview } from '../boot/client-tree.ts';
import type { TemplateProblem } from '../boot/template-error.ts';
import type { TemplateSet } from '../boot/template-set.ts';

/** Which templates a profile's menus are made from, and who boots by it now: machines, and whatever else is checked by a name. */
export interface TemplateUse {
  readonly profile: string;
  readonly templates: readonly string[];
  readonly machines: readonly string[];
}

/** Whom templates are for. All but `check` answer from memory, at once. */
export interface TemplateUser {
  /** Every profile, also one that no machine has. */
  uses(): readonly TemplateUse[];
  /** Renders the menus that are made from these templates, for everybody. */
  check(set: TemplateSet, templates: ReadonlySet<string>): Promise<readonly TemplateProblem[]>;
  /** What a machine would get from this set if it were switched on now. */
  preview(machine: string, wanted: string | undefined, set: TemplateSet): Preview;
  /** Boots that begin from now on get this set. */
  use(set: TemplateSet): void;
}
