"use server";
import { revalidatePath } from "next/cache";
import { cookies } from "next/headers";
import { notFound, redirect } from "next/navigation";
import { km } from "../../lib/km";

/** Every form names its action's arguments by fields, so that one page serves all tests. */
export async function act(form: FormData): Promise<string> {
  const told = (name: string) => form.get(name)?.toString();
  const visitor = await km();
  visitor.record("Acted");
  const jar = await cookies();
  const [set, user, to] = [told("set"), told("user"), told("to")];
  if (set !== undefined) jar.set("byAction", set);
  if (user === "") {
    jar.delete("user");
    visitor.identify(null);
  } else if (user !== undefined) {
    jar.set("user", user);
    visitor.identify(user);
    visitor.record("Logged In");
  }
  if (told("refresh") !== undefined) revalidatePath("/act");
  if (told("throw") !== undefined) throw new Error("on purpose");
  if (told("missing") !== undefined) notFound();
  if (to !== undefined) redirect(to);
  return visitor.identity;
}
