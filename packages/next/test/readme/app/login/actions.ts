"use server";
import { redirect } from "next/navigation";
import { km } from "../../lib/km";
import { session } from "../../lib/session";

export async function signUp(form: FormData) {
  const visitor = await km();
  const current = await session();
  current.user = { id: String(form.get("email")) }; // after whatever your app checks
  await current.save();
  visitor.identify(current.user.id);
  visitor.record("Signed Up", { Plan: "Pro" });
  redirect("/product");
}

export async function logOut() {
  const visitor = await km();
  visitor.record("Logged Out");
  (await session()).destroy();
  visitor.identify(null);
  redirect("/");
}
