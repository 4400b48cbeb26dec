"use server";

import { orderOf } from "@kmkit/shop";
import { redirect } from "next/navigation";
import { km } from "../lib/km";
import { getSession } from "../lib/session";

export async function pay(): Promise<void> {
  const session = await getSession();
  if (session.member === undefined) redirect("/login?next=/checkout");
  const order = orderOf(session.cart, session.member);
  if (order.items === 0) redirect("/cart");

  (await km()).record("Paid", { Amount: order.total, Items: order.items });
  session.paid = session.cart ?? {};
  session.cart = {};
  await session.save();
  redirect("/thanks");
}
