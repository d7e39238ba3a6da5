import { publishTree } from '../../src/images/publish.ts';

// Publishes a folder and kills itself before the step that its third argument names; publish.test.ts runs it.
const [images = '', root = '', dieBefore = ''] = process.argv.slice(2);
await publishTree({
  images,
  image: 'dom0',
  root,
  bootFiles: {},
  writablePaths: [],
  recipeSha256: '0'.repeat(64),
  builtMs: 2,
  onStep: (step) => {
    if (step === dieBefore) process.kill(process.pid, 'SIGKILL');
  },
});
