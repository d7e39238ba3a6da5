import fc from 'fast-check';

/** What generated values come from: the same in each run of `make test`, another in each of `make fuzz`. */
export const fuzzSeed = Number(process.env['FUZZ_SEED'] ?? 20_080_601);

fc.configureGlobal({ seed: fuzzSeed });
