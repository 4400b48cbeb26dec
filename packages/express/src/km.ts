import type { IncomingMessage, ServerResponse } from "node:http";
import { type Client, type Km, openRequest } from "@kmkit/core";
import { clientOf, exchangeOf, type KmOptions, type NodeHints, notesOf, sharedPrototype } from "@kmkit/node";

declare global {
  namespace Express {
    interface Request {
      /** The commands of this request's visitor; see `@kmkit/express`. */
      km: Km;
    }
  }
}

/** The request as options see it. Session and passport types join by themselves, since they augment `Express.Request` too. */
export type ExpressRequest = IncomingMessage &
  Express.Request & { readonly originalUrl: string; readonly secure: boolean; readonly hostname: string };

/**
 * Express middleware (4 and 5): from here on every request knows its visitor, and `req.km` records what they do. Works before and after the
 * session middleware and in a sub-app; mounted twice it counts once. The commands are handed over when the response is over.
 *
 * @example
 * app.use(km());
 * app.post("/signup", (req, res) => {
 *   req.km.identify(req.body.email);
 *   req.km.record("Signed Up", { Plan: "Pro" });
 *   res.redirect("/");
 * });
 */
export function km(
  options: KmOptions<ExpressRequest> | Client = {},
): (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => void {
  const { client, options: own } = clientOf(options);
  return function km(request, response, next) {
    const native = request as ExpressRequest;
    if (!hasKm(native)) attach(native, openRequest(client, own, native, exchangeOf(request, response, new ExpressHints(native))));
    next();
  };
}

/** Where a request notes its `km`, and the mark of a prototype that reads it there; by name, so that two copies of this package agree. */
const noted = Symbol.for("kmkit.km");

/** Whether the request has its `km`: noted by us, or the app's own stand-in. Reading `request.km` instead costs a microsecond ({@link notesOf} says why). */
function hasKm(request: ExpressRequest): boolean {
  return notesOf(request)?.[noted] !== undefined || Object.hasOwn(request, "km");
}

/** Makes it `request.km`, by the prototype that all requests of Express share where they have one ({@link notesOf} says why). */
function attach(request: ExpressRequest, opened: Km): void {
  const notes = notesOf(request);
  const shared = sharedPrototype(request);
  if (notes === undefined || shared === undefined) {
    request.km = opened;
    return;
  }
  if (!Object.hasOwn(shared, noted)) {
    Object.defineProperty(shared, noted, { value: true });
    Object.defineProperty(shared, "km", {
      configurable: true,
      get(this: IncomingMessage) {
        return notesOf(this)?.[noted];
      },
      // An app's own stand-in, in a test for instance.
      set(this: IncomingMessage, value: unknown) {
        Object.defineProperty(this, "km", { configurable: true, enumerable: true, writable: true, value });
      },
    });
  }
  notes[noted] = opened;
}

/** What Express knows better; a class, since closures would be made anew for each request. */
class ExpressHints implements NodeHints {
  private readonly request: ExpressRequest;

  constructor(request: ExpressRequest) {
    this.request = request;
  }

  url(): string {
    return this.request.originalUrl;
  }

  secure(): boolean {
    return this.request.secure;
  }

  host(): string {
    return this.request.hostname;
  }
}
