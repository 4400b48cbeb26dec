import { redirect } from "next/navigation";

export default function Left() {
  redirect("/static");
}
