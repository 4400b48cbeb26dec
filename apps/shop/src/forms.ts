import { type Plan, plans } from "./members.ts";
import { localPath } from "./security.ts";

/** What a form says about its fields, by field name: one sentence each. Empty when all is well. */
export type Problems = Partial<Record<string, string>>;

/** The genders one may choose from, or leave out. */
export const genders = ["Female", "Male", "Non-binary"] as const;

/** The sign-up form as it was filled in. */
export interface SignupForm {
  readonly email: string;
  readonly name: string;
  readonly plan: Plan;
  readonly gender: string;
  readonly next: string;
}

/** The log-in form as it was filled in. */
export interface LoginForm {
  readonly email: string;
  readonly next: string;
}

/** One field of a form that came in, as text. A field may be missing or sent twice; then it is empty. */
export function field(body: unknown, name: string): string {
  const value = (body as Record<string, unknown> | undefined)?.[name];
  return typeof value === "string" ? value : "";
}

/** The sign-up form in a request body. */
export function signupForm(body: unknown): SignupForm {
  const text = (name: string) => field(body, name).trim();
  return {
    email: text("email").toLowerCase(),
    name: text("name"),
    plan: plans.find((plan) => plan === text("plan")) ?? "Free",
    gender: genders.find((gender) => gender === text("gender")) ?? "",
    next: localPath(text("next")),
  };
}

/** The log-in form in a request body. */
export function loginForm(body: unknown): LoginForm {
  return { email: field(body, "email").trim().toLowerCase(), next: localPath(field(body, "next")) };
}

const EMAIL = /^[\w.+-]+@[a-z0-9-]+(\.[a-z0-9-]+)+$/;
const PASSWORD_LENGTH = { least: 8, most: 200 };

/** What is wrong with a sign-up form. */
export function signupProblems(form: SignupForm, password: string): Problems {
  const problems: Problems = {};
  if (form.email === "") problems.email = "Enter your e-mail address.";
  else if (form.email.length > 200 || !EMAIL.test(form.email)) problems.email = "Enter an e-mail address like bob@bob.com.";
  if (password.length < PASSWORD_LENGTH.least) problems.password = `Choose a password of at least ${PASSWORD_LENGTH.least} characters.`;
  else if (password.length > PASSWORD_LENGTH.most) problems.password = `Choose a password of at most ${PASSWORD_LENGTH.most} characters.`;
  if (form.name.length > 60) problems.name = "Choose a name of at most 60 characters.";
  return problems;
}
