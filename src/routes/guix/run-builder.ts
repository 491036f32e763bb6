// Runs one builder written in Scheme, with (guix build utils) and the files that it may see.

import { isTrimaranError, TrimaranError } from '../../foundation/error.ts';
import { monotonicMilliseconds } from '../../foundation/monotonic-clock.ts';
import { exceptionArgs, miscError, SchemeError, throwError } from '../../languages/scheme/errors.ts';
import { createInterpreter, procedure } from '../../languages/scheme/interpreter.ts';
import { list, listToArray, str, UNSPECIFIED, type Value } from '../../languages/scheme/values.ts';
import { LocalStore } from '../../store/local-store.ts';
import { BuilderFiles, buildFolder } from './builder-files.ts';
import { type BuilderRequest, builderLabel } from './builder-request.ts';
import buildUtils from './modules/build-utils.scm';
import copyBuildSystem from './modules/copy-build-system.scm';

/** Evaluates the builder; its outputs are then where the request says. Throws `scheme/…`. */
export function runBuilder(request: BuilderRequest, log: (line: string) => void): void {
  const files = new BuilderFiles({
    request,
    store: new LocalStore({ root: request.root, storeDirectory: request.storeDirectory }),
    fail: ({ operation, path, errno, message }) =>
      throwError('system-error', str(operation), str('~A: ~S'), list(str(message), str(path)), list(errno)),
  });
  let line = '';
  const write = (text: string) => {
    const lines = (line + text).split('\n');
    line = lines.pop()!;
    for (const item of lines) log(item);
  };
  const interpreter = createInterpreter({
    host: {
      readFile: (path) => files.readFile(path),
      writeFile: (path, data) => files.writeFile(path, data),
      stat: (path) => files.status(path, 'follow'),
      listDirectory: (path) => files.list(path),
      readLink: (path) => files.readLink(path),
      makeDirectory: (path) => files.makeDirectory(path),
      remove: (path) => files.remove(path),
      env: request.env,
      cwd: buildFolder,
      // As files are dated: a builder gives the same whenever it runs.
      now: () => 1000,
      elapsed: monotonicMilliseconds,
      loadPath: request.env.modules === undefined ? [] : [request.env.modules],
      stdout: write,
      stderr: write,
    },
  });
  const kindOf = (path: Value, links: 'follow' | 'keep') => files.status(path.text, links)?.kind;
  const primitives: Readonly<Record<string, readonly [number, (...args: Value[]) => Value]>> = {
    symlink: [2, (target, path) => files.symlink(target.text, path.text)],
    chmod: [2, (path, mode) => files.chmod(path.text, mode)],
    'copy-file': [2, (from, to) => files.copy(from.text, to.text)],
    'rename-file': [2, (from, to) => files.rename(from.text, to.text)],
    rmdir: [1, (path) => files.remove(path.text)],
    chdir: [1, (path) => files.change(path.text)],
    getcwd: [0, () => str(files.cwd)],
    'file-is-directory?': [1, (path) => kindOf(path, 'follow') === 'directory'],
    utime: [1, () => UNSPECIFIED],
  };
  const { core } = interpreter.session;
  for (const [name, [arity, run]] of Object.entries(primitives)) {
    const max = name === 'utime' || name === 'copy-file' ? Number.POSITIVE_INFINITY : arity;
    core.define(
      name,
      procedure(name, { min: arity, max }, (...args) => run(...args) ?? UNSPECIFIED),
    );
  }
  interpreter.defineModule(['trimaran', 'build'], {
    '%directory?': (path: Value) => kindOf(path, 'follow') === 'directory',
    '%symlink?': (path: Value) => kindOf(path, 'keep') === 'symlink',
    '%executable?': (path: Value) => ((files.status(path.text, 'follow')?.mode ?? 0) & 0o111) !== 0,
    '%invoke': (program: Value, args: Value) => {
      throw miscError(false, 'builders run inside Trimaran and start no programs: ~s ~s', [program, args]);
    },
    '%write-file': (path: Value, text: Value) => {
      files.writeFile(path.text, Buffer.from(text.text, 'utf8'));
      return UNSPECIFIED;
    },
  });
  interpreter.addModuleSource(['guix', 'build', 'utils'], buildUtils);
  interpreter.addModuleSource(['guix', 'build', 'copy-build-system'], copyBuildSystem);
  try {
    interpreter.evaluateText('(use-modules (guix build utils))', { file: 'trimaran', places: false });
    interpreter.evaluateText(request.expression, { file: builderLabel, timeout: request.timeLimit });
  } catch (error) {
    endOfProgram(error);
  } finally {
    if (line !== '') log(line);
  }
}

/** Returns when a builder has called `exit` with success; throws `guix/builder-exit` or the error itself. */
function endOfProgram(error: unknown): void {
  if (!isTrimaranError(error, 'scheme/quit') || !(error.cause instanceof SchemeError)) throw error;
  const [status = true] = listToArray(exceptionArgs(error.cause.payload));
  if (status === true || status === 0) return;
  throw new TrimaranError({
    code: 'guix/builder-exit',
    message: `exit code ${typeof status === 'number' ? status & 255 : 1}`,
    span: error.span,
  });
}
