import http from "node:http";
import { type Recorder, recorder } from "@kmkit/core";
import { Shop as AnyShop } from "@kmkit/testkit";
import express5, { type Application } from "express";
import session from "express-session";
import express4 from "express4";
import { onTestFinished } from "vitest";

export { type Answer, ask, Browser, claimOf, kinds, orders, people, told } from "@kmkit/testkit";

export type Express = typeof express5;
/** Both versions that the adapter is for: `describe.each(versions)("%s", (_, express) => …)`. */
export const versions: [string, Express][] = [
  ["Express 4", express4],
  ["Express 5", express5],
];

/** An app that listens, and what its middleware has recorded. */
export class Shop extends AnyShop {
  constructor(server: http.Server, rec: Recorder) {
    super({ server }, rec);
  }
}

/** Builds an app of this version and lets it listen until the test is over. */
export async function open(express: Express, build: (app: Application, rec: Recorder) => void): Promise<Shop> {
  const app = express();
  const rec = recorder();
  // The handlers that throw here do so on purpose.
  app.set("env", "test");
  build(app, rec);
  const server = http.createServer(app);
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  const shop = new Shop(server, rec);
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return shop;
}

/** A session middleware as apps have it: nothing is kept for strangers. */
export const sessions = (options: Partial<session.SessionOptions> = {}) =>
  session({ secret: "cat", resave: false, saveUninitialized: false, ...options });
