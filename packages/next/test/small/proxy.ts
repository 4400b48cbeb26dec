import { kmProxy } from "./lib/km";

export const proxy = kmProxy();
export const config = { matcher: ["/", "/act"] };
