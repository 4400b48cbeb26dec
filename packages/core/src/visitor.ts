import { claimOf, DOUBT, FREE, type Pair, successor, type Writing } from "./pair.ts";

/** What is known of a request when somebody asks who is behind it. */
export interface Situation {
  /** The pair that the browser would hold after this request, as far as decided; undefined without a valid anonymous identity. */
  readonly pair: Pair | undefined;
  /** Who is logged in: a name, `null` (known: nobody) or `undefined` (not known here). */
  readonly session: string | null | undefined;
  /** A page load: a person looks at a document. */
  readonly page: boolean;
  /** A command is being recorded, or the app says itself who this is. */
  readonly command: boolean;
  /** Today, in days since the epoch. */
  readonly day: number;
  /** The secret that claims are made with. */
  readonly key: string;
  /** A fresh anonymous identity. Asked again before it was used it gives the same. */
  readonly mint: () => string;
}

/** One row of the table: whose the commands are, and what the answer must carry. */
export interface Row {
  /** The visitor's identity, under which commands stand. */
  readonly identity: string;
  /** Whether that is an anonymous identity. */
  readonly anonymous: boolean;
  /** The pair to hold from now on. */
  readonly pair: Pair | undefined;
  /** What of the pair must be written with this answer, if anything. */
  readonly write: Writing | false;
  /** Whether `pair.anonymous` is to be tied to `identity` by an alias, with the answer that carries the pair. */
  readonly alias: boolean;
  /** Whether `pair.anonymous` was minted now: until an answer has carried it, nobody can be this visitor again. */
  readonly fresh: boolean;
}

/**
 * Who is this? The table of `architecture.md` §5, and the heart of the product: a pure function. In short: an anonymous identity is tied to the
 * first name that logs in with it, and to no other one, ever; when in doubt nothing is merged; and no name stands in a cookie.
 *
 * @example
 * visitor({ pair: undefined, session: undefined, page: true, … }); // a new anonymous visitor: write the pair
 */
export function visitor(situation: Situation): Row {
  return typeof situation.session === "string" ? named(situation, situation.session) : unnamed(situation, situation.session);
}

function unnamed({ pair, page, command, day, mint }: Situation, session: null | undefined): Row {
  // After a log out the identity is fresh: a derived one would come back when a late answer restores the old pair, and tie two people.
  const leave = pair !== undefined && session === null && pair.claim !== FREE && pair.claim !== DOUBT;
  if (pair === undefined || leave) {
    const anonymous = mint();
    // Somebody only reads the identity, or an image was asked for: nothing is decided yet.
    if (!page && !command) return { identity: anonymous, anonymous: true, pair, write: false, alias: false, fresh: false };
    return { identity: anonymous, anonymous: true, pair: { anonymous, claim: FREE, day }, write: "pair", alias: false, fresh: true };
  }
  const { anonymous: identity, claim } = pair;
  const due = (page && pair.day !== day) || (pair.day === 0 && command);
  if (!due) return { identity, anonymous: true, pair, write: false, alias: false, fresh: false };
  // A free pair is renewed without its claim: see pairLines.
  const write = claim === FREE ? "day" : "pair";
  return { identity, anonymous: true, pair: { anonymous: identity, claim, day }, write, alias: false, fresh: false };
}

function named({ pair, page, day, key, mint }: Situation, name: string): Row {
  const held = { identity: name, anonymous: false, fresh: false };
  const claim = (anonymous: string, fresh: boolean): Row => ({
    ...held,
    pair: { anonymous, claim: claimOf(key, anonymous, name), day },
    write: "pair",
    alias: true,
    fresh,
  });
  // A client without cookies would send an alias with every call, and has no anonymous past to tie.
  if (pair === undefined) return page ? claim(mint(), true) : { ...held, pair, write: false, alias: false };
  if (pair.claim === FREE) return claim(pair.anonymous, false);
  if (pair.claim === claimOf(key, pair.anonymous, name)) {
    const renew = page && pair.day !== day;
    // The alias again with the daily renewal: it is harmless, and heals a store that was lost or restored.
    return { ...held, pair: renew ? { ...pair, day } : pair, write: renew && "pair", alias: renew };
  }
  // Another's, or in doubt: never tie this anonymous identity to a second name. Its successor can only ever be this name's.
  return claim(successor(key, pair, name), false);
}

/** The row of a client that brings its anonymous identity itself: no cookies; the alias goes once. */
export function givenRow(anonymous: string, name: string | null | undefined): Row {
  const bare = { pair: undefined, write: false, alias: false, fresh: false } as const;
  return typeof name === "string" ? { ...bare, identity: name, anonymous: false } : { ...bare, identity: anonymous, anonymous: true };
}
