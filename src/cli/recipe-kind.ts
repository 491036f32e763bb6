// The kinds of recipes as options name them.
import { type RecipeKind, TrimaranError } from '../index.ts';

/** Reads a `--recipe`. Throws `cli/unknown-recipe`. */
export function recipeKind(text: string | undefined): RecipeKind | undefined {
  if (text === undefined || text === 'nix' || text === 'guix' || text === 'dockerfile') return text;
  throw new TrimaranError({
    code: 'cli/unknown-recipe',
    message: `there is no recipe \`${text}\``,
    hint: 'choose nix, guix or dockerfile',
    exitCode: 2,
  });
}
