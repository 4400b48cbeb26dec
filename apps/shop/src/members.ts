import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";

/** The two club memberships. */
export const plans = ["Free", "Pro"] as const;
export type Plan = (typeof plans)[number];

/** A customer with an account. */
export interface Member {
  readonly email: string;
  readonly name: string;
  readonly plan: Plan;
}

/** The club's register. It lives in memory, as this shop is a demo: a restart empties it. */
export interface Members {
  /** Takes a new member in, or answers false when the address is taken. */
  join(member: Member, password: string): Promise<boolean>;
  /** The member, if the password is right. */
  check(email: string, password: string): Promise<Member | undefined>;
}

/** The accounts that exist from the start, for a quick look around. */
export const demo: { readonly members: readonly Member[]; readonly password: string } = {
  members: [
    { email: "bill@bob.com", name: "Bill", plan: "Free" },
    { email: "ann@bob.com", name: "Ann", plan: "Pro" },
  ],
  password: "demo-shop",
};

/** A new register with nobody but the demo accounts in it. */
export function createMembers(): Members {
  const register = new Map<string, { member: Member; secret: Promise<Secret> }>();
  // An unknown address must cost as much time as a known one, or the clock would tell which is which.
  const nobody = seal(randomBytes(16).toString("hex"));

  const members: Members = {
    async join(member, password) {
      if (register.has(member.email)) return false;
      const secret = seal(password);
      register.set(member.email, { member, secret });
      await secret;
      return true;
    },
    async check(email, password) {
      const known = register.get(email);
      const right = await opens(await (known?.secret ?? nobody), password);
      return right ? known?.member : undefined;
    },
  };
  for (const member of demo.members) void members.join(member, demo.password);
  return members;
}

interface Secret {
  readonly salt: Buffer;
  readonly hash: Buffer;
}

const derive: (password: string, salt: Buffer, length: number) => Promise<Buffer> = promisify<string, Buffer, number, Buffer>(scrypt);

async function seal(password: string, salt: Buffer = randomBytes(16)): Promise<Secret> {
  return { salt, hash: await derive(password, salt, 32) };
}

async function opens(secret: Secret, password: string): Promise<boolean> {
  const { hash } = await seal(password, secret.salt);
  return timingSafeEqual(hash, secret.hash);
}
