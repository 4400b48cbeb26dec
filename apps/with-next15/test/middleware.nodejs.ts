import { kmProxy } from "./lib/km";
import { own } from "./lib/own";

export const middleware = kmProxy(own);
export const config = { runtime: "nodejs" };
