declare module "koa2" {
  export { default } from "koa";
}
declare module "koa-passport" {
  import type { Context, Middleware } from "koa";

  class KoaPassport {
    initialize(): Middleware;
    session(): Middleware;
    use(strategy: { name: string; authenticate(this: { success(user: unknown): void }, request: { ctx: Context }): void }): void;
    authenticate(strategy: string): Middleware;
    serializeUser(work: (user: unknown, done: (error: unknown, id: unknown) => void) => void): void;
    deserializeUser(work: (id: unknown, done: (error: unknown, user: unknown) => void) => void): void;
  }
  const passport: { KoaPassport: typeof KoaPassport };
  export = passport;
}
