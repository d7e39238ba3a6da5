import { describe, expect, it } from 'vitest';
import { databaseName } from '../../src/store/engine.ts';

describe('the name of a database', () => {
  it.each([
    ['/var/lib/virtdom/virtdom.db', '/var/lib/virtdom/virtdom.db'],
    ['postgres://virtdom@db/virtdom', 'postgres://virtdom@db/virtdom'],
    ['postgres://virtdom:geheim@db/virtdom', 'postgres://virtdom:***@db/virtdom'],
    ['postgresql://db/virtdom?user=virtdom&password=geheim', 'postgresql://db/virtdom?user=virtdom&password=***'],
    ['postgres://virtdom:ge heim@db:x/virtdom', 'postgres://…'],
  ])('shows no password of %s', (database, name) => {
    expect(databaseName(database)).toBe(name);
  });
});
