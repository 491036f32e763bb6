// Modules of the Scheme standards, and a few of Guile's, that pass on what (guile) has already: which names each has.

/** Module label to names, separated by blanks. */
export const standardNames: Readonly<Record<string, string>> = {
  'ice-9 binary-ports': `
    call-with-output-bytevector`,
  'ice-9 control': `
    call-with-escape-continuation`,
  'ice-9 eval-string': `
    eval-string`,
  'ice-9 i18n': `
    locale-encoding`,
  'ice-9 ports': `
    %make-void-port SEEK_CUR SEEK_END SEEK_SET call-with-input-file call-with-input-string
    call-with-output-file call-with-output-string call-with-port char-ready? close-input-port
    close-output-port close-port current-error-port current-input-port current-output-port
    current-warning-port dup dup2 eof-object? file-port? fileno flush-all-ports force-output ftell
    input-port? isatty? open-file open-input-file open-output-file output-port? peek-char port-closed?
    port-column port-conversion-strategy port-encoding port-filename port-line port? read-char seek
    set-current-error-port set-current-input-port set-current-output-port set-port-column!
    set-port-conversion-strategy! set-port-encoding! set-port-filename! set-port-line! setvbuf
    the-eof-object truncate-file unread-char unread-string with-error-to-port with-error-to-string
    with-input-from-file with-input-from-port with-input-from-string with-output-to-file with-output-to-port
    with-output-to-string`,
  'ice-9 r5rs': `
    call-with-input-file call-with-output-file close-input-port close-output-port interaction-environment
    load open-input-file open-output-file with-input-from-file with-output-to-file`,
  'ice-9 rdelim': `
    %read-line`,
  rnrs: `
    &error &implementation-restriction &irritants &lexical &message &non-continuable &serious &syntax
    &violation &warning * + - ... / < <= = => > >= _ abs acos and append apply asin assert assoc assq assv
    atan begin binary-port? boolean? bound-identifier=? bytevector->sint-list bytevector->u8-list
    bytevector->uint-list bytevector-copy bytevector-copy! bytevector-fill!
    bytevector-ieee-double-native-ref bytevector-ieee-double-native-set! bytevector-ieee-double-ref
    bytevector-ieee-double-set! bytevector-ieee-single-native-ref bytevector-ieee-single-native-set!
    bytevector-ieee-single-ref bytevector-ieee-single-set! bytevector-length bytevector-s16-native-ref
    bytevector-s16-native-set! bytevector-s16-ref bytevector-s16-set! bytevector-s32-native-ref
    bytevector-s32-native-set! bytevector-s32-ref bytevector-s32-set! bytevector-s64-native-ref
    bytevector-s64-native-set! bytevector-s64-ref bytevector-s64-set! bytevector-s8-ref bytevector-s8-set!
    bytevector-sint-ref bytevector-sint-set! bytevector-u16-native-ref bytevector-u16-native-set!
    bytevector-u16-ref bytevector-u16-set! bytevector-u32-native-ref bytevector-u32-native-set!
    bytevector-u32-ref bytevector-u32-set! bytevector-u64-native-ref bytevector-u64-native-set!
    bytevector-u64-ref bytevector-u64-set! bytevector-u8-set! bytevector-uint-ref bytevector-uint-set!
    bytevector=? bytevector? caaaar caaadr caaar caadar caaddr caadr caar cadaar cadadr cadar caddar cadddr
    caddr cadr call-with-current-continuation call-with-input-file call-with-output-file call-with-port
    call-with-values call/cc car case case-lambda cdaaar cdaadr cdaar cdadar cdaddr cdadr cdar cddaar cddadr
    cddar cdddar cddddr cdddr cddr cdr ceiling char->integer char-alphabetic? char-ci<=? char-ci<? char-ci=?
    char-ci>=? char-ci>? char-downcase char-general-category char-lower-case? char-numeric? char-titlecase
    char-upcase char-upper-case? char-whitespace? char<=? char<? char=? char>=? char>? char?
    close-input-port close-output-port close-port command-line complex? cond cons cons* cos
    current-error-port current-input-port current-output-port datum->syntax define define-syntax delete-file
    denominator display do dynamic-wind else endianness eof-object eof-object? eq? equal? eqv? error even?
    exact-integer-sqrt exact? exit exp expt file-exists? filter finite? floor flush-output-port for-each
    free-identifier=? gcd generate-temporaries get-bytevector-all get-bytevector-n get-bytevector-n!
    get-bytevector-some get-char get-datum get-line get-string-all get-string-n identifier-syntax
    identifier? if imag-part inexact? input-port? integer->char integer? lambda lcm length let let*
    let-syntax letrec letrec* letrec-syntax list list->string list->vector list-ref list-tail list? log
    lookahead-char lookahead-u8 magnitude make-bytevector make-custom-binary-input-port
    make-custom-binary-output-port make-string make-variable-transformer make-vector map max member memq
    memv min nan? native-endianness negative? newline not null? number->string number? numerator odd?
    open-bytevector-input-port open-bytevector-output-port open-input-file open-output-file or output-port?
    pair? peek-char port-position port? positive? procedure? put-bytevector put-char put-string quasiquote
    quasisyntax quote raise-continuable rational? rationalize read read-char real-part real? record-accessor
    record-constructor record-predicate record-type-descriptor record-type-name record-type-opaque?
    record-type-parent record-type-uid record? reverse round set! sin sint-list->bytevector sqrt string
    string->list string->number string->symbol string->utf16 string->utf32 string->utf8 string-append
    string-ci<=? string-ci<? string-ci=? string-ci>=? string-ci>? string-copy string-downcase
    string-for-each string-hash string-length string-normalize-nfc string-normalize-nfd
    string-normalize-nfkc string-normalize-nfkd string-ref string-titlecase string-upcase string<=? string<?
    string=? string>=? string>? string? substring symbol->string symbol-hash symbol? syntax syntax->datum
    syntax-case syntax-rules syntax-violation tan textual-port? truncate u8-list->bytevector
    uint-list->bytevector unless unquote unquote-splicing unsyntax unsyntax-splicing utf16->string
    utf32->string utf8->string values vector vector->list vector-fill! vector-for-each vector-length
    vector-map vector-ref vector-set! vector? when with-exception-handler with-input-from-file
    with-output-to-file with-syntax write write-char zero?`,
  'rnrs base': `
    * + - ... / < <= = => > >= _ abs acos asin atan boolean? caaaar caaadr caaar caadar caaddr caadr caar
    cadaar cadadr cadar caddar cadddr caddr cadr call-with-current-continuation call/cc cdaaar cdaadr cdaar
    cdadar cdaddr cdadr cdar cddaar cddadr cddar cdddar cddddr cdddr cddr ceiling char->integer char<=?
    char<? char=? char>=? char>? char? complex? cos denominator else eq? equal? eqv? even? exact? exp expt
    finite? floor gcd imag-part inexact? integer->char integer? lcm length list->string list->vector
    list-ref list-tail list? log magnitude make-string make-vector max min negative? not null?
    number->string number? numerator odd? pair? positive? procedure? rational? rationalize real-part real?
    reverse round sin sqrt string string->list string->number string->symbol string-append string-copy
    string-length string-ref string<=? string<? string=? string>=? string>? string? substring symbol->string
    symbol? tan truncate unquote unquote-splicing vector vector->list vector-fill! vector-length vector-ref
    vector-set! vector? zero?`,
  'rnrs eval': `
    eval`,
  'rnrs io ports': `
    make-custom-binary-input/output-port`,
  'rnrs io simple': `
    input-port? output-port?`,
  'rnrs mutable-strings': `
    string-fill! string-set!`,
  'rnrs r5rs': `
    delay exact->inexact force inexact->exact modulo quotient remainder`,
  'rnrs unicode': `
    char-ci<=? char-ci<? char-ci=? char-ci>=? char-ci>? char-lower-case? char-titlecase char-upper-case?
    string-ci<=? string-ci<? string-ci=? string-ci>=? string-ci>? string-normalize-nfc string-normalize-nfd
    string-normalize-nfkc string-normalize-nfkd`,
  'scheme base': `
    * + - ... / < <= = => > >= _ abs and append apply assoc assq assv begin binary-port? boolean? bytevector
    bytevector-append bytevector-copy bytevector-copy! bytevector-length bytevector-u8-ref
    bytevector-u8-set! bytevector? caar cadr call-with-current-continuation call-with-port call-with-values
    call/cc car case cdar cddr cdr ceiling char->integer char-ready? char<=? char<? char=? char>=? char>?
    char? close-input-port close-output-port close-port complex? cond cond-expand cons current-error-port
    current-input-port current-output-port define define-syntax define-values denominator do dynamic-wind
    else eof-object eof-object? eq? equal? eqv? error even? exact-integer-sqrt exact-integer? exact? expt
    floor floor-quotient floor-remainder floor/ flush-output-port for-each gcd get-output-bytevector
    get-output-string if include inexact? input-port? integer->char integer? lambda lcm length let let*
    let-syntax letrec letrec* letrec-syntax list list->string list->vector list-copy list-ref list-set!
    list-tail list? make-bytevector make-list make-parameter make-string make-vector map max member memq
    memv min modulo negative? newline not null? number->string number? numerator odd? open-input-bytevector
    open-input-string open-output-bytevector open-output-string or output-port? pair? parameterize peek-char
    port? positive? procedure? quasiquote quote quotient raise-continuable rational? rationalize read-char
    read-line read-string real? remainder reverse round set! set-car! set-cdr! string string->list
    string->number string->symbol string->utf8 string-append string-copy string-copy! string-fill!
    string-for-each string-length string-map string-ref string-set! string<=? string<? string=? string>=?
    string>? string? substring symbol->string symbol? syntax-error syntax-rules textual-port? truncate
    truncate-quotient truncate-remainder truncate/ u8-ready? unless unquote unquote-splicing utf8->string
    values vector vector->list vector-append vector-copy vector-copy! vector-fill! vector-for-each
    vector-length vector-map vector-ref vector-set! vector? when with-exception-handler write-char
    write-string zero?`,
  'scheme case-lambda': `
    case-lambda`,
  'scheme char': `
    char-alphabetic? char-ci<=? char-ci<? char-ci=? char-ci>=? char-ci>? char-downcase char-lower-case?
    char-numeric? char-upcase char-upper-case? char-whitespace? digit-value string-ci<=? string-ci<?
    string-ci=? string-ci>=? string-ci>? string-downcase string-upcase`,
  'scheme complex': `
    imag-part magnitude real-part`,
  'scheme cxr': `
    caaaar caaadr caaar caadar caaddr caadr cadaar cadadr cadar caddar cadddr caddr cdaaar cdaadr cdaar
    cdadar cdaddr cdadr cddaar cddadr cddar cdddar cddddr cdddr`,
  'scheme eval': `
    eval`,
  'scheme file': `
    call-with-input-file call-with-output-file delete-file file-exists? open-input-file open-output-file
    with-input-from-file with-output-to-file`,
  'scheme inexact': `
    acos asin atan cos exp finite? log nan? sin sqrt tan`,
  'scheme lazy': `
    delay delay-force force make-promise promise?`,
  'scheme load': `
    load`,
  'scheme process-context': `
    command-line emergency-exit exit`,
  'scheme r5rs': `
    * + - ... / < <= = => > >= _ abs acos and append apply asin assoc assq assv atan begin boolean? caaaar
    caaadr caaar caadar caaddr caadr caar cadaar cadadr cadar caddar cadddr caddr cadr
    call-with-current-continuation call-with-values car cdaaar cdaadr cdaar cdadar cdaddr cdadr cdar cddaar
    cddadr cddar cdddar cddddr cdddr cddr cdr ceiling char->integer char-alphabetic? char-ci<=? char-ci<?
    char-ci=? char-ci>=? char-ci>? char-downcase char-lower-case? char-numeric? char-ready? char-upcase
    char-upper-case? char-whitespace? char<=? char<? char=? char>=? char>? char? complex? cons cos
    current-input-port current-output-port define define-syntax delay denominator display do dynamic-wind
    else eof-object? eq? equal? eqv? eval even? exact->inexact exact? exp expt floor for-each force gcd if
    imag-part inexact->exact inexact? input-port? integer->char integer? interaction-environment lambda lcm
    length let let* let-syntax letrec letrec-syntax list list->string list->vector list-ref list-tail list?
    log magnitude make-string make-vector map max member memq memv min modulo negative? newline not null?
    number->string number? numerator odd? or output-port? pair? peek-char positive? procedure? quasiquote
    quote quotient rational? rationalize read read-char real-part real? remainder reverse round set!
    set-car! set-cdr! sin sqrt string string->list string->number string->symbol string-append string-ci<=?
    string-ci<? string-ci=? string-ci>=? string-ci>? string-copy string-fill! string-length string-ref
    string-set! string<=? string<? string=? string>=? string>? string? substring symbol->string symbol?
    syntax-rules tan truncate unquote unquote-splicing values vector vector->list vector-fill! vector-length
    vector-ref vector-set! vector? write write-char zero?`,
  'scheme read': `
    read`,
  'scheme repl': `
    interaction-environment`,
  'scheme write': `
    display write write-shared write-simple`,
  'srfi srfi-13': `
    string-ci<> string-hash-ci string-map! string-reverse! string-titlecase! string-unfold-right xsubstring string-compare string-compare-ci
    string-prefix-length-ci string-suffix-length-ci string-concatenate-reverse/shared string-xcopy!`,
  'srfi srfi-14': `
    char-set-adjoin! char-set-complement! char-set-delete! char-set-difference! char-set-intersection!
    char-set-union! char-set-xor! char-set-filter! char-set-map char-set-unfold char-set-unfold! char-set-hash
    char-set-diff+intersection char-set-diff+intersection! char-set-cursor char-set-cursor-next char-set-ref
    end-of-char-set? list->char-set! string->char-set! ucs-range->char-set!`,
  'srfi srfi-17': `
    caaaar caaadr caaar caadar caaddr caadr caar cadaar cadadr cadar caddar cadddr caddr cadr car cdaaar
    cdaadr cdaar cdadar cdaddr cdadr cdar cddaar cddadr cddar cdddar cddddr cdddr cddr cdr string-ref
    vector-ref`,
  'srfi srfi-39': `
    current-error-port current-input-port current-output-port with-parameters*`,
  'srfi srfi-69': `
    string-hash`,
  'srfi srfi-88': `
    keyword?`,
  'system syntax': `
    syntax-sourcev`,
};
