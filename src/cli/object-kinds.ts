import type { ObjectKind } from '../machines/object-schemas.ts';

/** Where the API has the objects of each kind. */
export const collections: Readonly<Record<ObjectKind, string>> = {
  Machine: '/machines',
  Profile: '/profiles',
  Subnet: '/subnets',
  Environment: '/environments',
  Role: '/roles',
  Trigger: '/triggers',
};

// Not from the schemas, which a command that only asks needs not wait for.
export const objectKinds = Object.keys(collections) as ObjectKind[];

/** `an environment`, `a role`. */
export function withArticle(word: string): string {
  return `${/^[aeiou]/.test(word) ? 'an' : 'a'} ${word}`;
}
