import type { PinnedMenu } from './attempt-store.ts';
import { expandPath } from './loader-choice.ts';
import { templateContext, type RenderSubject } from './template-context.ts';
import { TemplateError, type TemplateProblem } from './template-error.ts';
import type { TemplateSet } from './template-set.ts';

/** Renders every menu of a subject's profile. What cannot be rendered is there with its problem, so that others still are. */
export function renderMenus(templates: TemplateSet, subject: RenderSubject): readonly PinnedMenu[] {
  const context = templateContext(subject);
  const names = { name: subject.machine.name, mac: subject.mac };
  return subject.profile.menus.map(({ path, template }) => {
    const menu = { path: expandPath(path, names), template, templateSha256: templates.sha256 };
    try {
      return { ...menu, text: templates.render(template, context) };
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      return { ...menu, text: '', problem: error.message };
    }
  });
}

/**
 * Renders menus for one machine only to see what fails.
 * @param wanted the templates of the menus that are rendered; all menus without it
 */
export function checkMenus(templates: TemplateSet, subject: RenderSubject, wanted?: ReadonlySet<string>): readonly TemplateProblem[] {
  const context = templateContext(subject);
  return subject.profile.menus.flatMap(({ template }) => {
    if (wanted?.has(template) === false) return [];
    try {
      templates.render(template, context);
      return [];
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      return [{ ...error.place, machine: subject.machine.name, message: error.detail }];
    }
  });
}
