"use server";

import { add, field, productOf, remove } from "@kmkit/shop";
import { notFound, redirect } from "next/navigation";
import { km } from "../lib/km";
import { getSession } from "../lib/session";

/** What is wrong with the form to buy, if anything. */
export interface BuyState {
  readonly problem?: string;
}

export async function addToCart(_before: BuyState, data: FormData): Promise<BuyState> {
  const body = Object.fromEntries(data);
  const product = productOf(field(body, "slug"));
  if (product === undefined) notFound();

  const quantity = Number(field(body, "quantity") || 1);
  if (!Number.isInteger(quantity) || quantity < 1 || quantity > 9) return { problem: "Choose a quantity from 1 to 9." };

  const session = await getSession();
  session.cart = add(session.cart, product.slug, quantity);
  await session.save();
  (await km()).record("Added To Cart", { Product: product.name, Price: product.price, Quantity: quantity });
  redirect("/cart");
}

export async function removeFromCart(data: FormData): Promise<void> {
  const session = await getSession();
  session.cart = remove(session.cart, field(Object.fromEntries(data), "slug"));
  await session.save();
  redirect("/cart");
}
