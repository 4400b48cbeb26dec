import { kmProxy } from "./lib/km";
import { secured } from "./lib/security";

/** Page loads get their visitor here, around the shop's own proxy. */
export const proxy = kmProxy(secured);

// Files come without: a style sheet concerns nobody, and may be cached.
export const config = { matcher: "/((?!_next/static|icon.svg|favicon.ico).*)" };
