import { shopSuite } from "@kmkit/shop/suite";
import { createShop } from "../src/shop.ts";

shopSuite((client) => createShop({ km: client }));
