import { walkInChromium } from "@kmkit/shop/suite";

walkInChromium(new URL("../dist/server.js", import.meta.url));
