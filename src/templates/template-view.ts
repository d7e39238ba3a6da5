import type { TemplateCheck } from './template-check.ts';
import type { TemplateDraft, TemplateVersion } from './template-store.ts';

/** One template as it stands now. */
export interface TemplateView {
  readonly name: string;
  /** Goes up with each change; 0 while there is only the shipped file. */
  readonly revision: number;
  /** What is served; absent where a template is only a draft so far. */
  readonly text?: string;
  readonly sha256?: string;
  /** The version that is served; 0 is the shipped file. */
  readonly version: number;
  readonly origin: 'shipped' | 'edit' | 'rollback';
  /** Of the served version: absent for the shipped file. */
  readonly author?: string;
  readonly note?: string;
  /** When the served version was made. */
  readonly sinceMs?: number;
  /** How many versions there are beside the shipped file. */
  readonly versions: number;
  readonly draft?: TemplateDraft;
  readonly trial?: { readonly backTo: number; readonly untilMs: number };
  /** Of the shipped file; absent where there is none. */
  readonly shippedSha256?: string;
  /** The shipped file is not any more the one that the served version's edit began from. */
  readonly shippedChanged: boolean;
  /** Who changed anything of it last. */
  readonly updatedMs?: number;
  readonly updatedBy?: string;
}

/** Who is served from a template. */
export interface TemplateUsage {
  readonly profiles: readonly string[];
  readonly machines: readonly string[];
  /** The templates that name it as their partial. */
  readonly partialOf: readonly string[];
}

/** A version without its text. */
export type TemplateVersionEntry = Omit<TemplateVersion, 'text'> & { readonly characters: number };

export type RefusalCode =
  /** There is no such template, version or draft. */
  | 'not-found'
  /** The name, the text, the note or the time is no good; the reason says why. */
  | 'invalid'
  /** The text cannot be parsed: not to be forced. */
  | 'unparsable'
  /** Machines would lose files that they get now. */
  | 'breaks-machines'
  | 'too-many'
  | 'busy'
  /** Nothing on trial, nothing shipped, still used. */
  | 'not-now';

export interface Refused {
  readonly kind: 'refused';
  readonly code: RefusalCode;
  /** What is the matter, on which object, and what to do. */
  readonly reason: string;
  readonly check?: TemplateCheck;
}

export type TemplateChangeResult =
  | {
      readonly kind: 'done';
      /** As it is now, or would be after a dry run; absent where nothing is left of it. */
      readonly template?: TemplateView;
      /** Not after a dry run, nor where everything was as wanted. */
      readonly written: boolean;
      readonly check?: TemplateCheck;
    }
  /** Somebody else was quicker: this is what they left; absent where it is deleted. */
  | { readonly kind: 'conflict'; readonly current?: TemplateView }
  | Refused;

/** Who asks, and the state that they saw. */
export interface TemplateRequest {
  readonly revision: number;
  readonly author: string;
  readonly dryRun?: boolean;
}

/** What changes what machines are served. */
export interface ServingRequest extends TemplateRequest {
  readonly note?: string;
  /** Also where machines lose files by it. */
  readonly force?: boolean;
}

export interface PublishRequest extends ServingRequest {
  /** Goes back by itself after so many milliseconds, unless it is confirmed. */
  readonly tryMs?: number;
}

/** What happened to a template, for the event log. */
export interface TemplateNotice {
  readonly kind: 'published' | 'rolled-back' | 'restored' | 'deleted' | 'confirmed' | 'trial-ended' | 'shipped-changed' | 'shipped-refused';
  readonly template: string;
  /** The version that is served now. */
  readonly version?: number;
  readonly author: string;
  readonly detail: Readonly<Record<string, unknown>>;
}
