// Nix has options of two words (`--override-input NAME REF`); commander has options of one.

const paired = new Set(['--override-input', '--option', '--arg', '--argstr', '--override-flake']);

/** Joins the two words that follow each such option with `=`. */
export function joinPairs(args: readonly string[]): string[] {
  const joined: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === '--') return [...joined, ...args.slice(i)];
    const [first, second] = [args[i + 1], args[i + 2]];
    if (paired.has(arg) && first !== undefined && second !== undefined) {
      joined.push(`${arg}=${first}=${second}`);
      i += 2;
    } else {
      joined.push(arg);
    }
  }
  return joined;
}

/** Undoes the joining of one value: its two words. The second may hold `=` itself. */
export function splitPair(value: string): readonly [string, string] {
  const at = value.indexOf('=');
  return at < 0 ? [value, ''] : [value.slice(0, at), value.slice(at + 1)];
}
