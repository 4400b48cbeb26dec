"use server";
import { cookies } from "next/headers";
import { redirect } from "next/navigation";
import { km } from "../../lib/km";
export async function buy() {
  const visitor = await km();
  visitor.record("Bought");
  (await cookies()).set("user", "bob");
  visitor.identify("bob");
  redirect("/product");
}
