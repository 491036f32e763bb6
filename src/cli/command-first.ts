// Options that people write before the command, as docker-compose, nix and others take them: `trimaran -f FILE build`,
// `trimaran nix --extra-experimental-features 'nix-command flakes' build`. They are put after it.

/** How many words belong to an option before the command, itself included; the others have one. */
const lengths: Readonly<Record<string, number>> = {
  '-f': 2,
  '--file': 2,
  '-p': 2,
  '--project-name': 2,
  '--profile': 2,
  '--env-file': 2,
  '--project-directory': 2,
  '--experimental-features': 2,
  '--extra-experimental-features': 2,
  '--option': 3,
  '--override-input': 3,
};
/** Commands whose next word is a command too. */
const groups = new Set(['nix', 'guix']);
/** Options that ask something of the program and need no command. */
const alone = /^(?:-h|--help|-V|--version)$/;

/** The arguments with the command first. Those that name no command come back as they are. */
export function commandFirst(args: readonly string[]): string[] {
  const words: string[] = [];
  const options: string[] = [];
  let at = 0;
  while (at < args.length) {
    const word = args[at]!;
    if (word === '--' || alone.test(word)) return [...args];
    if (word.startsWith('-')) {
      const length = lengths[word] ?? 1;
      options.push(...args.slice(at, at + length));
      at += length;
      continue;
    }
    words.push(word);
    at++;
    if (words.length === 2 || !groups.has(word)) break;
  }
  return words.length === 0 ? [...args] : [...words, ...options, ...args.slice(at)];
}
