import { walkInChromium } from "@kmkit/shop/suite";
import { start } from "./start.ts";

walkInChromium(start);
