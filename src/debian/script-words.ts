// Words of the commands that make directories and files: mkdir(1), install(1), and what they name users and modes by.

/** Numbers of accounts by name; undefined for names that nobody has. */
export interface AccountIds {
  uid(name: string): number | undefined;
  gid(name: string): number | undefined;
}

/** Whether a text is a mode in octal digits. */
export const isMode = (text: string) => /^[0-7]{3,5}$/.test(text);

/** Options and paths of mkdir(1) and install(1). */
export function readDirectoryWords(words: readonly string[], ids: AccountIds) {
  let mode: number | undefined;
  let uid: number | undefined;
  let gid: number | undefined;
  let isDirectory = false;
  const paths: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const [option, inline] = word.startsWith('--') ? word.split(/=(.*)/s) : [word, undefined];
    const value = () => inline ?? words[++i] ?? '';
    // What an option is about may be written against it.
    if (/^-o./.test(word)) uid = ids.uid(word.slice(2));
    else if (/^-g./.test(word)) gid = ids.gid(word.slice(2));
    else if (/^-m[0-7]/.test(word)) mode = isMode(word.slice(2)) ? Number.parseInt(word.slice(2), 8) : mode;
    else if (option === '--mode' || /^-[a-zA-Z]*m$/.test(word)) {
      const text = value();
      if (isMode(text)) mode = Number.parseInt(text, 8);
      if (/^-[a-zA-Z]*d/.test(word)) isDirectory = true;
    } else if (option === '--owner' || option === '-o') uid = ids.uid(value());
    else if (option === '--group' || option === '-g') gid = ids.gid(value());
    else if (option === '--directory' || /^-[a-zA-Z]*d/.test(word)) isDirectory = true;
    else if (!word.startsWith('-')) paths.push(word);
  }
  return { isDirectory, mode, uid, gid, paths };
}
