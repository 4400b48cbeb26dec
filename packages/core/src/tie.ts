/** An alias of this visitor's own anonymous identity, which waits for the answer that carries its cookies. */
export interface Tie {
  readonly anonymous: string;
  readonly name: string;
  /** The app called `alias()`, so it must be told if it cannot be sent. */
  readonly asked: boolean;
  /** The app brought the identity itself, or the browser holds the claim: there is no cookie to wait for. */
  readonly given: boolean;
  /** It was made after the headers were written, so no answer carries its cookies. */
  readonly late: boolean;
}
