import { adapterSuite } from "@kmkit/testkit";
import express5 from "express";
import express4 from "express4";
import { mountOf } from "./mount.ts";

adapterSuite("Express 4", mountOf(express4));
adapterSuite("Express 5", mountOf(express5));
