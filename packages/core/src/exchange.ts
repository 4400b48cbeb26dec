/**
 * The seam between core and a framework: one request and its answer. An adapter fills in these members and core asks for nothing else.
 * All are lazy: core calls them only when a command or a page load needs them.
 */
export interface Exchange {
  /** The request's method, upper case. */
  readonly method: string;
  /** The request's path and query as the client asked for them (sub-app mounts undone). */
  readonly url: string;
  /** Whether the client spoke https, as the framework sees it (its own trust-proxy rule). A wrong guess never withholds a cookie. */
  readonly secure: boolean;
  /** A request header by its lower-case name; several of one name joined as the platform does. */
  header(name: string): string | undefined;
  /** A response header as it stands now, by its lower-case name. */
  answered(name: string): string | undefined;
  /** Append one `Set-Cookie` line, beside those of the app. Called only from {@link Exchange.headers}' work. */
  setCookie(line: string): void;
  /** Replace a response header. Called only from {@link Exchange.headers}' work. */
  setHeader(name: string, value: string): void;
  /** The app's session object as it is now, if a session middleware made one. */
  session(): Record<string, unknown> | undefined;
  /** Do this once, at the last moment before the headers are written. Not at all if they never are. */
  headers(work: () => void): void;
  /** Do this once, right before the app ends its answer: early enough for a session library to save what is written into the session. */
  ending(work: () => void): void;
  /**
   * Nobody will tell whether the answer reached the visitor: a proxy in front of the page hands it on and is done. Then a name's alias waits until the
   * browser brings its claim back.
   */
  readonly blind?: boolean;
  /** No cookie on this answer would reach the browser. Then whoever would have to be minted is left out: nobody could be that visitor again. */
  readonly mute?: boolean;
  /** Do this once, when the response is over: sent (`finished` says true), aborted or failed. At once, if it is over already. */
  after(work: (finished: () => boolean) => void): void;
}
