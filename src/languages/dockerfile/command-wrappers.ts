// Commands that run another one: `sudo`, `env X=y`, `xargs`, `timeout 30`, `uv run`. What they run is what matters.
import { type ShellWord, showWord, wordText } from './shell.ts';

/** How many words a wrapper takes before the command it runs; undefined for what is none. */
export function wrapperLength(
  name: string,
  words: readonly ShellWord[],
  variables: ReadonlyMap<string, string>,
): number | undefined {
  const takeOptions = (withValue: RegExp) => {
    let at = 1;
    for (; at < words.length; at++) {
      const text = wordText(words[at]!, variables) ?? showWord(words[at]!);
      if (/^[A-Za-z_][A-Za-z0-9_]*=/.test(text)) continue;
      if (!text.startsWith('-')) break;
      if (withValue.test(text)) at++;
    }
    return at;
  };
  switch (name) {
    case 'sudo':
    case 'doas':
      return takeOptions(/^-[ugUpCDRTh]$/);
    case 'env':
      return takeOptions(/^-[uSC]$/);
    case 'exec':
    case 'time':
    case 'nice':
    case 'nohup':
    case 'command':
    case 'builtin':
    case 'eatmydata':
    case 'busybox':
    case 'fakeroot':
    case 'setsid':
    case 'unbuffer':
    case 'catchsegv':
    case 'dumb-init':
    case 'tini':
    case 'retry':
    case 'xargs':
      return name === 'xargs' ? takeOptions(/^-[nIPLsdEa]$/) : takeOptions(/^-[na]$/);
    case 'stdbuf':
    case 'ionice':
    case 'xvfb-run':
      return takeOptions(/^-[ioencp]$/);
    case 'conda':
    case 'mamba':
    case 'micromamba':
    case 'poetry':
    case 'pipenv':
    case 'pdm':
    case 'hatch':
    case 'rye': {
      const verb = wordText(words[1] ?? noWord, variables);
      if (verb !== 'run') return undefined;
      words = words.slice(1);
      return takeOptions(/^(?:-[npe]|--(?:name|prefix|env|cwd))$/) + 1;
    }
    case 'timeout':
      return takeOptions(/^-[ks]$/) + 1;
    case 'chroot':
      return takeOptions(/^$/) + 1;
    case 'gosu':
    case 'setuser':
    case 'su-exec':
      return 2;
    default:
      return undefined;
  }
}

const noWord: ShellWord = { parts: [], span: { file: '', line: 1, column: 1 } };
