import { walkOnFoot } from "@kmkit/shop/suite";
import { start } from "./start.ts";
import { FormVisitor } from "./visitor.ts";

walkOnFoot(start, (shop) => new FormVisitor(shop));
