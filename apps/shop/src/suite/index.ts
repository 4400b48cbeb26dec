export { walkInChromium } from "./browser.ts";
export { openChromium, withoutChromium } from "./chromium.ts";
export { walkOnFoot } from "./foot.ts";
export type { Program } from "./house.ts";
export type { Build, Ways } from "./opened.ts";
export { shopSuite } from "./shop.ts";
export { type Answer, type Headers, Visitor } from "./visitor.ts";
