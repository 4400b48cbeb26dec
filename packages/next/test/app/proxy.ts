import { kmProxy } from "./lib/km";
import { own } from "./lib/own";

export const proxy = kmProxy(own);
