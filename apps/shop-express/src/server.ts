import { createServer } from "node:http";
import { createKm } from "@kmkit/express";
import { serve } from "@kmkit/shop";
import { createShop } from "./shop.ts";

const client = createKm();
serve(createServer(createShop({ km: client })), client);
