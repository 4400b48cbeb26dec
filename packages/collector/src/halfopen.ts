import type { RequestListener, Server } from "node:http";

/**
 * Lets who has closed his half of a connection after writing still get his answer; Node by itself would give him none. Tools that write a request
 * into a socket do that (`printf … | nc`). Needs {@link endWithReader} for whatever answers with a stream.
 */
export function allowHalfOpen(server: Server): void {
  Object.assign(server, { httpAllowHalfOpen: true });
}

/** Hands requests on. Who asks to read something and then closes has gone: a stream for him would otherwise go on until writing to him fails. */
export function endWithReader(next: RequestListener): RequestListener {
  return (request, response) => {
    if (request.method === "GET") {
      const { socket } = request;
      const gone = () => response.destroy();
      socket.once("end", gone);
      response.once("close", () => socket.off("end", gone));
    }
    return next(request, response);
  };
}
