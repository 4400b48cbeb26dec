export { walkInChromium } from "./browser.ts";
export { walkOnFoot } from "./foot.ts";
export { shopSuite } from "./shop.ts";
export { Visitor } from "./visitor.ts";
