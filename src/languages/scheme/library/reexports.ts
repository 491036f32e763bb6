// Library modules whose bindings (guile) has already here; each passes its own names on.

const binaryPorts =
  'eof-object open-bytevector-input-port get-u8 lookahead-u8 get-bytevector-n get-bytevector-n! get-bytevector-some get-bytevector-all put-u8 put-bytevector unget-bytevector open-bytevector-output-port make-custom-binary-input-port make-custom-binary-output-port make-custom-binary-input/output-port';
const textualPorts =
  'get-char get-line get-string-all get-string-n get-string-n! lookahead-char put-char put-string unget-char unget-string';
const integers = ['u8', 's8'].flatMap((kind) => [`bytevector-${kind}-ref`, `bytevector-${kind}-set!`]);
const wide = ['u16', 's16', 'u32', 's32', 'u64', 's64'].flatMap((kind) =>
  ['', '-native'].flatMap((native) => [
    `bytevector-${kind}${native}-ref`,
    `bytevector-${kind}${native}-set!`,
  ]),
);
const floats = ['single', 'double'].flatMap((kind) =>
  ['', '-native'].flatMap((native) => [
    `bytevector-ieee-${kind}${native}-ref`,
    `bytevector-ieee-${kind}${native}-set!`,
  ]),
);
const bytevectors = [
  ...integers,
  ...wide,
  ...floats,
  ...'endianness native-endianness bytevector? make-bytevector bytevector-length bytevector=? bytevector-fill! bytevector-copy bytevector-copy! bytevector->u8-list u8-list->bytevector bytevector-uint-ref bytevector-sint-ref bytevector-uint-set! bytevector-sint-set! bytevector->uint-list bytevector->sint-list uint-list->bytevector sint-list->bytevector string->utf8 utf8->string string->utf16 utf16->string string->utf32 utf32->string'.split(
    ' ',
  ),
];
const strings =
  'string? string-null? string-every string-any make-string string string-tabulate string->list list->string reverse-list->string string-join string-length string-ref string-copy substring/shared string-copy! string-take string-take-right string-drop string-drop-right string-pad string-pad-right string-trim string-trim-right string-trim-both string-set! string-fill! string= string<> string< string> string<= string>= string-ci= string-ci< string-ci> string-ci<= string-ci>= string-prefix-length string-suffix-length string-prefix? string-suffix? string-prefix-ci? string-suffix-ci? string-index string-index-right string-skip string-skip-right string-count string-contains string-contains-ci string-titlecase string-upcase string-upcase! string-downcase string-downcase! string-reverse string-append string-append/shared string-concatenate string-concatenate/shared string-concatenate-reverse string-map string-fold string-fold-right string-unfold string-for-each string-for-each-index string-replace string-tokenize string-filter string-delete string-hash';
const charSets =
  'char-set? char-set= char-set<= char-set-fold char-set-for-each char-set-copy char-set list->char-set string->char-set char-set-filter ucs-range->char-set ->char-set char-set-size char-set-count char-set->list char-set->string char-set-contains? char-set-every char-set-any char-set-adjoin char-set-delete char-set-complement char-set-union char-set-intersection char-set-difference char-set-xor char-set:lower-case char-set:upper-case char-set:title-case char-set:letter char-set:digit char-set:letter+digit char-set:graphic char-set:printing char-set:whitespace char-set:iso-control char-set:punctuation char-set:symbol char-set:hex-digit char-set:blank char-set:ascii char-set:empty char-set:full';

const words = (text: string): readonly string[] => text.split(' ');

/** Module label to the names it passes on. */
export const reexports: Readonly<Record<string, readonly string[]>> = {
  'rnrs bytevectors': bytevectors,
  'ice-9 binary-ports': words(binaryPorts),
  'ice-9 textual-ports': words(textualPorts),
  'ice-9 rdelim': words(
    'read-line read-line! read-delimited read-delimited! read-string read-string! write-line',
  ),
  'ice-9 receive': ['receive'],
  'ice-9 and-let-star': ['and-let*'],
  'srfi srfi-2': ['and-let*'],
  'srfi srfi-0': ['cond-expand'],
  'srfi srfi-6': words('open-input-string open-output-string get-output-string'),
  'srfi srfi-8': ['receive'],
  'srfi srfi-13': words(strings),
  'srfi srfi-14': words(charSets),
  'srfi srfi-16': ['case-lambda'],
  'srfi srfi-17': words('setter getter-with-setter'),
  'srfi srfi-23': ['error'],
  'srfi srfi-28': ['format'],
  'srfi srfi-39': words('make-parameter parameterize'),
  'srfi srfi-61': ['cond'],
  'srfi srfi-62': [],
  'srfi srfi-87': ['case'],
  'ice-9 optargs': words('lambda* define* define*-public'),
  'ice-9 syncase': [],
  'system syntax': words('syntax? syntax-local-binding syntax-source syntax-module'),
};
