import type { Context } from "hono";

/** How hono-sessions' session is read and written. */
interface Keyed {
  get(key: string): unknown;
  set(key: string, value: unknown): void;
  forget(key: string): void;
}

/** The session in `c.var.session`: an object as it is, or hono-sessions' methods in the shape of one. */
export function sessionOf(c: Context): unknown {
  const session = c.get("session") as Partial<Keyed> | undefined;
  if (typeof session?.get !== "function" || typeof session.set !== "function" || typeof session.forget !== "function") return session;
  const keyed = session as Keyed;
  return new Proxy<Record<string, unknown>>(
    {},
    {
      get: (_, key) => keyed.get(String(key)) ?? undefined,
      set: (_, key, value) => {
        keyed.set(String(key), value);
        return true;
      },
      deleteProperty: (_, key) => {
        keyed.forget(String(key));
        return true;
      },
    },
  );
}
