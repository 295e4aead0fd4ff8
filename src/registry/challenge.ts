/** `WWW-Authenticate` (RFC 9110 §11.6.1) as registries write it (distribution docs/spec/auth/token.md): Basic, or Bearer with a realm. */

export type Challenge =
  | { readonly scheme: 'basic' }
  | {
      readonly scheme: 'bearer';
      /** The token server. */
      readonly realm: string;
      readonly service: string | undefined;
      /** `repository:<name>:pull`. */
      readonly scope: string | undefined;
    };

/** The challenge that Ferry can answer, Bearer before Basic, or `undefined`. Several in one header are told apart. */
export function findChallenge(header: string): Challenge | undefined {
  const found = challenges(header);
  const bearer = found.find(({ scheme, parameters }) => scheme === 'bearer' && parameters.has('realm'));
  if (bearer) {
    const { parameters } = bearer;
    const realm = parameters.get('realm') ?? '';
    return { scheme: 'bearer', realm, service: parameters.get('service'), scope: parameters.get('scope') };
  }
  return found.some(({ scheme }) => scheme === 'basic') ? { scheme: 'basic' } : undefined;
}

interface Parsed {
  readonly scheme: string;
  readonly parameters: Map<string, string>;
}

/** A word before a parameter begins a challenge; `key=value` or `key="va\"lue"` belongs to the one before. */
function challenges(header: string): Parsed[] {
  const parts = header.matchAll(/([A-Za-z0-9!#$%&'*+.^_`|~-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+)))?/g);
  const found: Parsed[] = [];
  for (const [, word = '', quoted, plain] of parts) {
    const value = quoted?.replace(/\\(.)/g, '$1') ?? plain;
    if (value === undefined) found.push({ scheme: word.toLowerCase(), parameters: new Map() });
    else found.at(-1)?.parameters.set(word.toLowerCase(), value);
  }
  return found;
}
