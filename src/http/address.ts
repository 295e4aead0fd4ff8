/** Addresses as people may see them, and which of them are this host's own. */

/** An address without user, password, query and fragment: signed URLs and tokens are secrets. */
export function shownURL(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`;
}

/** Whether a host name (no port; IPv6 with or without brackets) is this host itself: localhost, 127.0.0.0/8, ::1. */
export function isLoopback(hostname: string): boolean {
  const name = hostname.replace(/^\[|\]$/g, '').toLowerCase();
  return name === 'localhost' || name.endsWith('.localhost') || name === '::1' || /^127(\.\d{1,3}){3}$/.test(name);
}

/** Whether two addresses are of one server: scheme, host and port. */
export function isSameOrigin(a: URL, b: URL): boolean {
  return a.origin === b.origin;
}
