import { writeFileSync } from 'node:fs';
import { openApiDocument } from './open-api-document.ts';
import { problemReference } from './problem-reference.ts';

/** `node src/api/write-reference.ts`, in the checkout: writes what docs/ says of the API. */
writeFileSync('docs/openapi.json', `${JSON.stringify(await openApiDocument(), null, 2)}\n`);
writeFileSync('docs/problems.md', problemReference());
