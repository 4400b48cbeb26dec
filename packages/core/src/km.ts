/** Options of one `record`. */
export interface RecordOptions {
  /** When it happened: a Date, an ISO text, or a number of seconds or milliseconds. Default: now. */
  time?: Date | number | string;
  /** Any text of the app's (a webhook's event id): recording the same name with the same id again counts once for ever. */
  id?: string;
}

declare global {
  /**
   * What the app may say, if it likes to be held to it: it adds its events and their properties here once, and from then on a name or a property
   * that is not declared does not compile. Global, so that the same lines work with every adapter, whatever is installed where.
   *
   * @example
   * declare global {
   *   namespace Kmkit {
   *     interface Events {
   *       "Signed Up": { Plan: "Free" | "Pro" };
   *       "Logged Out": null; // no properties
   *     }
   *     interface PersonProperties {
   *       Plan: "Free" | "Pro";
   *     }
   *   }
   * }
   */
  namespace Kmkit {
    /** Events by name: their properties, or `null` where they have none. Empty: any name, any properties. */
    interface Events {}
    /** What `set` takes, each of them optional. Empty: anything. */
    interface PersonProperties {}
  }
}

/** What the app may hand in as properties: anything; what cannot be kept is left out and reported with its path. */
export type PropertiesInput = Readonly<Record<string, unknown>>;

/** The names of events: those in `Kmkit.Events`, or any text where the app declares none. */
export type EventName = [keyof Kmkit.Events] extends [never] ? string : keyof Kmkit.Events & string;

/** The properties of a person: those in `Kmkit.PersonProperties`, or anything where the app declares none. */
export type PersonPropertiesInput = [keyof Kmkit.PersonProperties] extends [never]
  ? PropertiesInput
  : Readonly<Partial<Kmkit.PersonProperties>>;

/** What follows the name in `record`. */
export type EventRest<Name extends EventName> = [keyof Kmkit.Events] extends [never]
  ? Optional<PropertiesInput>
  : Name extends keyof Kmkit.Events
    ? RestOf<Kmkit.Events[Name]>
    : never;

type Optional<Input> = [properties?: Input | undefined, options?: RecordOptions | undefined];
/** An event may be declared without properties, with some that all may be missing, or with some that are needed. */
type RestOf<Declared> = [Declared] extends [null | Record<string, never>]
  ? Optional<Record<string, never>>
  : Record<string, never> extends Declared
    ? Optional<Readonly<Declared>>
    : [properties: Readonly<Declared>, options?: RecordOptions | undefined];

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
  record<Name extends EventName>(name: Name, ...rest: EventRest<Name>): void;
  record(properties: PersonPropertiesInput): void;
  /** Set properties of the person, without an event. */
  set(properties: PersonPropertiesInput): void;
  /** From now on this visitor is `identity`; `null`: nobody is logged in any more. It crosses the wire only as the alias it causes. */
  identify(identity: string | null): void;
  /** Tie two identities to one person; either order, as often as you like. `b` defaults to the visitor. */
  alias(a: string, b?: string): void;
}
