import { IncomingMessage, ServerResponse } from "node:http";

/**
 * Where kmkit notes something on a request without touching its shape: on its `rawHeaders`, an array that belongs to one request and stays.
 *
 * Why not a property of the request or the response: Express puts its own prototypes under both, and after that V8 makes a new shape for each
 * request with every property that is added, so that all later reads of that object (Node's and Express' own) are looked up anew. One
 * property cost 4 to 8 µs a request, measured; a `WeakMap` 12.
 */
export type Notes = unknown[] & { [note: symbol]: unknown };

/** The notes of a request; undefined for what is no request of Node's (web sockets' handshakes, mocks). */
export function notesOf(request: IncomingMessage): Notes | undefined {
  const notes: unknown = request.rawHeaders;
  return Array.isArray(notes) ? (notes as Notes) : undefined;
}

/**
 * The prototype that a framework shares among all its requests (or responses): the last one before Node's own. Undefined where there is none, since
 * the framework uses Node's objects as they are, or others (HTTP/2).
 *
 * @example
 * sharedPrototype(request); // `express.request`
 */
export function sharedPrototype(of: IncomingMessage | ServerResponse): object | undefined {
  const own = of instanceof IncomingMessage ? IncomingMessage.prototype : ServerResponse.prototype;
  let shared = Object.getPrototypeOf(of);
  if (shared === own) return undefined;
  for (let next = shared; next !== null; next = Object.getPrototypeOf(next)) {
    if (next === own) return shared;
    shared = next;
  }
  return undefined;
}
