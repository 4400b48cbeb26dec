import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { parseArgs } from "node:util";

const usage = `node server.js [--port 3000]

  --port   where to listen; 0 picks a free port (default: PORT or 3000)
  HOST     the address to listen on (default: 127.0.0.1)`;

/**
 * Lets a shop listen where the command line says, until it is asked to end: then requests under way get their answers, and what was recorded is
 * sent. What the collector cannot take now waits in the outbox.
 *
 * @example
 * const client = createKm();
 * serve(createServer(createShop({ km: client })), client);
 */
export function serve(server: Server, client: { close(deadlineMs: number): Promise<unknown> }): void {
  const { port, host } = settings();
  server.once("error", (error: NodeJS.ErrnoException) => {
    stop(error.code === "EADDRINUSE" ? `port ${port} is taken: choose another with --port` : error.message);
  });
  server.listen(port, host, () => {
    const { address, family, port: given } = server.address() as AddressInfo;
    console.log(`shop ready on http://${family === "IPv6" ? `[${address}]` : address}:${given}`);
  });

  let closing = false;
  const close = () => {
    if (closing) process.exit(130);
    closing = true;
    server.close(async () => {
      await client.close(2000);
      process.exit();
    });
    // A browser keeps its connection after the answer, in case it comes again. It need not.
    setInterval(() => server.closeIdleConnections(), 50).unref();
    setTimeout(() => server.closeAllConnections(), 3000).unref();
  };
  process.on("SIGINT", close).on("SIGTERM", close);
}

function settings(): { port: number; host: string } {
  try {
    const { values } = parseArgs({ options: { port: { type: "string" }, help: { type: "boolean" } } });
    if (values.help) {
      console.log(usage);
      process.exit(0);
    }
    const port = values.port ?? process.env.PORT ?? "3000";
    if (!/^\d{1,5}$/.test(port) || Number(port) > 65535) throw new Error(`${port} is no port: it takes a number from 0 to 65535`);
    return { port: Number(port), host: process.env.HOST ?? "127.0.0.1" };
  } catch (error) {
    return stop((error as Error).message);
  }
}

function stop(reason: string): never {
  console.error(`shop: ${reason}`);
  process.exit(1);
}
