declare module "express4" {
  export { default } from "express";
}
declare module "cookie-session" {
  import type { RequestHandler } from "express";

  function cookieSession(options: { name?: string; secret: string }): RequestHandler;
  export = cookieSession;
}
declare module "passport" {
  import type { RequestHandler } from "express";

  class Passport {
    initialize(): RequestHandler;
    session(): RequestHandler;
    use(strategy: { name: string; authenticate(this: { success(user: unknown): void; fail(): void }, request: unknown): void }): void;
    authenticate(strategy: string): RequestHandler;
    serializeUser(work: (user: unknown, done: (error: unknown, id: unknown) => void) => void): void;
    deserializeUser(work: (id: unknown, done: (error: unknown, user: unknown) => void) => void): void;
  }
  const passport: { Passport: typeof Passport };
  export = passport;
}
