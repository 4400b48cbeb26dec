import { genders, plans, signupForm } from "@kmkit/shop";
import type { Metadata } from "next";
import Link from "next/link";
import { SignupForm } from "../../components/signup-form";

export const metadata: Metadata = { title: "Join the club" };

const benefits = {
  Free: "Check out, and hear of new lamps first",
  Pro: "All of that, and free shipping for ever",
};

export default async function SignupPage({ searchParams }: PageProps<"/signup">) {
  const form = signupForm(await searchParams);
  return (
    <section className="narrow">
      <h1>Join the club</h1>
      <p className="lead">It takes half a minute, and in this demo it costs nothing either way.</p>
      <SignupForm form={form} genders={genders} plans={plans.map((plan) => [plan, benefits[plan]])} />
      <p>
        Already a member? <Link href={`/login?next=${encodeURIComponent(form.next)}`}>Log in</Link>
      </p>
    </section>
  );
}
