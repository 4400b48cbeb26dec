/**
 * Every code that kmkit reports, with one sentence that says what happened, why, and what to do.
 * The codes are stable: programs may compare them, people may search for them.
 */
export const codes = {
  // What the app hands in (reported; the rest of the request's commands are kept).
  KM_NAME_EMPTY: "The name is empty; give record() a name, or use set() for properties alone.",
  KM_NAME_INVALID: "A name must be text; numbers and objects are not names.",
  KM_NAME_TOO_LONG: "A name may have 255 characters; the client cuts a longer one, the collector refuses it.",
  KM_PROPERTIES_INVALID:
    "Properties must be an object of names and values; the client records without them, the collector refuses the command.",
  KM_PROPERTIES_TOO_MANY: "A command may have 1,000 properties; the client leaves the rest out, the collector refuses the command.",
  KM_PROPERTY_INVALID:
    "This property has a value that is neither text, number nor boolean; the client leaves it out and keeps the others, the collector refuses the command.",
  KM_PROPERTY_RESERVED:
    "The classic API takes a property of this name for a parameter of its own, so it goes out with one more underscore in front; for a time use record's option time.",
  KM_VALUE_TOO_LONG: "A value may have 8,192 characters; the client cuts a longer one, the collector refuses the command.",
  KM_TIME_INVALID: "The time is neither a Date, an ISO string, nor a number of seconds or milliseconds; the command was refused.",
  KM_TIME_RANGE: "The time lies before 2009-01-01 or more than a day ahead; the command was refused, because times are never shifted.",
  KM_ID_INVALID:
    "A command's id must be a UUID on the wire, and non-empty text in record(); without a usable one the client makes its own.",
  KM_TYPE_INVALID: "The type must be record, set or alias.",
  KM_NAMES_TOO_MANY: "A product may have 65,535 names of events and as many of properties; a command with another one was refused.",
  KM_LINE_INVALID: "This line is not a JSON object; send one command a line (NDJSON).",
  KM_COMMAND_TOO_LARGE: "This single command is larger than the receiver takes.",
  KM_IDENTITY_EMPTY: "A command needs an identity of 1 to 255 characters.",
  KM_IDENTITY_TOO_LONG: "An identity may have 255 characters; it is refused rather than cut, since a cut one could be somebody else's.",
  KM_IDENTITY_INVALID: "An identity must be a number or well-formed text.",
  KM_IDENTITY_JUNK: "This identity is a placeholder such as undefined or guest; using it would tie strangers together.",
  KM_IDENTITY_FAILED: "The identity, anonymous, consent or junk option threw; the request counts as if it had said nothing.",
  KM_IDENTITY_NEVER_NULL:
    "identity has named somebody but never said null, so a log out is not seen; return null when nobody is logged in.",
  KM_ALIAS_CLAIMED: "This anonymous identity belongs to another name already; tying it to a second one would merge two people.",
  KM_SESSION_MISSING: "identify() lasts for this request only, since there is no session; add a session middleware or the identity option.",
  // What the request does not allow.
  KM_VISITOR_UNKNOWN:
    "A command came on a request that has neither our cookie nor a name and is no page load; for webhooks and jobs use client.as(identity), and programs that browse should send Accept: text/html.",
  KM_LEFT_OUT: "A request was left out for this reason; stats() counts them, and an option changes each rule.",
  KM_COOKIE_TOO_LATE:
    "The first command came after the headers were sent, so its anonymous identity could not be put in a cookie; record before the answer begins.",
  KM_RESPONSE_CACHEABLE:
    "A shared cache may keep this answer, so it can carry no cookie, and the visitor's commands were refused; send Cache-Control: private or no-store.",
  KM_COOKIE_DOMAIN_IGNORED: "The cookie's domain option is ignored on localhost, on IP addresses and on hosts outside that domain.",
  // Delivery.
  KM_OUTBOX_FULL: "The outbox has reached maxBytes; new commands are refused until the collector takes the waiting ones.",
  KM_OUTBOX_MEMORY:
    "The outbox directory cannot be written, so commands wait in memory only and are lost if the process dies; give outbox a directory on a volume.",
  KM_OUTBOX_BROKEN:
    "Lines of the outbox are damaged or gone and cannot be sent; what is left of them was moved aside, and all others go on.",
  KM_OUTBOX_MISSING:
    "There is no outbox in this directory; a client makes it with its first command, in .kmkit/outbox unless told otherwise.",
  KM_OUTBOX_SHARED:
    "Another client of this process keeps other commands in this outbox directory; give each url and key a directory of its own.",
  KM_OUTBOX_UNWRITABLE:
    "The outbox could not be written (disk full?); a client's commands wait in memory as far as there is room, others were refused.",
  KM_COLLECTOR_UNREACHABLE: "The collector cannot be reached; commands wait in the outbox and are sent when it is back.",
  KM_COLLECTOR_BUSY: "The collector asks to wait; commands stay in the outbox and are sent later.",
  KM_URL_INVALID: "The collector's url must begin with http:// or https://; commands wait in the outbox until it is put right.",
  KM_KEY_REFUSED: "The collector does not know this key; commands stay in the outbox until key or url are put right.",
  KM_REJECTED: "The receiver refused the command for good; it was set aside as a dead letter.",
  KM_CLIENT_CLOSED: "The client has been closed; the command was refused.",
  // Keys.
  KM_KEY_BROWSER:
    "A browser key is public: it may not name a person nor tie identities; send it with a server key, or make the key with --trust-browser-identify (and even then it ties no two names).",
  KM_KEY_BROWSER_TIME: "A browser key is public and may date a command at most 31 days back; send older ones with a server key.",
  KM_KEYS_BROKEN:
    "The file of keys in the data directory cannot be used; a running collector goes on with the keys that it read before. Mend it, or remove it to have all of its keys refused at once.",
  KM_KEYS_MISSING: "The file of keys is gone from the data directory; all of its keys are refused until it is back.",
  KM_KEYS_LOCKED: "Another process has been changing the keys of this data directory for long; nothing was changed, try again.",
  KM_KEYS_UNWRITABLE: "The file of keys could not be written; nothing was changed, so a key that was to be revoked still opens.",
  KM_KEY_UNKNOWN: "There is no such key in this data directory; npx kmkit keys list shows which there are.",
  KM_KEY_AMBIGUOUS: "Several keys begin like this; give more of the id.",
  KM_KEY_ENDED: "This key is revoked or has expired, so there is nothing to rotate; npx kmkit keys create makes a new one.",
  KM_PRODUCT_INVALID: "A product's name has 1 to 64 letters, digits, dots, dashes and underscores, and begins with a letter or digit.",
  KM_DATA_MISSING: "This is not the data directory of a collector; name the one that the collector was given with --data.",
  // The collector.
  KM_BODY_BROKEN: "The body could not be read: it is cut off or not valid gzip.",
  KM_BATCH_INVALID:
    'The body is no JSON list of calls; send {"data": [{"identity": "bob", "event": "Signed Up", "timestamp": 1769860800}]}.',
  KM_REQUEST_INVALID: "A request could not be read as HTTP and got 400 (or 431: its URL and headers have more than 128 KB; send a POST).",
  KM_BODY_TOO_LARGE: "The body is larger than the collector takes; send it in parts.",
  KM_PERSON_UNKNOWN: "Nobody was ever seen under this identity.",
  KM_PRODUCT_UNKNOWN: "There is no product of this name here.",
  KM_CURSOR_INVALID: "The parameter next or limit is not one that the collector gave out or takes.",
  KM_FILTER_INVALID: "A filter of /v1/live is empty or too long, or there are more than a hundred of a kind.",
  KM_LISTENERS_TOO_MANY: "As many are looking on as the collector takes; close one of them, or try again later.",
  KM_LISTENER_SLOW: "This listener reads more slowly than commands come and was dropped; connect again, perhaps with a filter.",
  KM_TOKEN_REFUSED:
    "Reading needs the admin token: Authorization: Bearer ADMIN, or --admin TOKEN (or the collector's --data directory) on the command line.",
  KM_HOST_REFUSED: "Without keys the collector answers only to localhost, 127.0.0.1 and [::1].",
  KM_ORIGIN_REFUSED: "Without keys the collector takes nothing that a page of another site sends; use a key, or send from your own pages.",
  KM_COLLECTOR_CLOSING: "The collector is ending and stores what waits; send to it again when it runs.",
  KM_NOT_FOUND: "There is nothing at this address.",
  KM_INTERNAL: "The collector failed; the cause is in its log.",
  KM_OPEN_ADDRESS: "On an address that is not loopback the collector needs a key and an admin token.",
  KM_PORT_TAKEN: "The port is in use by another program; choose another one.",
  KM_PORT_REFUSED:
    "This user may not open the port: those below 1024 need root, or the right to (setcap cap_net_bind_service=+ep on node's program).",
  KM_STORE_LOCKED: "The data directory is in use by another collector; stop that one or choose another with --data.",
  KM_STORE_BROKEN: "The store in the data directory could not be opened.",
  KM_STORE_MISSING: "The embedded store (the package chdb) is not available on this platform; it needs Linux with glibc, or macOS.",
} as const;

/** One of the stable codes in {@link codes}. */
export type KmCode = keyof typeof codes;

/**
 * The one error of kmkit. `code` is stable, `message` says what happened and what to do, `detail` names the culprit
 * (a property's path, a route, an address). Handed to `onError`; nothing of it is ever thrown into the app.
 *
 * @example
 * km({ onError: (error) => log.warn({ code: error.code, detail: error.detail }, error.message) });
 */
export class KmError extends Error {
  override readonly name = "KmError";
  readonly code: KmCode;
  readonly detail: string | undefined;

  constructor(code: KmCode, detail?: string, cause?: unknown) {
    super(detail === undefined ? codes[code] : `${codes[code]} (${detail})`, cause === undefined ? undefined : { cause });
    this.code = code;
    this.detail = detail;
  }
}

/** Takes the errors that kmkit reports. It must not throw; what it throws is swallowed. */
export type Report = (error: KmError) => void;
