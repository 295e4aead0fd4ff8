// The line with sudo that a refusal prints: what the environment said must be in it, since sudo drops the environment.
import { describe, expect, it } from 'vitest';
import { typedCommand } from '../../src/cli/engine.ts';
import type { Session } from '../../src/cli/session.ts';

const sessionOf = (env: Record<string, string>, ...argv: string[]) => ({ argv, io: { env } }) as unknown as Session;

describe('typedCommand', () => {
  it('repeats the settings of the environment, quoted for a shell', () => {
    const session = sessionOf({ FERRY_STATE: '/a b', HOME: '/root' }, 'import', "it's");
    expect(typedCommand(session)).toBe(`FERRY_STATE='/a b' ferry import 'it'\\''s'`);
  });

  it('names the engine where nobody else does', () => {
    const session = sessionOf({ DOCKER_HOST: 'unix:///x.sock', FERRY_PREFIX: '/p' }, 'import', 'b');
    expect(typedCommand(session)).toBe('FERRY_PREFIX=/p ferry import b');
    expect(typedCommand(session, { withEngine: true })).toBe(
      'DOCKER_HOST=unix:///x.sock FERRY_PREFIX=/p ferry import b',
    );
  });
});
