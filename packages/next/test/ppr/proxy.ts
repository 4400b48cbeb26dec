import { kmProxy } from "./lib/km";

export const proxy = kmProxy();
