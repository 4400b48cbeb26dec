import { getIronSession } from "iron-session";
import { cookies } from "next/headers";

// Browsers take a Secure cookie from http://localhost, too; the test has none.
const cookieOptions = { secure: process.env.PLAIN_HTTP === undefined };
const password = process.env.SESSION_SECRET ?? "a development secret of at least 32 characters";

export async function session() {
  return getIronSession<{ user?: { id: string } }>(await cookies(), { cookieName: "session", password, cookieOptions });
}
