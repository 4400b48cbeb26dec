import NextAuth from "next-auth";
import Credentials from "next-auth/providers/credentials";

/** The app's Auth.js: names without passwords, and the session is a token in a cookie. */
export const { auth, handlers, signIn, signOut } = NextAuth({
  secret: "a secret of the test",
  trustHost: true,
  // It reports every session that has expired.
  logger: { error: () => {} },
  session: { strategy: "jwt" },
  providers: [Credentials({ credentials: { name: {} }, authorize: ({ name }) => ({ id: String(name) }) })],
  callbacks: {
    // Without this the session has no id: Auth.js shows name, e-mail address and picture alone.
    session({ session, token }) {
      session.user.id = token.sub ?? "";
      return session;
    },
  },
});
