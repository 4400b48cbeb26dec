import { adapterSuite } from "@kmkit/testkit";
import Koa from "koa";
import Koa2 from "koa2";
import { mountOf } from "./mount.ts";

adapterSuite("Koa 3", mountOf(Koa));
adapterSuite("Koa 2", mountOf(Koa2));
