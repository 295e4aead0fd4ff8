/** A licence from the server that issues it. HTTP is loaded when somebody asks: a site that reads its licence never does. */
import type { FetchLicenseOptions } from './request.ts';

/**
 * The bytes of a licence, exactly as the server sends them.
 * @throws {LicenseError} `LICENSE_URL_INVALID`, `LICENSE_TOKEN_INVALID`, `LICENSE_DENIED`, `LICENSE_NOT_FOUND`,
 *   `LICENSE_SERVER_FAILED`, `LICENSE_ANSWER`; `LICENSE_EMPTY`, `LICENSE_TOO_LARGE`, `LICENSE_IS_HTML` for what it sent;
 *   {HTTPError} when it is not reached, not trusted, lost, or leads to another server
 */
export async function fetchLicense(options: FetchLicenseOptions): Promise<Buffer> {
  const { fetchOverHTTP } = await import('./fetch-over-http.ts');
  return fetchOverHTTP(options);
}
