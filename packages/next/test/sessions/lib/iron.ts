import type { SessionOptions } from "iron-session";

export interface IronSession {
  user?: string;
}

/** The app's iron-session: a sealed cookie. */
export const sealed: SessionOptions = {
  cookieName: "iron",
  password: "a password of thirty-two or more characters",
  cookieOptions: { secure: false },
};
