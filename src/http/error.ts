/** What can be wrong with a connection; what a server then says with a status is judged by whoever asked. */
import { FerryError } from '../errors.ts';

export type HTTPCode =
  | 'UNKNOWN_HOST'
  | 'UNREACHABLE'
  | 'TLS_NOT_TRUSTED'
  | 'TLS_FAILED'
  | 'PLAIN_HTTP_REFUSED'
  | 'PROXY_REFUSED'
  | 'CONNECTION_LOST'
  | 'IDLE_TIMEOUT'
  | 'REDIRECT_REFUSED'
  | 'CERTIFICATE_FILE_INVALID';

/** A server that was not reached, not trusted, or lost under way. Names hosts and paths: never a query, never a header. */
export class HTTPError extends FerryError<HTTPCode> {}
