import { createServer } from "node:http";
import { createKm } from "@kmkit/koa";
import { serve } from "@kmkit/shop";
import { createShop } from "./shop.ts";

const client = createKm();
serve(createServer(createShop({ km: client }).callback()), client);
