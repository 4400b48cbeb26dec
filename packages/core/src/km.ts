/** Options of one `record`. */
export interface RecordOptions {
  /** When it happened: a Date, an ISO text, or a number of seconds or milliseconds. Default: now. */
  time?: Date | number | string;
  /** Any text of the app's (a webhook's event id): recording the same name with the same id again counts once for ever. */
  id?: string;
}

/** What the app may hand in as properties: anything; what cannot be kept is left out and reported with its path. */
export type PropertiesInput = Readonly<Record<string, unknown>>;

/**
 * The commands of one visitor; `req.km` in a framework, `client.as(identity)` elsewhere. All synchronous; nothing throws into the app.
 *
 * @example
 * req.km.record("Signed Up", { Plan: "Pro" });
 */
export interface Km {
  /** The identity under which the next command stands: the name, or the anonymous identity. Reading it sets no cookie. */
  readonly identity: string;
  /** Whether that is an anonymous identity. */
  readonly anonymous: boolean;
  /** Record that the visitor did something. Without a name it is {@link Km.set} (KISSmetrics, "common methods"). */
  record(name: string, properties?: PropertiesInput, options?: RecordOptions): void;
  record(properties: PropertiesInput): void;
  /** Set properties of the person, without an event. */
  set(properties: PropertiesInput): void;
  /** From now on this visitor is `identity`; `null`: nobody is logged in any more. It crosses the wire only as the alias it causes. */
  identify(identity: string | null): void;
  /** Tie two identities to one person; either order, as often as you like. `b` defaults to the visitor. */
  alias(a: string, b?: string): void;
}
