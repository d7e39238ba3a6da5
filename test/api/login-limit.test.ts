import { describe, expect, it } from 'vitest';
import { LoginLimit } from '../../src/api/login-limit.ts';
import { PasswordHasher } from '../../src/api/password.ts';
import { ProblemError } from '../../src/api/problems.ts';
import { HeldClock } from '../../src/clock.ts';

function secondsToWait(limit: LoginLimit, keys: readonly string[]): number {
  try {
    limit.begin(keys);
    return 0;
  } catch (error) {
    if (error instanceof ProblemError) return Number(error.parts.headers?.['retry-after']);
    throw error;
  }
}

describe('LoginLimit', () => {
  it('lets wait twice as long with each wrong password, up to a quarter of an hour', () => {
    const clock = new HeldClock();
    const limit = new LoginLimit(clock);
    const waits: number[] = [];
    const again: number[] = [];
    for (let tries = 0; tries < 18; tries++) {
      const wait = secondsToWait(limit, ['user anna']);
      waits.push(wait);
      clock.advance(wait * 1000);
      if (wait > 0) again.push(secondsToWait(limit, ['user anna']));
    }
    expect(again.every((wait) => wait === 0)).toBe(true);
    expect(waits).toEqual([0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]);
  });

  it('counts by address too, and a right password of one user clears no address', () => {
    const limit = new LoginLimit(new HeldClock());
    for (let tries = 0; tries < 4; tries++) limit.begin([`user ${tries}`, 'from 10.0.0.1']);
    limit.begin(['user own', 'from 10.0.0.1']);
    limit.succeeded('user own', ['from 10.0.0.1']);
    expect(secondsToWait(limit, ['user own'])).toBe(0);
    expect(secondsToWait(limit, ['user other', 'from 10.0.0.1'])).toBe(0);
    expect(secondsToWait(limit, ['user another', 'from 10.0.0.1'])).toBe(1);
  });

  it('forgets after an hour, and remembers so many at most', () => {
    const clock = new HeldClock();
    const limit = new LoginLimit(clock, { keys: 2 });
    for (let tries = 0; tries < 5; tries++) limit.begin(['a']);
    expect(secondsToWait(limit, ['a'])).toBe(1);
    limit.begin(['b']);
    limit.begin(['c']);
    expect(secondsToWait(limit, ['a'])).toBe(0);
    for (let tries = 0; tries < 4; tries++) limit.begin(['c']);
    clock.advance(3_600_001);
    limit.begin(['c']);
    expect(secondsToWait(limit, ['c'])).toBe(0);
  });
});

describe('PasswordHasher', () => {
  it('makes argon2id in PHC form with its own nonce each time (RFC 9106)', async () => {
    const hasher = new PasswordHasher();
    const [one, two] = await Promise.all([hasher.hash('correct horse'), hasher.hash('correct horse')]);
    expect(one).toMatch(/^\$argon2id\$v=19\$m=65536,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    expect(one).not.toBe(two);
    expect([await hasher.verify('correct horse', one), await hasher.verify('wrong horse', one)]).toEqual([true, false]);
  });

  it('knows a hash that another implementation made (test vector of its reference)', async () => {
    const phc = '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc';
    expect(await new PasswordHasher().verify('password', phc)).toBe(true);
  });

  it('takes the same password whichever way its letters are composed (Unicode NFC)', async () => {
    const hasher = new PasswordHasher({ memory: 64, passes: 1 });
    expect(await hasher.verify('Zu\u0308rich', await hasher.hash('Z\u00fcrich'))).toBe(true);
  });

  it('says no where there is no user, after the same work', async () => {
    const hasher = new PasswordHasher({ memory: 64, passes: 1 });
    expect(await hasher.verify('anything', undefined)).toBe(false);
  });

  it('has two at work at a time, and a queue that ends', async () => {
    const hasher = new PasswordHasher({ memory: 64, passes: 1 });
    const many = await Promise.allSettled(Array.from({ length: 40 }, () => hasher.hash('x')));
    expect(many.filter(({ status }) => status === 'fulfilled')).toHaveLength(34);
    expect(many.find((each) => each.status === 'rejected')?.reason).toMatchObject({ kind: 'too-many' });
  });
});
