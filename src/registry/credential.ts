/** What we show to prove who we are. Secrets: no error, line or log repeats one, only its `source`. */

/** What a registry's token server or Basic auth wants to see, and where it was found. */
export type Credentials = { readonly source: string } & (
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  /** A refresh token of OAuth2, traded for bearer tokens. */
  | { readonly kind: 'identity'; readonly token: string }
  /** A bearer token as it is. */
  | { readonly kind: 'registry'; readonly token: string }
);

/** The Authorization header of user and password (RFC 7617). */
export function basicHeader({ username, password }: { readonly username: string; readonly password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
