import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readScript } from './script-reader.ts';

const words = (script: string, variables?: Record<string, string>) =>
  readScript(script, variables).map((command) => command.join(' '));

describe('readScript', () => {
  it('unrolls loops and follows assignments', () => {
    expect(words('D=/etc\nfor i in a b; do mkdir -p $D/$i; done')).toEqual([
      'mkdir -p /etc/a',
      'mkdir -p /etc/b',
    ]);
    expect(words('tools="x y"\nfor t in $tools; do for n in 1 2; do ln $t$n; done; done')).toEqual([
      'ln x1',
      'ln x2',
      'ln y1',
      'ln y2',
    ]);
  });

  it('joins continued lines and reads quotes', () => {
    expect(readScript('adduser --gecos "A B" \\\n  --home \'/x y\' na\\ me')).toEqual([
      ['adduser', '--gecos', 'A B', '--home', '/x y', 'na me'],
    ]);
  });

  it('reads every branch, and takes patterns for no commands', () => {
    expect(
      words(
        'if [ -x /bin/a ]; then a; else b; fi\ncase "$1" in\n configure|upgrade)\n c\n ;;\n *) d ;;\nesac',
      ),
    ).toEqual(['[ -x /bin/a ]', 'a', 'b', 'c', 'd']);
    expect(words('run() {\n  x 1\n}\nrun')).toEqual(['x 1', 'run']);
  });

  it('leaves out what only a shell could tell', () => {
    expect(
      words('chown root:$group /a\ngroup=$(id -gn)\nchown root:$group /b\nrm /tmp/*\nrm `ls`\nrm $1 "$@"'),
    ).toEqual([]);
    expect(words('p=5\np=$(expr $p - 1)\necho $p')).toEqual(['echo 5']);
  });

  it('drops an unset variable that stands alone, and knows defaults', () => {
    expect(words(['a $unset b $', '{x:-7} $', '{q:+--quiet}'].join(''))).toEqual(['a b 7 ']);
    expect(words('echo $NAME', { NAME: 'n' })).toEqual(['echo n']);
  });

  it('follows functions with the arguments that they are called with', () => {
    const script =
      'setup() {\n  DIR="${1}"\n  mkdir -p ${DIR}\n  if [ -z "$2" ]; then x; fi\n  chmod $2 ${DIR}\n}\n' +
      'setup /var/log/redis 2750\nnone() { a; }\nnone';
    expect(words(script).filter((line) => /^(?:mkdir|chmod|a)/.test(line))).toEqual([
      'mkdir -p /var/log/redis',
      'chmod 2750 /var/log/redis',
      'a',
    ]);
    // A function that calls itself comes to an end.
    expect(words('f() { echo $1; f x; f y; }\nf z').length).toBeLessThan(1000);
  });

  it('keeps what is known of ucf and find', () => {
    expect(readScript('new=$(mktemp)\nucf --x "$new" /etc/a')).toContainEqual(['ucf', '--x', '', '/etc/a']);
    expect(readScript('find /a ! -uid "$(id -u b)" -print0 | xargs -0 chown b')).toEqual([
      ['find', '/a', '!', '-uid', '', '-print0', '|', 'xargs', '-0', 'chown', 'b'],
    ]);
  });

  it('passes over comments, redirections and documents in place', () => {
    expect(words('a # b\nc > /dev/null 2>&1 || true\ncat > $F <<EOF\nadduser evil\nEOF\nd')).toEqual([
      'a',
      'c',
      'true',
      'cat',
      'd',
    ]);
  });

  it('takes any text', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (text) => void readScript(text)),
      { numRuns: 500 },
    );
    const soup = fc.array(
      fc.constantFrom(
        'for ',
        'i ',
        'in ',
        'do ',
        'done ',
        '; ',
        '$i ',
        '"',
        "'",
        '`',
        '$(',
        ')',
        '{',
        '\n',
        '<<E\n',
        'a ',
      ),
    );
    fc.assert(
      fc.property(soup, (parts) => void readScript(parts.join(''))),
      { numRuns: 1000 },
    );
  });

  it('is bounded for loops in loops', () => {
    const list = Array.from({ length: 100 }, (_, i) => i).join(' ');
    const script = `${`for i in ${list}; do `.repeat(6)}x $i${'; done'.repeat(6)}`;
    expect(readScript(script).length).toBeLessThanOrEqual(20_000);
    expect(readScript(script.replace('x $i', 'x "$1"'))).toEqual([]);
  });
});
